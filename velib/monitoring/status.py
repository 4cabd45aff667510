"""What stands in the raw schema: feeds, their newest snapshots and gaps, the quarantine; how far the marts are.

Reading only, but that a raw schema which is missing or older is made or migrated first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ingestion.loading import catalog, raw_schema
from velib.building.dbt_process import BUILD_LOCK, BUILDS, NEWEST_BUILD_FIRST
from velib.core import settings
from velib.monitoring.collection_gap import gap_of_marts
from velib.postgres import advisory_lock

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812


@dataclass(frozen=True)
class Gap:
    """Two neighbouring snapshots too far apart to know what happened in between."""

    from_at: datetime
    to_at: datetime


@dataclass(frozen=True)
class FeedStatus:
    """One feed, by the snapshots that count. `cadence` is the usual time between two of late; `gaps` are the latest.

    `newest_loaded_at` is when the load of the newest had ended.
    """

    feed: str
    snapshots: int
    first_at: datetime
    newest_at: datetime
    stations: int
    bikes: int
    cadence: timedelta | None
    gap_count: int
    gaps: tuple[Gap, ...]
    newest_loaded_at: datetime | None = None


@dataclass(frozen=True)
class QuarantinedFile:
    """A file that does not count, and why."""

    path: str
    reason: str
    detail: str
    first_seen_at: datetime


@dataclass(frozen=True)
class LastBuild:
    """The latest run that made models. `ended_at` is None for one under way, and for one that died.

    Only what velib or Dagster builds is known to be under way.
    """

    started_at: datetime
    ended_at: datetime | None
    has_succeeded: bool
    is_under_way: bool


@dataclass(frozen=True)
class WarehouseStatus:
    """What was loaded and what was not. `quarantine` holds some of `quarantine_counts`, which is by reason: the latest, of each
    reason one first.

    `loading_since` is of a load under way; `dead_loads` began, never came to an end, and left rows that count for nothing.
    `not_built` is how many change sets the marts do not have yet, None where no mart has been built; `behind_since` is when the
    first of them was loaded. `missing` is what users read and is not there, though the mart has been built.
    What lies further apart than `gap` has a gap between.
    """

    feeds: tuple[FeedStatus, ...]
    quarantine_counts: dict[str, int]
    quarantine: tuple[QuarantinedFile, ...]
    duplicates: int
    loading_since: datetime | None
    dead_loads: int
    last_load_at: datetime | None
    not_built: int | None
    last_build: LastBuild | None
    database_bytes: int
    behind_since: datetime | None = None
    missing: tuple[str, ...] = ()
    gap: timedelta = field(kw_only=True)


# Each part takes what it tells through an index, however much there is: of the snapshots only the latest thousand are read.
_FEEDS = f"""
select
    f.feed,
    f.snapshots,
    oldest.snapshot_at,
    newest.snapshot_at,
    newest.station_count,
    newest.bike_count,
    lately.cadence,
    gaps.how_many,
    gaps.latest_from,
    gaps.latest_to,
    newest.loaded_at
from raw.feeds f
cross join lateral (
    select s.snapshot_at from raw.snapshots s
    where s.feed = f.feed and {catalog.IS_COMPLETE}
    order by s.snapshot_at limit 1
) as oldest
cross join lateral (
    select
        s.snapshot_at,
        s.station_count,
        s.bike_count,
        (select l.completed_at from raw.loads l where l.load_id = s._dlt_load_id) as loaded_at
    from raw.snapshots s
    where s.feed = f.feed and {catalog.IS_COMPLETE}
    order by s.snapshot_at desc, s.change_set_id desc limit 1
) as newest
cross join lateral (
    select percentile_disc(0.5) within group (order by latest.snapshot_at - latest.previous_snapshot_at) as cadence
    from (
        select distinct on (s.snapshot_at) s.snapshot_at, s.previous_snapshot_at from raw.snapshots s
        where s.feed = f.feed and {catalog.IS_COMPLETE}
        order by s.snapshot_at desc, s.change_set_id desc limit 1000
    ) as latest
) as lately
cross join lateral (
    select
        count(*) as how_many,
        (array_agg(gap.previous_snapshot_at order by gap.snapshot_at desc))[:5] as latest_from,
        (array_agg(gap.snapshot_at order by gap.snapshot_at desc))[:5] as latest_to
    from raw.snapshots gap
    where gap.feed = f.feed and gap.snapshot_at - gap.previous_snapshot_at > %(gap)s
        and gap.change_set_id = (
            select s.change_set_id from raw.snapshots s
            where s.feed = f.feed and s.snapshot_at = gap.snapshot_at and {catalog.IS_COMPLETE}
            order by s.change_set_id desc limit 1
        )
) as gaps
order by f.feed
"""

# A load that is not complete is under way when the session that holds the load lock was there before it.
_LOADS = """
select
    max(without_end.started_at) filter (where without_end.is_under_way),
    count(*) filter (where not without_end.is_under_way),
    (select max(l.completed_at) from raw.loads l)
