"""The sensors: one starts the job when files land, one evaluates the alerts, one notes what was made elsewhere. See `lib/`."""

import time

import dagster as dg

from orchestration.defs import dbt, landing, raw
from orchestration.defs.jobs import LIVE, load_and_build
from orchestration.lib.alerts import evaluate
from orchestration.lib.landing_cursor import Cursor, decide
from orchestration.lib.landing_zone import LandingZone
from orchestration.lib.made_elsewhere import events, latest_build
from orchestration.lib.resources import Warehouse
from orchestration.lib.runs import is_under_way, outcome


@dg.sensor(
    name="landing_files",
    job=load_and_build,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts load_and_build when files of the landing zone are new or changed, and again after a failed run.",
)
def landing_files(context: dg.SensorEvaluationContext, landing_zone: LandingZone) -> dg.SensorResult | dg.SkipReason:
    if is_under_way(context.instance, *LIVE):
        return dg.SkipReason("a run is under way")
    before = Cursor.read(context.cursor)
    state = landing_zone.scan()
    last = outcome(context.instance, load_and_build.name, before.run_key)
    decision = decide(before, state.fingerprint, state.has_files, last, time.time())
    cursor = decision.cursor.write()
    if not decision.start:
        return dg.SensorResult(skip_reason=decision.reason, cursor=cursor)
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=decision.cursor.run_key)],
        cursor=cursor,
        asset_events=[dg.AssetObservation(landing.snapshots.key, metadata=state.metadata())],
    )


@dg.sensor(
    name="alerts",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Evaluates the rules of [alerts] in poll.toml, where there are any, and tells who has to be told. Starts no run.",
)
def alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    # No run, since one takes 20 seconds to start; by the clock, since a feed may be silent; and apart from builds, since none
    # must fail for its sake.
    return dg.SkipReason(evaluate())


@dg.sensor(
    name="made_elsewhere",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Notes the tables that velib load, build or demo have made and Dagster has never heard of. Starts no run.",
)
def made_elsewhere(context: dg.SensorEvaluationContext, warehouse: Warehouse) -> dg.SensorResult | dg.SkipReason:
    if is_under_way(context.instance, *LIVE):
        return dg.SkipReason("a run is under way")
    with warehouse.connect() as connection:
        build = latest_build(connection)
        if build is None:
            return dg.SkipReason("nothing has been built yet")
        if build[0] == context.cursor:
            return dg.SkipReason("nothing has been built since")
        found = events(connection, context.instance, [*raw.tables.keys, *dbt.models.keys], build[1])
    return dg.SensorResult(asset_events=found, cursor=build[0])
