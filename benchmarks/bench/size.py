"""What a snapshot takes in the database, table by table, and what a year of them would."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import database
from benchmarks.bench.context import YEAR, Bench
from benchmarks.bench.table import Row

GOAL_GB = 30
LEAST_SHARE = 0.01
"""Smaller tables stand together in one line."""


def size(bench: Bench) -> Iterator[Row]:
    """Of the warehouse with the longest history."""
    bench.use_built()
    snapshots, tables = database.snapshots(), database.tables()
    bench.details["size"] = {"snapshots": snapshots, "tables": [table._asdict() for table in tables]}
    total = sum(table.table_bytes + table.index_bytes for table in tables)
    rest = 0
    for table in tables:
        whole = table.table_bytes + table.index_bytes
        if whole < LEAST_SHARE * total:
            rest += whole
        else:
            yield _row(table.name, whole, snapshots, table.index_bytes)
    yield _row("all other tables", rest, snapshots)
    first_generation = bench.details.get("first_generation", {}).get("bytes_a_snapshot")
    yield Row(
        "size", "all of it", total / snapshots / 1e3, "kB a snapshot", "first generation",
        None if first_generation is None else first_generation / 1e3,
    )  # fmt: skip
    note = f"of {snapshots:,} snapshots; the first one's content and the dimensions count as if every snapshot had them"
    yield Row("size", "a year at that rate", total / snapshots * YEAR / 1e9, "GB", goal=GOAL_GB, note=note)


def _row(name: str, whole: int, snapshots: int, indexes: int | None = None) -> Row:
    part = None if indexes is None else indexes / snapshots / 1e3
    return Row("size", name, whole / snapshots / 1e3, "kB a snapshot", "indexes", part, is_part_of=True)
