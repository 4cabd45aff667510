"""What stands in the raw schema: feeds, their newest snapshots and gaps, and the quarantine. Reading only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ingestion import catalog

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

# Longer than this between two snapshots is a gap: dbt's var gap_seconds.
GAP = timedelta(minutes=45)


@dataclass(frozen=True)
class Gap:
    """Two neighbouring snapshots too far apart to know what happened in between."""

    from_at: datetime
    to_at: datetime


@dataclass(frozen=True)
class FeedStatus:
    """One feed, by the snapshots that count. `cadence` is the usual time between two; `gaps` are the latest."""

    feed: str
    snapshots: int
    first_at: datetime
    newest_at: datetime
    stations: int
    bikes: int
    cadence: timedelta | None
    gap_count: int
    gaps: tuple[Gap, ...]


@dataclass(frozen=True)
class QuarantinedFile:
    """A file that does not count, and why."""

    path: str
    reason: str
    detail: str
    first_seen_at: datetime


@dataclass(frozen=True)
class WarehouseStatus:
    """What was loaded and what was not. `quarantine` holds the latest of `quarantine_counts`, which is by reason."""

    feeds: tuple[FeedStatus, ...]
    quarantine_counts: dict[str, int]
    quarantine: tuple[QuarantinedFile, ...]
    duplicates: int
    unfinished_loads: int
    last_load_at: datetime | None
    database_bytes: int


_FEEDS = """
with counting as (
    select distinct on (s.feed, s.snapshot_at) s.feed, s.snapshot_at, s.previous_snapshot_at, s.station_count, s.bike_count
    from raw.snapshots s
    where exists (select from raw._dlt_loads l where l.load_id = s._dlt_load_id and l.status = 0)
    order by s.feed, s.snapshot_at, s.change_set_id desc
)

select
    feed,
    count(*),
    min(snapshot_at),
    max(snapshot_at),
    (array_agg(station_count order by snapshot_at desc))[1],
    (array_agg(bike_count order by snapshot_at desc))[1],
    percentile_disc(0.5) within group (order by snapshot_at - previous_snapshot_at),
    count(*) filter (where snapshot_at - previous_snapshot_at > %(gap)s),
    (array_agg(previous_snapshot_at order by snapshot_at desc) filter (where snapshot_at - previous_snapshot_at > %(gap)s))[:5],
    (array_agg(snapshot_at order by snapshot_at desc) filter (where snapshot_at - previous_snapshot_at > %(gap)s))[:5]
from counting
group by feed
order by feed
"""

_UNFINISHED = """
select count(distinct s._dlt_load_id)
from raw.snapshots s
where not exists (select from raw._dlt_loads l where l.load_id = s._dlt_load_id and l.status = 0)
"""


def warehouse_status(connection: Connection, quarantine_limit: int = 10) -> WarehouseStatus:
    """Look at the whole raw schema. `connection` must be in autocommit mode."""
    catalog.ensure_tables(connection)
    feeds: list[FeedStatus] = []
    unfinished, last_load_at = 0, None
    with connection.cursor() as cursor:
        if not catalog.is_empty(connection):
            cursor.execute(_FEEDS, {"gap": GAP})
            for feed, count, first, newest, stations, bikes, cadence, gap_count, gap_from, gap_to in cursor:
                gaps = tuple(Gap(*ends) for ends in zip(gap_from or (), gap_to or (), strict=True))
                feeds.append(FeedStatus(feed, count, first, newest, stations, bikes, cadence, gap_count, gaps))
            cursor.execute(_UNFINISHED)
            unfinished = cursor.fetchone()[0]
            cursor.execute("select max(inserted_at) from raw._dlt_loads where status = 0")
            last_load_at = cursor.fetchone()[0]
        cursor.execute(
            "select reason, count(*) from raw.quarantined_files where resolved_at is null group by 1 order by 2 desc, 1"
        )
        counts = dict(cursor.fetchall())
        cursor.execute(
            """
            select path, reason, detail, first_seen_at from raw.quarantined_files
            where resolved_at is null order by last_seen_at desc, path limit %s
            """,
            (quarantine_limit,),
        )
        quarantine = tuple(QuarantinedFile(*row) for row in cursor)
        cursor.execute("select count(*) from raw.duplicate_files")
        duplicates = cursor.fetchone()[0]
        cursor.execute("select pg_database_size(current_database())")
        size = cursor.fetchone()[0]
    return WarehouseStatus(tuple(feeds), counts, quarantine, duplicates, unfinished, last_load_at, size)
