"""The way of an archive into the mart: `velib load`, the first `velib build`; the floor and what else one might do."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from statistics import median

from benchmarks.bench import duck, first_generation
from benchmarks.bench.context import Bench, say
from benchmarks.bench.dbt_log import last_build
from benchmarks.bench.floor import floor_seconds
from benchmarks.bench.table import Row

LOAD_GOAL, WHOLE_GOAL, DUCKDB_GOAL = 1.6, 2.0, 0.5
SAMPLE = 200
"""DuckDB reads at most so many files: its time a snapshot is the same for more."""


@dataclass
class Passage:
    """The archive on its way, several times: milliseconds a snapshot, and seconds of a build of nothing new."""

    floors: list[float] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)
    summaries: list[float] = field(default_factory=list)
    builds: list[float] = field(default_factory=list)
    empty_builds_seconds: list[float] = field(default_factory=list)


def load(bench: Bench) -> Iterator[Row]:
    """The loads."""
    passage = _passage(bench, with_builds="build" in bench.parts)
    yield from _load_rows(bench, median(passage.floors), median(passage.loads), median(passage.summaries))


def build(bench: Bench) -> Iterator[Row]:
    """The first build, alone and together with its load."""
    passage = _passage(bench, with_builds=True)
    yield from _build_rows(
        bench,
        median(passage.floors),
        median(passage.loads),
        median(passage.builds),
        median(passage.empty_builds_seconds),
    )


def _passage(bench: Bench, with_builds: bool) -> Passage:
    """Each time into a new warehouse, between two readings of the floor. Measured once a run, for both parts."""
    if "passage" in bench.details:
        return Passage(**bench.details["passage"])
    files, passage = bench.files, Passage()
    each = 1000 / len(files)
    for repeat in range(bench.size.repeats):
        say(f"{len(files):,} snapshots on their way, {repeat + 1} of {bench.size.repeats}")
        passage.floors.append(floor_seconds(files, bench.cores) * each)
        home = bench.use_new("archive")
        loaded = bench.load_archive()
        passage.loads.append(loaded.seconds * each)
        passage.summaries.append(_seconds_said(loaded.output) * each)
        if with_builds:
            passage.builds.append(bench.velib("build").seconds * each)
            bench.details["slowest_nodes_of_the_first_build_s"] = last_build().slowest()
            passage.empty_builds_seconds.append(bench.velib("build").seconds)
            bench.built = home
        passage.floors.append(floor_seconds(files, bench.cores) * each)
    bench.details["passage"] = asdict(passage)
    return passage


def _load_rows(bench: Bench, floor: float, loaded: float, said: float) -> Iterator[Row]:
    sample = bench.files[:SAMPLE]
    read_all, read_bikes = (
        duck.seconds(query, sample, bench.cores, bench.work) * 1000 / len(sample)
        for query in ("read_all", "read_bikes")
    )
    old_files = bench.files[: bench.size.first_generation_files]
    home = bench.use_new("first_generation")
    old = first_generation.load(old_files)
    bench.velib("db", "stop")
    shutil.rmtree(home)
    bench.details["first_generation"] = {"bytes_a_snapshot": old.bytes_of_snapshots / len(old_files)}
    unit = "ms a snapshot"
    yield Row("load", "velib load, the whole process", loaded, unit, "floor", floor, goal=LOAD_GOAL)
    yield Row("load", "velib load, as its summary says", said, unit, "floor", floor)
    yield Row("load", "against DuckDB: every field into a table", loaded, unit, "DuckDB", read_all)
    yield Row("load", "against DuckDB: stations and bikes' names", loaded, unit, "DuckDB", read_bikes)
    each = 1000 * old.seconds / len(old_files)
    yield Row("load", "against a loader of the first generation", loaded, unit, f"{len(old_files)} files", each)


def _build_rows(bench: Bench, floor: float, loaded: float, built: float, again: float) -> Iterator[Row]:
    sample = bench.files[:SAMPLE]
    trips = duck.seconds("trips", sample, bench.cores, bench.work) * 1000 / len(sample)
    unit = "ms a snapshot"
    note = (
        f"a build takes {again:.1f} s where nothing is new (dbt's start, {len(bench.files):,} snapshots or one): "
        "the fewer snapshots, the more it counts"
    )
    fixed = 1000 * again / len(bench.files)
    yield Row("build", "first velib build", built, unit, "floor", floor)
    yield Row("build", "of it, beyond a build of nothing new", max(0.0, built - fixed), unit, "floor", floor)
    yield Row("build", "load + build", loaded + built, unit, "floor", floor, goal=WHOLE_GOAL, note=note)
    yield Row("build", "load + build, beyond a build of nothing new", loaded + built - fixed, unit, "floor", floor)
    yield Row("build", "load + build, against DuckDB's trips", loaded + built, unit, "DuckDB", trips, goal=DUCKDB_GOAL)
    yield Row("build", "build, nothing new", again, "s")


def _seconds_said(output: str) -> float:
    """The seconds in `… changes in 18.6 s, …`."""
    found = re.search(r"changes in ([\d.]+) s", output)
    assert found, output
    return float(found[1])
