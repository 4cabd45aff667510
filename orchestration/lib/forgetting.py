"""What Dagster remembers is kept for a month, not for ever: a run of load_and_build is 1.3 MB, a tick of `velib poll` 8 kB.

Kept for good are, of each job, the latest run and the latest that succeeded, and all runs of the backfill: they say which
days are there.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator
from datetime import datetime

import dagster as dg
from dagster._core.instance.utils import RUNLESS_RUN_ID
from dagster._core.storage.event_log import SqlEventLogStorage, SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

DAYS = 30

# So many runs of a job at a time: the rest the next day.
_MOST = 1000
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def forget_runs(instance: dg.DagsterInstance, job_names: Iterable[str], before: datetime) -> int:
    """Delete what is left of the runs that were created before then; how many those were."""
    count = 0
    for name in job_names:
        kept = {run.run_id for run in _latest(instance, name)}
        old = dg.RunsFilter(job_name=name, statuses=_ENDED, created_before=before)
        for run in instance.get_runs(old, limit=_MOST):
            if run.run_id not in kept:
                _forget(instance, run.run_id)
                count += 1
    return count


def forget_told(instance: dg.DagsterInstance, before: datetime) -> int:
    """Delete the events from before then that no run has made (`velib poll` tells them); how many those were.

    An asset keeps what its latest event says. Dagster has no function for this: it deletes all of a run's events or none.
    """
    storage = instance.event_log_storage
    count = 0
    if isinstance(storage, SqlEventLogStorage):
        table = SqlEventLogStorageTable
        old = table.delete().where(table.c.run_id == RUNLESS_RUN_ID, table.c.timestamp < before.replace(tzinfo=None))
        # In SQLite these are two files, and what both have is counted once; in PostgreSQL the second finds nothing.
        for connect in (lambda: storage.run_connection(RUNLESS_RUN_ID), storage.index_connection):
            with connect() as connection:
                count = max(count, connection.execute(old).rowcount)
    return count


def _forget(instance: dg.DagsterInstance, run_id: str) -> None:
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    instance.delete_run(run_id)
    storage = instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage):  # it empties the file of a run, and leaves it as large as it was
        with contextlib.suppress(FileNotFoundError):
            os.unlink(storage.path_for_shard(run_id))


def _latest(instance: dg.DagsterInstance, name: str) -> Iterator[dg.DagsterRun]:
    yield from instance.get_runs(dg.RunsFilter(job_name=name), limit=1)
    yield from instance.get_runs(dg.RunsFilter(job_name=name, statuses=[dg.DagsterRunStatus.SUCCESS]), limit=1)
