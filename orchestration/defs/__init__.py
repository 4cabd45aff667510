"""What Dagster shows: assets by layer (`landing`, `raw`, `dbt`), the job with its schedule, the sensor. No helpers here."""
