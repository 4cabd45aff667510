"""The code location `orchestration.definitions:defs`. Only puts together what `defs/` defines.

Loads without a database and without any credential: both are looked for when something runs.
"""

import dagster as dg

from orchestration.defs import collecting, dbt, jobs, landing, raw, sensors
from orchestration.lib.landing_zone import LandingZone
from orchestration.lib.resources import Dbt, Warehouse

defs = dg.Definitions(
    assets=[landing.snapshots, collecting.poll, raw.tables, raw.archive, raw.dead_rows, dbt.models],
    jobs=[jobs.load_and_build, jobs.poll_load_and_build, jobs.backfill, jobs.full_data_tests, jobs.clean, jobs.forget],
    schedules=[
        jobs.every_quarter_of_an_hour,
        jobs.poll_every_quarter_of_an_hour,
        jobs.hourly_clean,
        jobs.daily_full_data_tests,
        jobs.first_full_data_tests,
        jobs.daily_forget,
    ],
    sensors=[sensors.landing_files, sensors.alerts, sensors.made_elsewhere],
    resources={"landing_zone": LandingZone(), "warehouse": Warehouse(), "dbt": Dbt()},
    # One process for a whole run: a process for each step takes seconds, and there is nothing to run side by side.
    executor=dg.in_process_executor,
)
