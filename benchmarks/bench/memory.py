"""How much memory a load and a build take: the processes of each together, and PostgreSQL's beside them.

Proportional set sizes, so what processes share (shared buffers, libraries, pages of a fork) counts once. Looking costs time, so
this has a load and a build of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.bench.context import Bench
from benchmarks.bench.processes import Ran, Watch
from benchmarks.bench.table import Row

GOAL_MB = 1_500


def memory(bench: Bench) -> Iterator[Row]:
    """The archive into a new warehouse, both steps watched."""
    home = bench.use_new("memory")
    steps: list[tuple[str, Callable[[], Ran], float | None]] = [
        ("velib load", lambda: bench.load_archive(watch=True), GOAL_MB),
        ("velib build", lambda: bench.velib("build", watch=True), None),
    ]
    for name, run, goal in steps:
        with Watch(_postmaster(home)) as postgres:
            ran = run()
        files = f"of {len(bench.files):,} snapshots"
        yield Row("memory", f"{name} {files}, all its processes", ran.peak_bytes / 1e6, "MB", goal=goal)
        yield Row("memory", "PostgreSQL meanwhile", postgres.peak / 1e6, "MB")
    bench.velib("db", "stop")


def _postmaster(home: Path) -> int:
    return int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0])
