"""Questions to Dagster about its runs."""

import dagster as dg

from orchestration.lib.landing_cursor import Outcome

RUN_KEY_TAG = "dagster/run_key"
_UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def is_under_way(instance: dg.DagsterInstance, job_name: str) -> bool:
    """Whether a run of the job waits or runs, whoever started it."""
    return instance.get_runs_count(dg.RunsFilter(job_name=job_name, statuses=_UNDER_WAY)) > 0


def unless_under_way(instance: dg.DagsterInstance, job_name: str) -> dg.RunRequest | dg.SkipReason:
    """What a schedule answers: a run, but not beside another of its job."""
    if is_under_way(instance, job_name):
        return dg.SkipReason("the run before is still under way")
    return dg.RunRequest()


def outcome(instance: dg.DagsterInstance, job_name: str, run_key: str | None) -> Outcome:
    """What became of the run that was asked for under this key. A re-execution of it has the same key: the latest decides."""
    if run_key is None:
        return Outcome("none")
    records = instance.get_run_records(dg.RunsFilter(job_name=job_name, tags={RUN_KEY_TAG: run_key}), limit=1)
    if not records:
        return Outcome("none")
    if records[0].dagster_run.status == dg.DagsterRunStatus.SUCCESS:
        return Outcome("succeeded")
    return Outcome("failed", records[0].end_time or records[0].update_timestamp.timestamp())
