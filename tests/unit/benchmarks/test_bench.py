"""The benchmarks' own reckoning: goals, what a plan reads, what a build's log says, the memory of a tree of processes."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bench.dbt_log import last_build
from benchmarks.bench.processes import FailedError, run
from benchmarks.bench.queries import FOLDER, _read_whole
from benchmarks.bench.table import Row, as_text
from velib.core import settings

_LOG = """\
05:00:00  Running with dbt=1.11.16
05:00:01  1 of 2 OK created sql table model mart.dim_date ............ [\x1b[32mINSERT 0 8035\x1b[0m in 9.00s]
05:00:01  Finished running 1 table model in 0 hours 0 minutes and 9.00 seconds (9.00s).
05:34:46  Running with dbt=1.11.16
05:34:55  1 of 3 START sql table model mart.dim_date .................................... [RUN]
05:34:56  1 of 3 OK created sql table model mart.dim_date ............................... [\x1b[32mINSERT 0 8035\x1b[0m in 0.86s]
05:34:57  2 of 3 OK loaded seed file staging.station_prefixes ........................... [\x1b[32mINSERT 84\x1b[0m in 0.20s]
05:34:57  3 of 3 PASS unique_dim_hour_hour_of_day ....................................... [\x1b[32mPASS\x1b[0m in 0.14s]
05:37:10  Finished running 1 seed, 1 data tests, 1 table model in 0 hours 0 minutes and 2.29 seconds (2.29s).
"""


@pytest.mark.parametrize(
    ("row", "reached"),
    [
        (Row("load", "a ratio", 6.0, "ms", "floor", 4.0, goal=1.6), True),
        (Row("load", "a ratio", 6.0, "ms", "floor", 3.0, goal=1.6), False),
        (Row("startup", "a figure", 0.2, "s", goal=0.3), True),
        (Row("startup", "its part is no rival", 0.2, "s", "python", 0.01, goal=0.3, is_part_of=True), True),
        (
            Row("queries", "quick, but for the wrong reason", 20.0, "ms", goal=100, fails="reads all of fct_trips"),
            False,
        ),
        (Row("size", "nobody asked", 20.0, "kB"), None),
    ],
    ids=lambda value: value.measure if isinstance(value, Row) else None,
)
def test_a_goal_bounds_the_ratio_where_there_is_one_else_the_figure(row: Row, reached: bool | None) -> None:
    assert row.is_reached is reached


def test_the_table_counts_its_goals() -> None:
    rows = [
        Row("load", "slow", 8.0, "ms", "floor", 4.0, goal=1.6),
        Row("load", "quick", 5.0, "ms", "floor", 4.0, goal=1.6),
    ]
    text = as_text("title", rows)
    assert "1 of 2 goals reached" in text
    assert [line.split()[-1] for line in text.splitlines() if line.startswith("load")] == ["NO", "yes"]


def test_a_plan_reads_a_fact_from_end_to_end_wherever_that_stands_in_it() -> None:
    def node(kind: str, table: str | None = None, *plans: dict[str, Any]) -> dict[str, Any]:
        return {"Node Type": kind, "Plans": list(plans)} | ({"Relation Name": table} if table else {})

    scan = node("Gather", None, node("Hash Join", None, node("Seq Scan", "dim_station"), node("Seq Scan", "fct_trips")))
    assert _read_whole(scan) == {"fct_trips"}
    assert _read_whole(node("Bitmap Heap Scan", "fct_trips", node("Bitmap Index Scan"))) == set()


def test_every_query_says_what_it_asks() -> None:
    files = sorted(FOLDER.glob("*.sql"))
    assert len(files) >= 15
    assert all(file.read_text(encoding="utf-8").startswith("-- ") for file in files)


def test_the_last_build_is_read_from_dbts_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.HOME, str(tmp_path))
    logs = tmp_path / "dbt" / "logs"
    logs.mkdir(parents=True)
    (logs / "dbt.log").write_text(_LOG, encoding="utf-8")
    build = last_build()
    assert build.models == {"mart.dim_date": 0.86, "staging.station_prefixes": 0.20}
    assert build.tests == {"unique_dim_hour_hour_of_day": 0.14}
    assert build.seconds == 2.29
    assert list(build.slowest(1)) == ["mart.dim_date"]


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux only")
def test_the_memory_of_a_process_is_that_of_its_children_too() -> None:
    child = "import time; held = bytearray(80_000_000); time.sleep(0.4)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    ran = run([sys.executable, "-c", parent], os.environ, watch=True)
    assert ran.peak_bytes > 80_000_000


def test_a_command_that_fails_says_so() -> None:
    with pytest.raises(FailedError, match=r"ended with 3:\nsaid before"):
        run([sys.executable, "-c", "print('said before', flush=True); raise SystemExit(3)"], os.environ)
