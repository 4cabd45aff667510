"""Pruning the change sets of long ago: what the marts have applied and nothing can ask for again goes out of raw.

What stays is what the rest of a feed stands on: its snapshots; of each station what was last said of it; of each bike all
that was said since it came to where it stood at the end of the pruned stretch. With that any later snapshot can still be
rebuilt, and after a late file behind that end a bike's interval is read again as if all were there. A late file before it is
refused by the loader, and a full refresh by dbt (macros/engine/guards.sql): both would need what is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ingestion.capture.arrow_tables import CHANGE_SETS
from ingestion.loading import catalog, raw_schema
from velib.building.dbt_process import BUILD_LOCK
from velib.core.errors import VelibError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

# The models that hold what change sets say. Each has to have applied a change set before that may go.
READERS = (
    "int_snapshots",
    "int_stations",
    "int_bikes",
    "int_station_status",
    "int_station_absences",
    "int_station_attributes",
    "int_station_history",
    "int_bike_locations",
    "int_trips",
)


@dataclass(frozen=True)
class Pruned:
    """How many change sets of a feed were looked at, and how many changes went. `through` is the last snapshot of the stretch."""

    feed: str
    through: datetime
    change_sets: int
    changes: dict[str, int] = field(default_factory=dict)


def prune(
    connection: Connection,
    before: datetime | Callable[[str], datetime | None],
    dry_run: bool = False,
    on_wait: Callable[[], None] | None = None,
) -> list[Pruned]:
    """Prune the change sets of the snapshots before a time, which may be another for each feed, None for none.

    Waits for a load and a build that are under way. `connection` must be in autocommit mode.
    """
    raw_schema.ensure(connection)
    with ExitStack() as stack:
        for lock in (BUILD_LOCK, raw_schema.LOAD_LOCK):
            stack.enter_context(catalog.exclusive(connection, on_wait, lock))
        cursor = stack.enter_context(connection.cursor())
        applied = _applied_by_all(cursor)
        cursor.execute("select feed from raw.feeds order by feed")
        pruned = []
        for feed in [feed for (feed,) in cursor.fetchall()]:
            limit = before(feed) if callable(before) else before
            through = None if limit is None else _through(cursor, feed, limit, applied)
            if through is not None:
                with catalog.transaction(connection):
                    pruned.append(_prune(cursor, feed, through, dry_run))
        return pruned


def _applied_by_all(cursor: Any) -> int:
    """The last change set that all models have applied."""
    cursor.execute("select to_regclass('intermediate.build_watermarks') is not null")
    rows: Iterable[tuple[str, int, bool]] = ()
    if cursor.fetchone()[0]:
        cursor.execute(
            """
            select w.model_name, w.change_set_id, w.raw_id is not distinct from (select raw_id from raw.layout)
            from intermediate.build_watermarks w
            where to_regclass('intermediate.' || quote_ident(w.model_name)) is not null and w.model_name = any(%s)
            """,
            (list(READERS),),
        )
        rows = cursor.fetchall()
    built = {name: change_set for name, change_set, is_of_this_raw in rows if is_of_this_raw}
    if set(built) != set(READERS):
        raise VelibError("the marts are not built from what is loaded: `velib build` first, nothing was pruned")
    return min(built.values())


def _through(cursor: Any, feed: str, before: datetime, applied: int) -> datetime | None:
    """The last snapshot of the stretch: before the limit, and before all that is not built yet. None where none is new."""
    cursor.execute(
        f"""
        select max(s.snapshot_at)
        from raw.snapshots s
        where s.feed = %(feed)s and {catalog.COMPLETE} and s.snapshot_at < least(%(before)s, (
            select min(s.snapshot_at) from raw.snapshots s
            where s.feed = %(feed)s and s.change_set_id > %(applied)s and {catalog.COMPLETE}
        ))
        having max(s.snapshot_at) > coalesce(
            (select p.pruned_through from raw.prunings p where p.feed = %(feed)s), '-infinity'
        )
        """,
        {"feed": feed, "before": before, "applied": applied},
    )
    row = cursor.fetchone()
    return None if row is None else row[0]


def _prune(cursor: Any, feed: str, through: datetime, dry_run: bool) -> Pruned:
    parameters = {"feed": feed, "through": through}
    # All that were ever written for these snapshots; of one, the last of a complete load counts.
    cursor.execute(
        f"""
        create temporary table pruned_sets on commit drop as
        select s.change_set_id, s.snapshot_at,
            coalesce(s.change_set_id = max(s.change_set_id) filter (where {catalog.COMPLETE}) over (
                partition by s.snapshot_at
            ), false) as counts
        from raw.snapshots s
        where s.feed = %(feed)s and s.snapshot_at <= %(through)s;
        create unique index on pruned_sets (change_set_id);
        analyze pruned_sets
        """,
        parameters,
    )
    cursor.execute("select count(*) from pruned_sets")
    sets = cursor.fetchone()[0]
    # From when on what was said of a bike is needed again: a late file has its interval of that time read anew
    # (macros/figures/bike_events.sql).
    cursor.execute(
        """
        create temporary table kept_bikes on commit drop as
        select b.bike_id, last.valid_from
        from intermediate.int_bikes b
        cross join lateral (
            select l.valid_from
            from intermediate.int_bike_locations l
            where l.bike_id = b.bike_id and l.feed = b.feed and l.valid_from <= %(through)s
            order by l.valid_from desc
            limit 1
        ) as last
        where b.feed = %(feed)s;
        analyze kept_bikes;
        create temporary table kept_stations on commit drop as
        select c.station_code, max(p.snapshot_at) as stated_at, max(p.snapshot_at) filter (where c.is_relisted) as listed_at
        from raw.station_changes c join pruned_sets p using (change_set_id)
        where p.counts
        group by c.station_code;
        analyze kept_stations
        """,
        parameters,
    )
    gone = {
        "bike_changes": _thin(
            cursor,
            "bike_change_sets",
            "join kept_bikes k on k.bike_id = c.bike_id and p.snapshot_at >= k.valid_from",
        ),
        "station_changes": _thin(
            cursor,
            "station_change_sets",
            "join kept_stations k on k.station_code = c.station_code and p.snapshot_at in (k.stated_at, k.listed_at)",
        ),
        "station_attribute_changes": _thin_attributes(cursor),
    }
    cursor.execute(
        """
        insert into raw.prunings (feed, pruned_through, pruned_at) values (%(feed)s, %(through)s, now())
        on conflict (feed) do update set pruned_through = excluded.pruned_through, pruned_at = excluded.pruned_at
        """,
        parameters,
    )
    if dry_run:
        cursor.execute("rollback; begin")
    return Pruned(feed, through, sets, gone)


def _thin(cursor: Any, table: str, kept: str) -> int:
    """Leave of the arrays of the pruned change sets what the join keeps. Returns how many changes went."""
    columns = CHANGE_SETS[table].names
    key = columns[0]
    # An array that is null is of a field that the feed never states.
    arrays = ", ".join(
        f"case when s.{each} is null then null else array_agg(c.{each} order by c.place) end as {each}"
        for each in columns
    )
    cursor.execute(
        f"""
        drop table if exists kept_sets;
        create temporary table kept_sets on commit drop as
        select s.change_set_id, k.*
        from raw.{table} s join pruned_sets p using (change_set_id)
        cross join lateral (
            select {arrays}
            from unnest({", ".join(f"s.{each}" for each in columns)}) with ordinality
                as c ({", ".join(columns)}, place)
            {kept}
            having count(*) > 0
        ) as k
        where p.counts
        """
    )
    cursor.execute(f"select coalesce(sum(cardinality({key})), 0) from kept_sets")
    left = cursor.fetchone()[0]
    cursor.execute(
        f"""
        with gone as (
            delete from raw.{table} s using pruned_sets p where p.change_set_id = s.change_set_id
            returning cardinality(s.{key}) as changes
        )
        select coalesce(sum(changes), 0) from gone
        """
    )
    before = cursor.fetchone()[0]
    cursor.execute(
        f"insert into raw.{table} (change_set_id, {', '.join(columns)}) "
        f"select change_set_id, {', '.join(columns)} from kept_sets order by change_set_id"
    )
    return int(before - left)


def _thin_attributes(cursor: Any) -> int:
    cursor.execute(
        """
        with stated as (
            select c.ctid as place, row_number() over (
                partition by c.station_code, p.counts order by p.snapshot_at desc
            ) = 1 and p.counts as is_kept
            from raw.station_attribute_changes c join pruned_sets p using (change_set_id)
        )
        delete from raw.station_attribute_changes c using stated where c.ctid = stated.place and not stated.is_kept
        """
    )
    return int(cursor.rowcount)
