"""What every other part stands on: settings, the embedded PostgreSQL, the `velib` command. Imports no other package."""

from warehouse.settings import switch_telemetry_off

# dbt, dlt and Dagster call home unless told otherwise. Done on import: so whoever uses any part of the project is covered.
switch_telemetry_off()
