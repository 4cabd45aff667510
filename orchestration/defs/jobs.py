"""The jobs that keep the warehouse up to date, the one that tests all of its history, the one that cleans up, and the schedules."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from orchestration.defs import collecting, dbt, raw
from orchestration.lib.forgetting import DAYS, forget_runs, forget_told
from orchestration.lib.runs import has_run, has_succeeded, run_tags, unless_under_way

# Left out here and not on dbt's command line: a check that is planned and not run loses the result it had.
_LOADED_AND_BUILT = (
    dg.AssetSelection.all()
    - dg.AssetSelection.checks(*dbt.full_data_tests)
    - dg.AssetSelection.assets(raw.dead_rows, raw.archive, collecting.poll)
)

load_and_build = dg.define_asset_job(
    "load_and_build",
    selection=_LOADED_AND_BUILT,
    description="Load what is new in the landing zone, build the marts from it, run the data tests but those tagged full.",
    tags=run_tags(priority=10, hours=12),
)

poll_load_and_build = dg.define_asset_job(
    "poll_load_and_build",
    selection=_LOADED_AND_BUILT | dg.AssetSelection.assets(collecting.poll),
    description="Ask the feeds, write what they answer into the landing zone, and go on as load_and_build does.",
    tags=run_tags(priority=10, hours=12),
)

backfill = dg.define_asset_job(
    "backfill",
    selection=dg.AssetSelection.assets(raw.archive),
    description="Load an archive, day by day. Between two of its runs the live feed is loaded and built, these days with it.",
    tags=run_tags(priority=-10, hours=12),
)

full_data_tests = dg.define_asset_job(
    "full_data_tests",
    selection=dg.AssetSelection.checks(*dbt.data_tests),
    description="Run all data tests, those tagged full too, which read all of history. Builds nothing.",
    tags=run_tags(priority=0, hours=6),
)

clean = dg.define_asset_job(
    "clean",
    selection=dg.AssetSelection.assets(raw.dead_rows),
    description="Remove the rows that killed loads left. Waits for a load that is under way.",
    tags=run_tags(priority=0, hours=1),
)


@dg.op(
    description=f"Deletes what Dagster remembers of runs, and of what velib poll told it, of more than {DAYS} days ago."
)
def forget_old(context: dg.OpExecutionContext) -> None:
    before = datetime.now(UTC) - timedelta(days=DAYS)
    names = (*LIVE, full_data_tests.name, clean.name, forget.name)
    runs, told = forget_runs(context.instance, names, before), forget_told(context.instance, before)
    context.log.info(f"forgot {runs} runs and {told} events without one")


@dg.job(
    description="Keep Dagster's own storage from growing for ever. A backfill stays: it says which days there are.",
    tags={"dagster/max_runtime": "3600"},  # it writes nothing into the warehouse: it waits for nobody
)
def forget() -> None:
    forget_old()


# Each build makes it.
BUILT = dg.AssetKey(["mart", "fct_refresh"])
LIVE = (load_and_build.name, poll_load_and_build.name)


@dg.schedule(
    name="every_quarter_of_an_hour",
    job=load_and_build,
    cron_schedule="*/15 * * * *",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="For a landing zone whose files cannot be watched. Off by default: the sensor landing_files is on.",
)
def every_quarter_of_an_hour(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    return unless_under_way(context.instance, *LIVE)


@dg.schedule(
    name="poll_every_quarter_of_an_hour",
    job=poll_load_and_build,
    cron_schedule="*/15 * * * *",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Collects the feeds of poll.toml. Off by default. From 5 minutes on; for less, run `velib poll --every 1m`.",
)
def poll_every_quarter_of_an_hour(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    return unless_under_way(context.instance, *LIVE)


@dg.schedule(
    name="hourly_clean",
    job=clean,
    cron_schedule="17 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="What `velib clean` does. Where no load was killed, it finds nothing and costs nothing.",
)
def hourly_clean(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    return unless_under_way(context.instance, clean.name)


@dg.schedule(
    name="daily_full_data_tests",
    job=full_data_tests,
    cron_schedule="41 3 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="All data tests, at night (UTC): builds wait meanwhile. Not before something was built.",
)
def daily_full_data_tests(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    if not _is_built(context.instance):
        return dg.SkipReason("nothing has been built yet")
    return unless_under_way(context.instance, full_data_tests.name)


@dg.schedule(
    name="first_full_data_tests",
    job=full_data_tests,
    cron_schedule="*/15 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="All data tests once, soon after the first build: no check is to look as if nobody ran it. From then on at night.",
)
def first_full_data_tests(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    if has_run(context.instance, full_data_tests.name):
        return dg.SkipReason("they have run; from now on they do at night")
    return dg.RunRequest() if _is_built(context.instance) else dg.SkipReason("nothing has been built yet")


def _is_built(instance: dg.DagsterInstance) -> bool:
    """From here, or elsewhere, where Dagster has been told."""
    return has_succeeded(instance, *LIVE) or instance.get_latest_materialization_event(BUILT) is not None


@dg.schedule(
    name="daily_forget",
    job=forget,
    cron_schedule="23 4 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="At night (UTC).",
)
def daily_forget(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    return unless_under_way(context.instance, forget.name)
