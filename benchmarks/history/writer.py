"""Change sets into `raw` by the loader's own last step: its Arrow tables, its dlt load, its bookkeeping.

The dlt loads run in a process of their own, one after the other, while the next one's change sets are made.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from multiprocessing.queues import Queue
from queue import Full
from typing import Any

import pyarrow as pa

from ingestion import catalog, raw_schema
from ingestion.arrow import ChangeSetRows, from_ipc
from ingestion.landing import LandingFile
from ingestion.network_state import ChangeSet, Counts
from ingestion.source import load_tables, work_folder
from warehouse.database import connect, database_url

LOAD = 10_000
"""Snapshots a dlt load."""
PIECE = 192
"""Snapshots a piece that is handed to the other process: a span of the loader's."""
_AHEAD = LOAD // PIECE
"""So many pieces wait while the load before is written, no more."""


class Writer:
    """Takes snapshots in the order of time; what was taken is in the database once `close` has returned."""

    def __init__(self, feed: str, format_name: str) -> None:
        self._feed, self._format = feed, format_name
        self._rows = ChangeSetRows(feed)
        self._in_piece = self._in_load = 0
        self._connection = connect("velib history", autocommit=True)
        raw_schema.ensure(self._connection)
        context = multiprocessing.get_context("spawn")
        self._pieces: Queue[dict[str, bytes] | int | None] = context.Queue(_AHEAD)
        self._loader = context.Process(target=_load_all, args=(self._pieces,), daemon=True)
        self._loader.start()

    def add(
        self,
        captured_at: datetime,
        previous_at: datetime | None,
        file: LandingFile,
        content_hash: str,
        counts: Counts,
        changes: ChangeSet,
    ) -> None:
        if self._in_load == 0:
            first = catalog.next_change_set_ids(self._connection, LOAD + 1)
            self._put(first)
            self._next_id = first + 1
        self._rows.add(
            self._next_id, captured_at, previous_at, self._format, file, content_hash, counts, changes
        )  # fmt: skip
        self._next_id += 1
        self._in_load += 1
        self._in_piece += 1
        if self._in_piece == PIECE or self._in_load == LOAD:
            self._send()
        if self._in_load == LOAD:
            self._end_load()

    def close(self) -> None:
        """Write what is left, and wait for all of it."""
        if self._in_load:
            self._send()
            self._end_load()
        self._put(None)
        self._loader.join()
        self._connection.close()
        if self._loader.exitcode:
            self._pieces.cancel_join_thread()  # nobody takes what is left in it
            raise RuntimeError(f"the process that loads ended with {self._loader.exitcode}")

    def _send(self) -> None:
        if self._in_piece:
            self._put(self._rows.to_ipc())
        self._rows = ChangeSetRows(self._feed)
        self._in_piece = 0

    def _end_load(self) -> None:
        self._put({})
        self._in_load = 0

    def _put(self, piece: dict[str, bytes] | int | None) -> None:
        while True:
            try:
                self._pieces.put(piece, timeout=5)
                return
            except Full:
                if not self._loader.is_alive():
                    self._pieces.cancel_join_thread()
                    raise RuntimeError("the process that loads has died") from None


def _load_all(pieces: Queue[Any]) -> None:
    """The loader's process. A load is a number, the first id that it may use; then its pieces; then an empty one."""
    with closing(connect("velib history", autocommit=True)) as connection, work_folder() as folder:
        while (first_id := pieces.get()) is not None:
            with catalog.exclusive(connection):
                load_id = load_tables(
                    _tables(pieces),
                    database_url(),
                    folder,
                    lambda begun, first=first_id: catalog.begin_load(connection, begun, first),  # type: ignore[misc]
                )
                with catalog.transaction(connection):
                    catalog.complete_load(connection, load_id)


def _tables(pieces: Queue[Any]) -> Iterator[tuple[str, pa.Table]]:
    while piece := pieces.get():
        yield from ((name, from_ipc(data)) for name, data in piece.items())
