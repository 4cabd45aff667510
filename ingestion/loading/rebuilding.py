"""The full content of a loaded snapshot, from the change sets alone.

The loader needs it where a late file's neighbour is loaded but its file is gone. It reads the feed's changes from the
start to that snapshot, so it is the way out, not the way in.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from ingestion.formats.model import Attributes, Bike, Station, Status
from ingestion.loading.catalog import COMPLETE

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

# The change sets that count, up to a snapshot of a feed.
_CHANGE_SETS = f"""
with change_sets as (
    select distinct on (s.snapshot_at) s.change_set_id, s.snapshot_at
    from raw.snapshots s
    where s.feed = %(feed)s and s.snapshot_at <= %(at)s
        and {COMPLETE}
    order by s.snapshot_at, s.change_set_id desc
)
"""


def rebuild_snapshot(connection: Connection, feed: str, at: datetime) -> list[Station]:
    """The stations that the snapshot of `feed` at `at` lists, the bikes in the street as a station without a code."""
    parameters = {"feed": feed, "at": at}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            {_CHANGE_SETS}
            select distinct on (c.station_code) c.station_code, {", ".join(f"c.{name}" for name in Attributes._fields)}
            from raw.station_attribute_changes c join change_sets using (change_set_id)
            order by c.station_code, snapshot_at desc
            """,
            parameters,
        )
        attributes = {row[0]: Attributes(*row[1:]) for row in cursor}
        cursor.execute(
            f"""
            {_CHANGE_SETS}
            select distinct on (c.station_code) c.station_code, c.is_listed,
                max(snapshot_at) filter (where c.is_relisted) over (partition by c.station_code),
                {", ".join(f"c.{name}" for name in Status._fields)}
            from raw.station_changes c join change_sets using (change_set_id)
            order by c.station_code, snapshot_at desc
            """,
            parameters,
        )
        listed_since: dict[str, datetime] = {}
        status: dict[str, Status | None] = {}
        for code, is_listed, since, *fields in cursor:
            if is_listed:
                listed_since[code] = since
                status[code] = Status(*fields) if any(field is not None for field in fields) else None
        cursor.execute(
            f"""
            {_CHANGE_SETS}
            select * from (
                select distinct on (c.bike_id) c.station_code, snapshot_at, c.is_present,
                    {", ".join(f"c.{name}" for name in Bike._fields)}
                from raw.bike_changes c join change_sets using (change_set_id)
                order by c.bike_id, snapshot_at desc
            ) as latest where is_present
            """,
            parameters,
        )
        bikes: dict[str | None, list[Bike]] = {}
        for code, seen_at, _, *fields in cursor:
            # A station that was listed again since states its bikes anew: this one was not among them.
            if code is None or (code in listed_since and seen_at >= listed_since[code]):
                bikes.setdefault(code, []).append(Bike(*fields))
    stations = [
        Station(code, attributes.get(code), status[code], tuple(bikes.get(code, ())), None) for code in listed_since
    ]
    if None in bikes:
        stations.append(Station(None, None, None, tuple(bikes[None]), None))
    return stations
