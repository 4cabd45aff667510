"""What a dashboard asks of the mart, as the role that dashboards have: a file a query in `dashboard/`, its name in the first line.

The values asked for are drawn by chance from what the mart holds, the same for the same mart.
"""

from __future__ import annotations

import json
import re
import statistics
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812

from benchmarks.bench import database
from benchmarks.bench.context import Bench
from benchmarks.bench.table import Row
from velib.postgres.connections import connect_to

GOAL_MS = 100
FOLDER = Path(__file__).parent / "dashboard"
FACTS = re.compile(
    r"(fct|int)_(trips|bike_locations|station_status|snapshots)"
    r"|int_(station_hourly|station_daily|station_fill|trip_durations_daily|routes_monthly)"
)
"""The tables that grow with the history: facts, or what a fact's view stands on."""
SLOW_SECONDS, SLOW_RUNS = 1.0, 3
"""A query that takes so long is asked so often, no more."""
YEAR, MONTH, WEEK, DAY = (timedelta(days=days) for days in (365, 30, 7, 1))


def queries(bench: Bench) -> Iterator[Row]:
    """Each query on the warehouse with the longest history: its 95th percentile, and what it reads from end to end."""
    bench.use_built()
    url = bench.velib("db", "url", "--reader").output.strip()
    found: dict[str, Any] = {}
    bench.details["queries"] = {"snapshots": database.snapshots(), "queries": found}
    with closing(connect_to(url, "velib bench")) as connection:
        connection.autocommit = True
        ranges = _Ranges(connection)
        for file in sorted(FOLDER.glob("*.sql")):
            sql = file.read_text(encoding="utf-8")
            name = sql.partition("\n")[0].removeprefix("-- ")
            times = _times(connection, sql, ranges, Random(file.name), bench.size.query_runs)
            plan = _plan(connection, sql, ranges.draw(Random(file.name)))
            read_whole = sorted(_read_whole(plan))
            p50, p95 = statistics.median(times), _percentile(times, 0.95)
            found[file.stem] = {"ms": times, "read_whole": read_whole, "plan": plan}
            yield Row(
                "queries", name, p95, "ms p95", "p50", p50, goal=GOAL_MS, is_part_of=True,
                fails=f"reads all of {', '.join(read_whole)}" if read_whole else "",
            )  # fmt: skip


class _Ranges:
    """What the mart holds, to draw from."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        ((self.feed, self.first, self.last),) = self._rows(
            "select feed, min(snapshot_at), max(snapshot_at) from mart.fct_snapshots group by feed order by count(*) desc limit 1"
        )
        self.stations = self._rows("select station_code, district_code from mart.dim_station order by station_code")
        self.bikes = [bike for (bike,) in self._rows("select bike_id from mart.dim_bike order by bike_id")]
        self.districts = sorted({district for _, district in self.stations if district})

    def draw(self, chance: Random) -> dict[str, Any]:
        """Values for one run of a query."""
        values: dict[str, Any] = {
            "feed": self.feed,
            "now": self.last,
            "year": self.last - YEAR,
            "station": chance.choice(self.stations)[0],
            "bike": chance.choice(self.bikes),
            "district": chance.choice(self.districts),
        }
        for name, length in (("month", MONTH), ("week", WEEK), ("day", DAY)):
            begin = self._midnight(chance, length)
            values |= {name: begin, f"{name}_end": begin + length}
        return values

    def _midnight(self, chance: Random, length: timedelta) -> datetime:
        """The begin of a whole stretch of this length in the history; its own begin where it is shorter."""
        days = (self.last - length - self.first) // DAY
        return self.first + (chance.randrange(days + 1) * DAY if days > 0 else timedelta())

    def _rows(self, sql: str) -> list[Any]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()


def _times(connection: Connection, sql: str, ranges: _Ranges, chance: Random, runs: int) -> list[float]:
    """Milliseconds until the last row is there. The first run is for the server's caches and does not count."""
    times: list[float] = []
    with connection.cursor() as cursor:
        for run in range(runs + 1):
            values = ranges.draw(chance)
            began = time.perf_counter()
            cursor.execute(sql, values)
            cursor.fetchall()
            taken = time.perf_counter() - began
            if run:
                times.append(1000 * taken)
                if taken > SLOW_SECONDS and run >= SLOW_RUNS:
                    break
    return times


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def _plan(connection: Connection, sql: str, values: dict[str, Any]) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"explain (analyze, buffers, format json) {sql}", values)
        row = cursor.fetchone()
    assert row is not None
    document = json.loads(row[0]) if isinstance(row[0], str) else row[0]
    plan: dict[str, Any] = document[0]["Plan"]
    return plan


def _read_whole(plan: dict[str, Any]) -> set[str]:
    """The facts that the plan reads from end to end."""
    is_whole = plan["Node Type"] == "Seq Scan" and FACTS.fullmatch(plan["Relation Name"])
    found = {plan["Relation Name"]} if is_whole else set()
    return found.union(*(_read_whole(each) for each in plan.get("Plans", ())))
