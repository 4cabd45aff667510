"""What stands round ingestion and orchestration: a folder a subject, each with its own words on what belongs there.

Lowest is `core`, which knows nobody; on it stand `postgres`, `building`, then ingestion, then `monitoring` and `collecting`.
"""

from velib.core.settings import switch_telemetry_off

# dbt, dlt and Dagster call home unless told otherwise. Done on import: so whoever uses any part of the project is covered.
switch_telemetry_off()