from (
    select l.started_at, l.started_at >= coalesce(%(locked_since)s::timestamptz, 'infinity') as is_under_way
    from raw.loads l
    where l.completed_at is null and l.cleaned_at is null
) as without_end
"""

# The models move on together; after a build that died the hindmost says what is missing. A model that is no more is not behind.
_NOT_BUILT = """
select count(*), min(l.completed_at)
from raw.snapshots s join raw.loads l on l.load_id = s._dlt_load_id
where l.completed_at is not null and s.change_set_id > (
    select min(w.change_set_id) from intermediate.build_watermarks w
    where coalesce(to_regclass('mart.' || quote_ident(w.model_name)), to_regclass('intermediate.' || quote_ident(w.model_name)))
        is not null
)
"""

# A build under the lock is under way when the session that holds it was there before. Plain dbt holds none: nobody knows.
_LAST_BUILD = f"""
select
    b.started_at,
    b.ended_at,
    coalesce(b.has_succeeded, false),
    b.ended_at is null and b.started_at >= coalesce(%(locked_since)s::timestamptz, 'infinity')
from {BUILDS}
order by {NEWEST_BUILD_FIRST}
limit 1
"""

_MISSING = (
    "select name from unnest(%s) with ordinality as named (name, place) where to_regclass(name) is null order by place"
)


def warehouse_status(connection: Connection, quarantine_limit: int = 10) -> WarehouseStatus:
    """Look at the raw schema, at no more of it than is told. `connection` must be in autocommit mode."""
    raw_schema.ensure(connection)
    feeds: list[FeedStatus] = []
    with connection.cursor() as cursor:
        gap = gap_of_marts(cursor)
        cursor.execute(_FEEDS, {"gap": gap})
        for feed, count, first, newest, stations, bikes, cadence, gap_count, gap_from, gap_to, loaded in cursor:
            gaps = tuple(Gap(*ends) for ends in zip(gap_from or (), gap_to or (), strict=True))
            feeds.append(FeedStatus(feed, count, first, newest, stations, bikes, cadence, gap_count, gaps, loaded))
        cursor.execute(_LOADS, {"locked_since": _locked_since(connection, raw_schema.LOAD_LOCK)})
        loading_since, dead, last_load_at = cursor.fetchone()
        not_built = behind_since = last_build = None
        missing: tuple[str, ...] = ()
        if _exists(cursor, "mart.fct_trips"):
            cursor.execute(_NOT_BUILT)
            not_built, behind_since = cursor.fetchone()
        if _exists(cursor, "intermediate.builds"):
            cursor.execute(_LAST_BUILD, {"locked_since": _locked_since(connection, BUILD_LOCK)})
            last_build = next((LastBuild(*row) for row in cursor), None)
        if last_build is not None:
            cursor.execute(_MISSING, (_relations_of_users(),))
            missing = tuple(name for (name,) in cursor)
        cursor.execute(
            "select reason, count(*) from raw.quarantined_files where resolved_at is null group by 1 order by 2 desc, 1"
        )
        counts = dict(cursor.fetchall())
        cursor.execute(
            """
            select path, reason, detail, first_seen_at
            from (
                select q.*, row_number() over (partition by reason order by last_seen_at desc, path) as of_reason
                from raw.quarantined_files q
                where resolved_at is null
            ) as q
            order by of_reason, last_seen_at desc, path limit %s
            """,
            (quarantine_limit,),
        )
        quarantine = tuple(QuarantinedFile(*row) for row in cursor)
        cursor.execute("select count(*) from raw.duplicate_files")
        duplicates = cursor.fetchone()[0]
        cursor.execute("select pg_database_size(current_database())")
        size = cursor.fetchone()[0]
    return WarehouseStatus(
        feeds=tuple(feeds),
        quarantine_counts=counts,
        quarantine=quarantine,
        duplicates=duplicates,
        loading_since=loading_since,
        dead_loads=dead,
        last_load_at=last_load_at,
        not_built=not_built,
        last_build=last_build,
        database_bytes=size,
        behind_since=behind_since,
        missing=missing,
        gap=gap,
    )


def _relations_of_users() -> list[str]:
    """The tables and views of mart and compat, as the project has them: a model's file has its name."""
    models = settings.dbt_project() / "models"
    return [
        f"{schema}.{file.stem}" for schema in ("mart", "compat") for file in sorted((models / schema).rglob("*.sql"))
    ]


def _locked_since(connection: Connection, number: int) -> datetime | None:
    found = advisory_lock.holder(connection, number)
    return None if found is None else found[1]


def _exists(cursor: Any, table: str) -> bool:
    cursor.execute("select to_regclass(%s) is not null", (table,))
    return bool(cursor.fetchone()[0])
