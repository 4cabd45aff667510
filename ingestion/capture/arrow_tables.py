"""Change sets as Arrow tables: the columns of the raw schema, in one place.

What a change set says of stations and of bikes is stored as one row: an array for each column, with one element a change
(CHANGE_SETS). A row of its own costs PostgreSQL 30 bytes before the first column, and arrays are compressed, so that this
takes a third of the room. Views show the changes one by one (raw_schema). Rows travel between processes as Arrow IPC
streams, one a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from ingestion.capture.network_state import ChangeSet, Counts
from ingestion.formats.model import Attributes, Bike, Status
from ingestion.landing.files import LandingFile

_TIME = pa.timestamp("us", tz="UTC")

_NO_STATUS = Status()
_NO_BIKE = tuple([None] * (len(Bike._fields) - 1))

SNAPSHOTS = pa.schema(
    [
        pa.field("feed", pa.string(), nullable=False),
        pa.field("snapshot_at", _TIME, nullable=False),
        pa.field("previous_snapshot_at", _TIME),  # its neighbour in time before; null: the feed's first
        pa.field("change_set_id", pa.int32(), nullable=False),
        pa.field("format", pa.string(), nullable=False),
        pa.field("file", pa.string(), nullable=False),
        pa.field("file_bytes", pa.int64(), nullable=False),
        pa.field("file_modified_ns", pa.int64()),  # null: not to be trusted, compare the content
        pa.field("content_hash", pa.string(), nullable=False),
        pa.field("station_count", pa.int32(), nullable=False),
        pa.field("station_without_code_count", pa.int32(), nullable=False),
        pa.field("station_listed_twice_count", pa.int32(), nullable=False),
        pa.field("bike_count", pa.int32(), nullable=False),
        pa.field("bike_in_street_count", pa.int32(), nullable=False),
        pa.field("bike_listed_twice_count", pa.int32(), nullable=False),
        pa.field("station_change_count", pa.int32(), nullable=False),
        pa.field("bike_change_count", pa.int32(), nullable=False),
    ]
)

_STATUS_TYPES: dict[str, pa.DataType] = {"state": pa.string(), "is_renting": pa.bool_(), "is_returning": pa.bool_()}

STATION_CHANGES = pa.schema(
    [
        pa.field("station_code", pa.string(), nullable=False),
        pa.field("is_listed", pa.bool_(), nullable=False),
        pa.field("is_relisted", pa.bool_(), nullable=False),
        *[pa.field(name, _STATUS_TYPES.get(name, pa.int16())) for name in Status._fields],
    ]
)

_ATTRIBUTE_TYPES: dict[str, pa.DataType] = {
    "latitude": pa.float64(),
    "longitude": pa.float64(),
    "capacity": pa.int16(),
    "max_overflow": pa.int16(),
    "is_altitude": pa.bool_(),
}

STATION_ATTRIBUTE_CHANGES = pa.schema(
    [
        pa.field("change_set_id", pa.int32(), nullable=False),
        pa.field("station_code", pa.string(), nullable=False),
        *[pa.field(name, _ATTRIBUTE_TYPES.get(name, pa.string())) for name in Attributes._fields],
    ]
)

_BIKE_TYPES: dict[str, pa.DataType] = {
    "is_electric": pa.bool_(),
    "battery_percent": pa.int16(),
    "rate": pa.float64(),
    "rates_count": pa.int32(),
    "latitude": pa.float64(),
    "longitude": pa.float64(),
}

BIKE_CHANGES = pa.schema(
    [
        pa.field("bike_id", pa.string(), nullable=False),
        pa.field("is_present", pa.bool_(), nullable=False),
        pa.field("station_code", pa.string()),  # where it is, or the station it left; null: the street
        *[pa.field(name, _BIKE_TYPES.get(name, pa.string())) for name in Bike._fields if name != "bike_id"],
    ]
)

# The tables whose rows are whole change sets: the columns of one change of each.
CHANGE_SETS: dict[str, pa.Schema] = {"station_change_sets": STATION_CHANGES, "bike_change_sets": BIKE_CHANGES}


def _sets_of(changes: pa.Schema) -> pa.Schema:
    lists = [pa.field(each.name, pa.list_(each.type)) for each in changes]
    return pa.schema([pa.field("change_set_id", pa.int32(), nullable=False), *lists])


TABLES: dict[str, pa.Schema] = {
    "snapshots": SNAPSHOTS,
    "station_attribute_changes": STATION_ATTRIBUTE_CHANGES,
    **{name: _sets_of(changes) for name, changes in CHANGE_SETS.items()},
}


class ChangeSetRows:
    """The rows of several change sets of one feed, gathered until they are sent on."""

    def __init__(self, feed: str) -> None:
        self._feed = feed
        # Of the tables of change sets a row is one change, and beside it stands which change set ends after how many rows.
        self._rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in TABLES}
        self._ends: dict[str, list[tuple[int, int]]] = {name: [] for name in CHANGE_SETS}

    def add(
        self,
        change_set_id: int,
        snapshot_at: datetime,
        previous_snapshot_at: datetime | None,
        format_name: str,
        file: LandingFile,
        content_hash: str,
        counts: Counts,
        changes: ChangeSet,
    ) -> None:
        """Add one snapshot's row and the rows of its change set."""
        self._rows["snapshots"].append(
            (
                self._feed,
                snapshot_at,
                previous_snapshot_at,
                change_set_id,
                format_name,
                file.path,
                file.size,
                file.modified_ns,
                content_hash,
                counts.stations,
                counts.stations_without_code,
                counts.stations_listed_twice,
                counts.bikes,
                counts.bikes_in_street,
                counts.bikes_listed_twice,
                len(changes.stations),
                len(changes.bikes),
            )
        )
        self._rows["station_change_sets"].extend(
            (change.station_code, change.is_listed, change.is_relisted, *(change.status or _NO_STATUS))
            for change in changes.stations
        )
        self._rows["station_attribute_changes"].extend(
            (change_set_id, change.station_code, *change.attributes) for change in changes.attributes
        )
        self._rows["bike_change_sets"].extend(
            (
                change.bike_id,
                change.is_present,
                change.station_code,
                *(change.bike[1:] if change.bike is not None else _NO_BIKE),
            )
            for change in changes.bikes
        )
        for name, ends in self._ends.items():
            rows = len(self._rows[name])
            if rows > (ends[-1][1] if ends else 0):
                ends.append((change_set_id, rows))

    def to_ipc(self) -> dict[str, bytes]:
        """The gathered rows by table; a table without rows is left out."""
        return {name: _to_ipc(self._table(name, rows)) for name, rows in self._rows.items() if rows}

    def _table(self, name: str, rows: Sequence[tuple[Any, ...]]) -> pa.Table:
        changes = CHANGE_SETS.get(name)
        columns: Iterable[tuple[Any, ...]] = zip(*rows, strict=True)
        arrays = [
            pa.array(column, type=field.type) for column, field in zip(columns, changes or TABLES[name], strict=True)
        ]
        if changes is not None:
            change_set_ids, ends = zip(*self._ends[name], strict=True)
            offsets = pa.array([0, *ends], pa.int32())
            arrays = [pa.array(change_set_ids, pa.int32()), *(_lists(values, offsets) for values in arrays)]
        return pa.Table.from_arrays(arrays, schema=TABLES[name])


def from_ipc(data: bytes) -> pa.Table:
    """The table that `ChangeSetRows.to_ipc` wrote."""
    return pa.ipc.open_stream(data).read_all()


def _lists(values: pa.Array, offsets: pa.Array) -> pa.Array:
    """The values cut into lists; no lists at all where every value is null: what a feed never states takes no room."""
    if values.null_count == len(values):
        return pa.nulls(len(offsets) - 1, pa.list_(values.type))
    return pa.ListArray.from_arrays(offsets, values)


def _to_ipc(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()
