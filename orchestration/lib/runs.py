"""Questions to Dagster about its runs; and what runs may: not side by side, not for ever, more than once."""

from collections.abc import Iterable

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

# Runs that load or build wait for one another anyway, at the locks of the database. With this tag they wait in the queue
# (tag_concurrency_limits in dagster.yaml), where the one that is wanted soonest comes first.
WRITES = "velib/writes"

# What may pass by itself: a database that restarts, a disk that was full. What will not (a refused build) says allow_retries=False.
RETRIES = dg.RetryPolicy(max_retries=3, delay=20, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


def run_tags(*, priority: int, hours: int) -> dict[str, str]:
    """Of a job that loads or builds. Of those in the queue the highest priority is started first; one that hangs is ended."""
    return {WRITES: "true", "dagster/priority": str(priority), "dagster/max_runtime": str(hours * 3600)}


def is_under_way(instance: dg.DagsterInstance, *job_names: str) -> bool:
    """Whether a run of one of the jobs waits or runs, whoever started it."""
    return any(_count(instance, name, _UNDER_WAY) for name in job_names)


def has_succeeded(instance: dg.DagsterInstance, *job_names: str) -> bool:
    """Whether a run of one of the jobs ever has."""
    return any(_count(instance, name, [dg.DagsterRunStatus.SUCCESS]) for name in job_names)


def has_run(instance: dg.DagsterInstance, job_name: str) -> bool:
    """Whether there is any run of the job, whatever has become of it."""
    return instance.get_runs_count(dg.RunsFilter(job_name=job_name)) > 0


def unless_under_way(instance: dg.DagsterInstance, *job_names: str) -> dg.RunRequest | dg.SkipReason:
    """What a schedule answers: a run, but not beside another of these jobs."""
    if is_under_way(instance, *job_names):
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


def _count(instance: dg.DagsterInstance, job_name: str, statuses: Iterable[dg.DagsterRunStatus]) -> int:
    return instance.get_runs_count(dg.RunsFilter(job_name=job_name, statuses=list(statuses)))
