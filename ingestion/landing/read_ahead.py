"""Objects of a store are asked for before their turn comes: a request takes longer than reading what it brings.

What is held is bounded: a few objects, as they are stored, and none that is large.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from ingestion.landing import landing_zone
from ingestion.landing.files import LandingFile
from ingestion.landing.store import is_in_bucket

# By so many a request of 50 ms costs a snapshot of Paris, which takes 15 ms to read, next to nothing.
_AHEAD = 4
_LARGEST = 4 * 1024 * 1024


class ReadAhead:
    """Reads those of the files that are objects, in their order. A context: what is still under way is waited for."""

    def __init__(self, files: Iterable[LandingFile], max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._next = iter([file for file in files if is_in_bucket(file.path) and file.size <= _LARGEST])
        self._asked: dict[LandingFile, Future[tuple[int, bytes]]] = {}
        self._threads: ThreadPoolExecutor | None = None

    def __enter__(self) -> ReadAhead:
        self._ask()
        return self

    def __exit__(self, *_: Any) -> None:
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)

    def take(self, file: LandingFile) -> tuple[int, bytes] | None:
        """When the file was asked for, in nanoseconds since 1970, and what is stored of it; None of one that is not read ahead.

        Raises what reading it raises.
        """
        asked = self._asked.pop(file, None)
        self._ask()
        return None if asked is None else asked.result()

    def _ask(self) -> None:
        while len(self._asked) < _AHEAD and (file := next(self._next, None)) is not None:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(_AHEAD)
            self._asked[file] = self._threads.submit(_stored, file, self._max_bytes)


def _stored(file: LandingFile, max_bytes: int) -> tuple[int, bytes]:
    return time.time_ns(), landing_zone.stored(file, max_bytes)
