"""Rules over what was loaded and built, the incidents that come of them, and who is told: `velib alert`.

Nothing here decides about data, and it knows no Dagster and no dbt: it reads `raw` and `mart`, and keeps what it has to
remember in a schema of its own.
"""
