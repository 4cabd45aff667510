"""How much memory and disk everything takes, looked at all the time, told by quarters of the soak."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.bench.processes import pss_bytes

QUARTERS = 4
_EVERY_SECONDS = 2.0


def bytes_under(*folders: Path) -> int:
    """Of all files in these folders that are there."""
    total = 0
    for folder in folders:
        for each in folder.rglob("*") if folder.is_dir() else ():
            try:
                total += each.lstat().st_size if not each.is_dir() else 0
            except OSError:  # gone meanwhile
                continue
    return total


class Watch:
    """The highest value of each measure in each quarter."""

    def __init__(
        self,
        seconds: float,
        processes: Mapping[str, Callable[[], Sequence[int]]],
        sizes: Mapping[str, Callable[[], int]],
    ) -> None:
        self.peaks: dict[str, list[int]] = defaultdict(lambda: [0] * QUARTERS)
        self._seconds, self._processes, self._sizes = seconds, processes, sizes
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
        self._began = 0.0

    def start(self) -> None:
        self._began = time.monotonic()
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(_EVERY_SECONDS):
            quarter = min(QUARTERS - 1, int((time.monotonic() - self._began) / self._seconds * QUARTERS))
            for name, processes in self._processes.items():
                self._note(name, quarter, sum(map(pss_bytes, processes())))
            for name, size in self._sizes.items():
                self._note(name, quarter, size())

    def _note(self, name: str, quarter: int, value: int) -> None:
        peaks = self.peaks[name]
        peaks[quarter] = max(peaks[quarter], value)


def as_text(peaks: Mapping[str, Sequence[int]]) -> str:
    lines = [f"{'MB, at most':24}" + "".join(f"{f'quarter {number}':>12}" for number in range(1, QUARTERS + 1))]
    lines += [f"{name:24}" + "".join(f"{value / 1e6:12,.0f}" for value in found) for name, found in peaks.items()]
    return "\n".join(lines)
