"""Figures of the pipeline, as the mart tells them to the reader: what was collected, how fresh it is, how the builds went.

For /v1/pipeline/status, for /metrics and for whoever asks next: looked up once for all who ask within some seconds.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from velib.api.database import Database
from velib.api.freshness import NEWEST_BUILDS_FIRST, Watch

_SECONDS = 15.0
# Of late: the period of what is counted or averaged.
WINDOW = timedelta(hours=24)
QUARANTINE_DAYS = 31

_FEEDS = """
select
    feed,
    count(*) as snapshots,
    min(snapshot_at) as first_snapshot_at,
    max(snapshot_at) as newest_snapshot_at,
    count(*) filter (where is_after_gap) as gaps,
    max(snapshot_at) filter (where is_after_gap) as newest_gap_ended_at
from mart.fct_snapshots
group by feed
order by feed
"""
_NEWEST = """
select
    newest.station_count as stations,
    newest.bike_count as bikes,
    (
        select percentile_disc(0.5) within group (order by late.gap_seconds)
        from (
            select s.gap_seconds from mart.fct_snapshots as s where s.feed = $1::text order by s.snapshot_at desc limit 1000
        ) as late
    ) as cadence_seconds
from (
    select s.station_count, s.bike_count from mart.fct_snapshots as s
    where s.feed = $1::text order by s.snapshot_at desc limit 1
) as newest
"""
_QUARANTINE = """
select feed, sum(quarantined_files)::bigint as files, sum(duplicate_files)::bigint as duplicates
from mart.kpi_collection_daily
where feed = $1::text and date_day > $2::date
group by feed
"""
_REFRESH = """
select feed, snapshots, capture_seconds_mean as mean_seconds, capture_seconds_p95 as p95_seconds from mart.kpi_refresh_now
"""
_BUILDS = """
select
    count(*) filter (where started_at > now() - $1::interval) as builds,
    count(*) filter (where started_at > now() - $1::interval and not has_succeeded) as failed
from mart.fct_builds
"""
_LAST_BUILD = f"select b.started_at, b.ended_at, b.has_succeeded, b.duration_seconds {NEWEST_BUILDS_FIRST} limit 1"


@dataclass(frozen=True)
class Figures:
    """Rows by their columns' names. `at` is the database's clock when they were asked for."""

    at: datetime
    feeds: tuple[dict[str, Any], ...]
    last_build: dict[str, Any] | None
    builds: int
    failed_builds: int


class Pipeline:
    """Asks for the figures, and not more often than worth it."""

    def __init__(self, database: Database, watch: Watch) -> None:
        self._database, self._watch = database, watch
        self._lock = asyncio.Lock()
        self._found: Figures | None = None
        self._asked_at = float("-inf")

    async def figures(self) -> Figures:
        async with self._lock:
            if self._found is None or time.monotonic() - self._asked_at >= _SECONDS:
                self._found = await self._ask()
                self._asked_at = time.monotonic()
            return self._found

    async def _ask(self) -> Figures:
        await self._watch.now()  # a mart that is not there says so
        ask = self._database.fetch
        refresh = {row["feed"]: row for row in await ask(_REFRESH)}
        feeds = []
        for row in await ask(_FEEDS):
            [newest] = await ask(_NEWEST, row["feed"])
            since = row["newest_snapshot_at"].date() - timedelta(days=QUARANTINE_DAYS)
            files = await ask(_QUARANTINE, row["feed"], since)
            seen = refresh.get(row["feed"])
            feeds.append(
                {
                    **row,
                    **newest,
                    "quarantined_files": files[0]["files"] if files else 0,
                    "duplicate_files": files[0]["duplicates"] if files else 0,
                    "refreshed_snapshots": seen["snapshots"] if seen else 0,
                    "refresh_seconds_mean": seen["mean_seconds"] if seen else None,
                    "refresh_seconds_p95": seen["p95_seconds"] if seen else None,
                }
            )
        [counts] = await ask(_BUILDS, WINDOW)
        last = await ask(_LAST_BUILD)
        [[at]] = await ask("select now()")
        return Figures(at, tuple(feeds), dict(last[0]) if last else None, counts["builds"], counts["failed"])
