"""One more hour, one late file, one `velib status`: on top of a short, a longer and a long history.

The history is written straight into `raw` (benchmarks.history). What goes on top are files, loaded and built by the commands a user
types. A checkpoint before each, as there is one between two hours of an ordinary day: the first change of a page after it is the
dearest.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from benchmarks.bench import database
from benchmarks.bench.context import DAY, Bench, say
from benchmarks.bench.dbt_log import last_build
from benchmarks.bench.table import Row
from benchmarks.history.run import History
from simulator.config import CityConfig

GOAL = 1.2
HOUR = 60
START = datetime(2025, 6, 2)  # noqa: DTZ001 (local Paris time)
MONTH = 30 * DAY


@dataclass
class Step:
    """What it took to load and build some files, time after time."""

    load_seconds: list[float] = field(default_factory=list)
    build_seconds: list[float] = field(default_factory=list)
    wal_bytes: list[int] = field(default_factory=list)
    file_bytes: list[int] = field(default_factory=list)
    slowest_nodes_seconds: list[dict[str, float]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return statistics.median(map(sum, zip(self.load_seconds, self.build_seconds, strict=True)))

    def take(self, bench: Bench, paths: Sequence[Path]) -> None:
        database.checkpoint()
        before = database.Written.now()
        self.load_seconds.append(bench.velib("load", *map(str, paths)).seconds)
        self.build_seconds.append(bench.velib("build").seconds)
        self.slowest_nodes_seconds.append(last_build().slowest())
        written = database.Written.now().since(before)
        self.wal_bytes.append(written.wal)
        self.file_bytes.append(written.files)


@dataclass
class OnTop:
    """All that was measured on top of one history."""

    snapshots: int
    write_seconds: float = 0.0
    first_build_seconds: float = 0.0
    slowest_nodes_seconds: dict[str, float] = field(default_factory=dict)
    """Of the first build."""
    hour: Step = field(default_factory=Step)
    late: Step = field(default_factory=Step)
    status_seconds: list[float] = field(default_factory=list)

    @property
    def length(self) -> str:
        if self.snapshots < DAY:
            return f"{self.snapshots / HOUR:.0f} h"
        return f"{self.snapshots / DAY:.0f} day{'s' if self.snapshots >= 2 * DAY else ''}"


def growth(bench: Bench) -> Iterator[Row]:
    """Each history goes on where the one before ended, and is built from scratch."""
    size = bench.size
    total = size.histories[-1] + len(size.histories) * size.repeats * HOUR
    history = History(CityConfig(snapshots=total, start=START), bench.work / "history")
    home = bench.use_new("history")
    all_found: list[OnTop] = []
    for snapshots in size.histories:
        all_found.append(_on_top_of(bench, history, snapshots))
        bench.built = home
        bench.details["growth"] = [asdict(found) for found in all_found]
    yield from _rows(all_found)


def _on_top_of(bench: Bench, history: History, snapshots: int) -> OnTop:
    found = OnTop(snapshots)
    repeats = range(bench.size.repeats)
    say(f"a history of {found.length}")
    began = time.perf_counter()
    late = history.straight(
        snapshots - history.written, _left_out(history.written, snapshots, len(repeats)), _say_now_and_then
    )
    found.write_seconds = time.perf_counter() - began
    say(f"written in {found.write_seconds:.0f} s, building")
    found.first_build_seconds = bench.velib("build", "--full-refresh").seconds
    found.slowest_nodes_seconds = last_build().slowest()
    say(f"built in {found.first_build_seconds:.0f} s")
    for repeat in repeats:
        found.hour.take(bench, [history.as_files(HOUR, f"on_{snapshots}_hour_{repeat}")])
    for path in late:
        found.late.take(bench, [path])
    found.status_seconds = [bench.velib("status").seconds for _ in range(3)]
    say(f"on top of it: an hour {found.hour.seconds:.1f} s, a late file {found.late.seconds:.1f} s")
    return found


def _left_out(begin: int, end: int, count: int) -> list[int]:
    """Snapshots for late files: in the middle of the stretch, but no more than a month back."""
    middle = max((begin + end) // 2, end - MONTH)
    return [middle + 7 * number for number in range(count)]


def _say_now_and_then(number: int) -> None:
    if number % (10 * DAY) == 0 and number:
        say(f"{number:,} snapshots written")


def _rows(all_found: Sequence[OnTop]) -> Iterator[Row]:
    first, last = all_found[0], all_found[-1]
    for found in all_found:
        each = 1000 * found.first_build_seconds / found.snapshots
        yield Row("growth", f"first build of {found.length}", each, "ms a snapshot")
    for found in all_found:
        on = f"on {found.length}"
        goal = GOAL if found is last else None
        peer = "" if found is first else f"on {first.length}"

        def row(
            measure: str,
            figure: float,
            unit: str,
            at_first: float,
            goal: float | None = goal,
            on: str = on,
            peer: str = peer,
        ) -> Row:
            return Row("growth", f"{measure} {on}", figure, unit, peer, at_first if peer else None, goal)

        for name, step, first_step in (("one hour", found.hour, first.hour), ("a late file", found.late, first.late)):
            yield row(f"{name}: load + build", step.seconds, "s", first_step.seconds)
            wal, first_wal = (statistics.median(each.wal_bytes) / 1e6 for each in (step, first_step))
            yield row(f"{name}: write-ahead log", wal, "MB", first_wal)
            grown, first_grown = (statistics.median(each.file_bytes) / 1e6 for each in (step, first_step))
            yield row(f"{name}: the database grows by", grown, "MB", first_grown, goal=None)
        status, first_status = (statistics.median(each.status_seconds) for each in (found, first))
        yield row("velib status", status, "s", first_status)
