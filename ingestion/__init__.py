"""Snapshot files to the raw schema: formats, landing zone, change capture, the dlt source. Knows no Dagster and no dbt."""
