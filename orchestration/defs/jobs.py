"""The job that keeps the warehouse up to date, the one that tests all of its history, the one that cleans up, and the schedules."""

import dagster as dg

from orchestration.defs import dbt, raw
from orchestration.lib.runs import unless_under_way

load_and_build = dg.define_asset_job(
    "load_and_build",
    # Left out here and not on dbt's command line: a check that is planned and not run loses the result it had.
    selection=dg.AssetSelection.all()
    - dg.AssetSelection.checks(*dbt.full_data_tests)
    - dg.AssetSelection.assets(raw.dead_rows),
    description="Load what is new in the landing zone, build the marts from it, run the data tests but those tagged full.",
)

full_data_tests = dg.define_asset_job(
    "full_data_tests",
    selection=dg.AssetSelection.checks(*dbt.data_tests),
    description="Run all data tests, those tagged full too, which read all of history. Builds nothing.",
)

clean = dg.define_asset_job(
    "clean",
    selection=dg.AssetSelection.assets(raw.dead_rows),
    description="Remove the rows that killed loads left. Waits for a load that is under way.",
)


@dg.schedule(
    name="every_quarter_of_an_hour",
    job=load_and_build,
    cron_schedule="*/15 * * * *",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="For a landing zone whose files cannot be watched. Off by default: the sensor landing_files is on.",
)
def every_quarter_of_an_hour(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    return unless_under_way(context.instance, load_and_build.name)


@dg.schedule(
    name="hourly_clean",
    job=clean,
    cron_schedule="17 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="What `velib clean` does. Where no load was killed, it finds nothing and costs nothing.",
)
def hourly_clean(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    return unless_under_way(context.instance, clean.name)
