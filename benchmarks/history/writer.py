"""Change sets into `raw` by the loader's own last step: its Arrow tables, its dlt load, its bookkeeping.

The dlt loads run in a process of their own, one after the other, while the next one's change sets are made.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Full
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from ingestion.capture.arrow_tables import from_ipc
from ingestion.loading import catalog, raw_schema
from ingestion.loading.dlt_source import load_tables, work_folder
from velib.postgres.database import connect, database_url
from velib.simulator.archive import file_name

LOAD = 10_000
"""Snapshots a dlt load."""
PIECE = 192
"""Snapshots a piece that is handed to the other process: a span of the loader's."""
_AHEAD = LOAD // PIECE
"""So many pieces wait while the load before is written, no more."""
_USUAL_FILE_BYTES = 330_000
"""What the row of a snapshot without a file says of its size."""


@dataclass(frozen=True)
class Piece:
    """Some consecutive snapshots as `ChangeSetRows` gives them, their change sets numbered from 0."""

    snapshots: int
    tables: dict[str, bytes]


@dataclass(frozen=True)
class _Begin:
    """A load begins; its change sets have this number or higher ones."""

    first_id: int


@dataclass(frozen=True)
class _Add:
    """A piece of it: the number of its first change set, and how much earlier than its rows say it was captured."""

    piece: Piece
    first_id: int
    earlier: timedelta


class Writer:
    """Takes pieces in the order of time; what was taken is in the database once `close` has returned.

    `archive` is the folder in which the files lie that were never written.
    """

    def __init__(self, archive: Path) -> None:
        self._in_load = 0
        self._connection = connect("velib history", autocommit=True)
        raw_schema.ensure(self._connection)
        context = multiprocessing.get_context("spawn")
        self._orders: Queue[_Begin | _Add | None] = context.Queue(_AHEAD)
        self._loader = context.Process(target=_load_all, args=(self._orders, str(archive.absolute())), daemon=True)
        self._loader.start()

    def put(self, piece: Piece, earlier: timedelta = timedelta()) -> None:
        if self._in_load == 0:
            self._next_id = catalog.next_change_set_ids(self._connection, LOAD + PIECE + 1)
            self._order(_Begin(self._next_id))
        self._order(_Add(piece, self._next_id, earlier))
        self._next_id += piece.snapshots
        self._in_load += piece.snapshots
        if self._in_load >= LOAD:
            self._end_load()

    def close(self) -> None:
        """Write what is left, and wait for all of it."""
        if self._in_load:
            self._end_load()
        self._order(None)
        self._loader.join()
        self._connection.close()
        if self._loader.exitcode:
            self._orders.cancel_join_thread()  # nobody takes what is left in it
            raise RuntimeError(f"the process that loads ended with {self._loader.exitcode}")

    def _end_load(self) -> None:
        self._order(None)
        self._in_load = 0

    def _order(self, order: _Begin | _Add | None) -> None:
        while True:
            try:
                self._orders.put(order, timeout=5)
                return
            except Full:
                if not self._loader.is_alive():
                    self._orders.cancel_join_thread()
                    raise RuntimeError("the process that loads has died") from None


def _load_all(orders: Queue[Any], archive: str) -> None:
    """The loader's process: a begin, pieces, None; and so on until there is None instead of a begin."""
    with closing(connect("velib history", autocommit=True)) as connection, work_folder() as folder:
        while (begin := orders.get()) is not None:
            with catalog.exclusive(connection):
                load_id = load_tables(
                    _tables(orders, archive),
                    database_url(),
                    folder,
                    lambda begun, first=begin.first_id: catalog.begin_load(connection, begun, first),  # type: ignore[misc]
                )
                with catalog.transaction(connection):
                    catalog.complete_load(connection, load_id)


def _tables(orders: Queue[Any], archive: str) -> Iterator[tuple[str, pa.Table]]:
    while (order := orders.get()) is not None:
        for name, data in order.piece.tables.items():
            table = from_ipc(data)
            ids = pc.add(table["change_set_id"], pa.scalar(order.first_id, pa.int32()))
            table = _replace(table, "change_set_id", ids)
            if order.earlier and name == "snapshots":
                table = _moved(table, order.earlier, archive)
            yield name, table


def _moved(snapshots: pa.Table, earlier: timedelta, archive: str) -> pa.Table:
    """Snapshots of another time, of other files then."""
    for column in ("snapshot_at", "previous_snapshot_at"):
        moved = pc.subtract(snapshots[column], pa.scalar(earlier, pa.duration("us")))
        snapshots = _replace(snapshots, column, moved)
    times = snapshots["snapshot_at"].to_pylist()
    paths = [f"{archive}/{file_name(at)}" for at in times]
    made_up = {
        "file": paths,
        "file_bytes": [_USUAL_FILE_BYTES] * len(times),
        "file_modified_ns": [int(at.timestamp()) * 1_000_000_000 for at in times],
        "content_hash": [xxhash.xxh3_128_hexdigest(path.encode()) for path in paths],
    }
    for column, values in made_up.items():
        snapshots = _replace(snapshots, column, pa.array(values, snapshots.schema.field(column).type))
    return snapshots


def _replace(table: pa.Table, column: str, values: Any) -> pa.Table:
    index = table.schema.get_field_index(column)
    return table.set_column(index, table.schema.field(index), values)
