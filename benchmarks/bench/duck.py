"""DuckDB on the same files: what a user would do instead of running a warehouse.

The query for trips is fair: names and types are given, so that nothing is read twice to guess them, and it reads only the two
fields it needs. It ends in a table of movements between stations, with none of the mart's rules, no history of stations, and
nothing that a later hour could be added to.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bench import processes
from velib.core import settings

# Every field of the files, its type found by DuckDB.
READ_ALL = "select * from read_json($files)"

# What trips need of them.
READ_BIKES = """
select station.code as station_code, bikes
from read_json(
    $files, format = 'array', columns = {station: 'struct(code varchar)', bikes: 'struct("bikeName" varchar)[]'}
)
"""

TRIPS = r"""
with listed as (
    select
        strptime(regexp_extract(filename, '(\d{8}_\d{6})', 1), '%Y%m%d_%H%M%S') as seen_at,
        station.code as station_code,
        unnest(bikes)."bikeName" as bike
    from read_json(
        $files, format = 'array', filename = true,
        columns = {station: 'struct(code varchar)', bikes: 'struct("bikeName" varchar)[]'}
    )
),
neighbours as (
    select *, lag(station_code) over by_time as origin, lag(seen_at) over by_time as last_seen_at
    from listed
    window by_time as (partition by bike order by seen_at)
)
select bike, origin, station_code as destination, last_seen_at, seen_at as first_seen_at
from neighbours
where origin <> station_code
"""


QUERIES = {"read_all": READ_ALL, "read_bikes": READ_BIKES, "trips": TRIPS}


def seconds(query: str, files: Sequence[Path], threads: int, folder: Path) -> float:
    """How long it takes to make a table of the query, in a new database on disk; in a process of its own, without its start."""
    arguments = [query, str(threads), str(folder / "peer.duckdb"), *map(str, files)]
    told = processes.run(
        [sys.executable, "-m", "benchmarks.bench.duck", *arguments], os.environ, settings.project_root()
    )
    return float(told.output.splitlines()[0])


def _make_table(query: str, threads: int, path: Path, files: Sequence[str]) -> float:
    import duckdb  # here: nothing else of the benchmarks has it in its process

    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"set threads = {threads}")
        started = time.perf_counter()
        connection.execute(f"create table found as {query}", {"files": list(files)})
        taken = time.perf_counter() - started
        found = connection.execute("select count(*) from found").fetchone()
    path.unlink()
    assert found is not None
    assert found[0], "the query finds rows"
    return taken


if __name__ == "__main__":
    print(_make_table(QUERIES[sys.argv[1]], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:]), flush=True)
