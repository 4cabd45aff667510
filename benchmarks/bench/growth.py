"""One more hour, one late file, one `velib status`: on top of a short, a longer and a long history.

The histories are written straight into `raw` (`histories`). What goes on top are files, loaded and built by the commands a user
types. A checkpoint before each, as there is one between two hours of an ordinary day: the first change of a page after it is the
dearest.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.bench import database
from benchmarks.bench.context import Bench, say
from benchmarks.bench.dbt_log import last_build
from benchmarks.bench.histories import DAY, HOUR, Prepared, prepare
from benchmarks.bench.table import Row

GOAL = 1.2


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

    def take(self, bench: Bench, path: Path) -> None:
        database.checkpoint()
        before = database.Written.now()
        self.load_seconds.append(bench.velib("load", str(path)).seconds)
        self.build_seconds.append(bench.velib("build").seconds)
        self.slowest_nodes_seconds.append(last_build().slowest())
        written = database.Written.now().since(before)
        self.wal_bytes.append(written.wal)
        self.file_bytes.append(written.files)


@dataclass
class OnTop:
    """All that was measured on top of one history."""

    snapshots: int
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
    """A warehouse for each history."""
    all_found: list[OnTop] = []
    for snapshots in bench.size.histories:
        prepared = prepare(bench.histories, snapshots, bench.size.repeats, say)
        home = bench.use_history(prepared)
        all_found.append(_on_top_of(bench, prepared))
        bench.built = home
        bench.details["growth"] = [asdict(found) for found in all_found]
    yield from _rows(all_found)


def _on_top_of(bench: Bench, prepared: Prepared) -> OnTop:
    found = OnTop(prepared.snapshots)
    found.first_build_seconds = bench.velib("build").seconds
    found.slowest_nodes_seconds = last_build().slowest()
    say(f"{found.length} built in {found.first_build_seconds:.0f} s")
    for hour in prepared.hours:
        found.hour.take(bench, hour)
    for file in prepared.late:
        found.late.take(bench, file)
    found.status_seconds = [bench.velib("status").seconds for _ in range(3)]
    say(f"on top of it: an hour {found.hour.seconds:.1f} s, a late file {found.late.seconds:.1f} s")
    return found


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
