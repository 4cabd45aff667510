"""How long snapshots took into the mart: of those captured of late, from what builds have written down (mart.fct_refresh)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812


@dataclass(frozen=True)
class Seconds:
    """Of several lengths of time the least, the mean, that which 95 % do not exceed, and the most."""

    min: float
    mean: float
    p95: float
    max: float


@dataclass(frozen=True)
class RefreshTime:
    """Of one feed: how many snapshots captured in the window are in the mart, and how long they took there."""

    feed: str
    snapshots: int
    from_capture: Seconds
    from_landing: Seconds


# Each snapshot with the first build that had it. One that was written again says when that was, and is left out, as is what was
# built before there was this record. Only the window is read, through the index on feed and time.
_REFRESH_TIMES = """
select
    recent.feed,
    count(*)::integer,
    min(age.captured), avg(age.captured), percentile_cont(0.95) within group (order by age.captured), max(age.captured),
    min(age.landed), avg(age.landed), percentile_cont(0.95) within group (order by age.landed), max(age.landed)
from raw.feeds f
cross join lateral (
    select s.feed, s.snapshot_at, s.change_set_id from intermediate.int_snapshots s
    where s.feed = f.feed and s.snapshot_at > now() - %s and s.snapshot_at <= now() and not s.is_rewritten
) as recent
cross join lateral (
    select coalesce(to_timestamp(r.file_modified_ns / 1e9), l.started_at) as landed_at
    from raw.snapshots r join raw.loads l on l.load_id = r._dlt_load_id
    where r.change_set_id = recent.change_set_id and l.completed_at is not null
) as file
cross join lateral (
    select b.visible_at, b.feed from intermediate.refreshes b
    where b.through_change_set_id >= recent.change_set_id
        and b.raw_id is not distinct from (select raw_id from raw.layout)
    order by b.through_change_set_id, b.visible_at limit 1
) as build
cross join lateral (
    select
        extract(epoch from build.visible_at - recent.snapshot_at)::double precision as captured,
        extract(epoch from build.visible_at - file.landed_at)::double precision as landed
) as age
where build.feed is not null
group by recent.feed
order by recent.feed
"""


def refresh_times(connection: Connection, window: timedelta) -> tuple[RefreshTime, ...]:
    """By feed, of the snapshots captured since `window` ago; nothing of feeds without such."""
    with connection.cursor() as cursor:
        if not _is_there(cursor):
            return ()
        cursor.execute(_REFRESH_TIMES, (window,))
        return tuple(RefreshTime(row[0], row[1], Seconds(*row[2:6]), Seconds(*row[6:10])) for row in cursor)


def _is_there(cursor: Any) -> bool:
    cursor.execute(
        "select to_regclass('intermediate.refreshes') is not null and to_regclass('intermediate.int_snapshots') is not null"
    )
    return bool(cursor.fetchone()[0])
