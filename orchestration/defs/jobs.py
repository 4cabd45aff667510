"""The job that keeps the warehouse up to date, and the schedule that may start it."""

import dagster as dg

from orchestration.lib.runs import is_under_way

load_and_build = dg.define_asset_job(
    "load_and_build",
    selection=dg.AssetSelection.all(),
    description="Load what is new in the landing zone, build the marts from it, run the data tests.",
)


@dg.schedule(
    name="every_quarter_of_an_hour",
    job=load_and_build,
    cron_schedule="*/15 * * * *",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="For a landing zone whose files cannot be watched. Off by default: the sensor landing_files is on.",
)
def every_quarter_of_an_hour(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    if is_under_way(context.instance, load_and_build.name):
        return dg.SkipReason("the run before is still under way")
    return dg.RunRequest()
