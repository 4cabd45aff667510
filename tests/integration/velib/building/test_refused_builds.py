"""What a build refuses to add to: a mart from another raw schema, by other models, with other vars. In one line, and untouched."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny

from ingestion.loading.load import load
from ingestion.loading.raw_schema import LAYOUT
from velib.building import dbt_process
from velib.core import settings
from velib.monitoring.status import warehouse_status
from velib.postgres import dbt_profile

pytestmark = pytest.mark.slow

# dbt, run after run in one process that has read the project once: that takes longer than most of these runs. Without the files
# that it leaves behind.
MANY_RUNS = """
import gc, json, sys
gc.disable()
from dbt.cli.main import dbtRunner
gc.freeze()
gc.enable()
project, target = sys.argv[1:]
where = ["--project-dir", project, "--profiles-dir", project, "--target-path", target, "--log-path", target]
silent = ["--quiet", "--no-write-json", "--log-level-file", "none"]
invoke = lambda runner, arguments: runner.invoke([*silent, *arguments, *where])
manifest = invoke(dbtRunner(), ["parse"]).result
for line in sys.stdin:
    done = invoke(dbtRunner(manifest), json.loads(line))
    results = getattr(done.result, "results", [])
    problems = [done.exception, *(each.message for each in results if each.status not in ("success", "pass"))]
    print("\\n" + json.dumps([done.success, "\\n".join(str(each) for each in problems if each)]), flush=True)
"""
EVERYTHING = ["run"]
ONE = ["run", "--select", "int_feeds"]
SHORT_GAP = ["--vars", "{gap_seconds: 90}"]
PROJECT = (settings.dbt_project() / "dbt_project.yml").read_text()
MODELS_VERSION = int(re.findall(r"^  models_version: (\d+)$", PROJECT, re.MULTILINE)[0])
ANEW = ": run `velib build --full-refresh`, which builds it anew"


class Dbt:
    """Runs of dbt that succeed, or that are refused in one line and leave everything as it was."""

    def __init__(self, process: subprocess.Popen[str], cursor: Any) -> None:
        self._process, self._cursor = process, cursor

    def __call__(self, *arguments: str) -> None:
        success, problems = self._run(arguments)
        assert success, problems

    def refusal(self, *arguments: str) -> str:
        before = everything(self._cursor)
        success, problems = self._run(arguments)
        assert not success
        assert everything(self._cursor) == before
        line = dbt_process.refusal(problems)
        assert line is not None, problems
        return line

    def _run(self, arguments: tuple[str, ...]) -> tuple[bool, str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith(("[true,", "[false,")):
                success, problems = json.loads(line)
                return success, problems
        raise AssertionError("dbt is gone")


@pytest.fixture
def dbt(cursor: Any, session_root: Path) -> Iterator[Dbt]:
    dbt_profile.require()
    target = (
        session_root / "builds" / "dbt" / "target"
    )  # of the fixture velib_build: what is parsed there need not be again
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", MANY_RUNS, str(settings.dbt_project()), str(target)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("DBT_")},
    )
    yield Dbt(process, cursor)
    process.communicate(timeout=60)


def everything(cursor: Any) -> dict[str, str]:
    """Each table's rows with where they lie and who wrote them, and each view's definition."""
    cursor.execute(
        """
        select c.oid::regclass::text, c.relkind, c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('raw', 'staging', 'intermediate', 'mart', 'compat') and c.relkind in ('r', 'v')
        """
    )
    found = {}
    for name, kind, oid in cursor.fetchall():
        if kind == "v":
            cursor.execute("select pg_get_viewdef(%s::oid)", (oid,))
        else:
            cursor.execute(
                f"select md5(string_agg(t.ctid::text || t.xmin::text || t::text, '' order by t.ctid)) from {name} t"
            )
        found[name] = f"{oid} {cursor.fetchone()[0]}"
    return found


def mart(cursor: Any) -> dict[str, set[str]]:
    """All of it but the records of when it was built."""
    cursor.execute(
        "select table_name from information_schema.tables where table_schema = 'mart'"
        " and table_name not in ('fct_builds', 'fct_refresh', 'kpi_refresh_now')"
    )
    found = {}
    for (table,) in cursor.fetchall():
        cursor.execute(f"select to_jsonb(t)::text from mart.{table} t")
        found[table] = {row for (row,) in cursor}
    return found


def snapshots(folder: Path, count: int) -> Path:
    """A bike that goes to and fro, a snapshot a minute."""
    for minute in range(count):
        here, there = (["b1", "b2"], ["b3"]) if minute % 3 else (["b2"], ["b3", "b1"])
        tiny.write(folder, minute, tiny.app({"1001": here, "1002": there}))
    return folder


def test_a_raw_schema_that_was_loaded_anew(dbt: Dbt, cursor: Any, session_root: Path, tmp_path: Path) -> None:
    dbt("seed")
    dbt(*EVERYTHING)
    load([str(snapshots(tmp_path / "long", 12))])
    dbt(*EVERYTHING)  # what was built of nothing fits any raw schema
    cursor.execute("select count(*) from mart.fct_trips")
    assert cursor.fetchone() != (0,)

    cursor.execute("drop schema raw cascade")
    other = "the mart was built from another raw schema than the one that is there"
    assert dbt.refusal(*EVERYTHING) == other + ANEW, "and not an empty mart"
    # As many change sets, so that their numbers say nothing.
    load([str(snapshots(tmp_path / "again", 12))])
    assert dbt.refusal(*ONE) == other + ANEW
    cursor.execute("drop schema raw cascade")
    load([str(snapshots(tmp_path / "short", 5))])
    assert dbt.refusal("build", "--select", "dim_date") == other + ANEW
    refusal = dbt.refusal("run", "--full-refresh", "--select", "+int_station_history")
    assert refusal.startswith(f"{other}, and this run leaves out int_bike_locations, int_bike_usage, ")
    assert refusal.endswith(", kpi_trips_daily: run `velib build --full-refresh` without a selection")
    assert "int_station_history" not in refusal
    dbt("test", "--select", "dim_hour")  # builds nothing, so it may
    dbt("build", "--select", "dim_hour", "--resource-type", "test")

    # To the user of `velib build` this line is all there is to see.
    done = subprocess.run(
        [sys.executable, "-m", "velib.cli.main", "build"],
        cwd=settings.project_root(),
        env={**os.environ, settings.HOME: str(session_root / "builds")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"error: {other}{ANEW}\n")

    dbt(*EVERYTHING, "--full-refresh")
    refreshed = mart(cursor)
    assert len(refreshed["fct_snapshots"]) == 5
    cursor.execute("drop schema staging, intermediate, mart, compat cascade")
    dbt("seed")
    dbt(*EVERYTHING)
    assert mart(cursor) == refreshed


def test_other_vars_and_other_versions(dbt: Dbt, cursor: Any, tmp_path: Path) -> None:
    snapshots(tmp_path / "archive", 4)
    tiny.write(tmp_path / "archive", 6, tiny.app({"1001": ["b1"]}))
    load([str(tmp_path / "archive")])
    dbt("seed")
    dbt(*EVERYTHING)
    assert gaps(cursor) == 0

    # A database of before the watermarks said more than how far they are.
    cursor.execute(
        "alter table intermediate.build_watermarks drop column raw_id, drop column models_version, drop column vars_fingerprint"
    )
    dbt(*ONE, "--vars", "{models_version: 1}")  # they are of version 1
    cursor.execute(
        "select count(*), count(distinct to_jsonb(w) - 'model_name'), count(*) filter (where models_version = 1),"
        " count(vars_fingerprint), bool_and(raw_id = (select raw_id from raw.layout)) from intermediate.build_watermarks w"
    )
    models, *rest = cursor.fetchone()
    assert models >= 10
    assert rest == [1, models, models, True]
    cursor.execute("update intermediate.build_watermarks set models_version = %s", (MODELS_VERSION,))

    # A model that the project has no more does not matter, nor does one whose table is gone: it is made whole.
    cursor.execute("insert into intermediate.build_watermarks values ('fct_of_old', 5, gen_random_uuid(), 7, '{}')")
    cursor.execute("create table mart.fct_of_old ()")
    cursor.execute("drop table intermediate.int_bikes cascade")
    cursor.execute("update intermediate.build_watermarks set models_version = 99 where model_name = 'int_bikes'")
    dbt("run", "--select", "int_bikes+")

    assert (
        dbt.refusal(*EVERYTHING, *SHORT_GAP) == "the mart was built with other vars (gap_seconds 2700, now 90)" + ANEW
    )
    assert told_gaps(cursor) == 0
    dbt(*EVERYTHING, *SHORT_GAP, "--full-refresh")
    assert gaps(cursor) == told_gaps(cursor) == 1, "status goes by what the mart was built with"
    dbt(*ONE, *SHORT_GAP)
    dbt(*ONE, "--vars", "{gap_seconds: 90, first_year: 2020}")  # in no incremental model
    assert dbt.refusal(*ONE) == "the mart was built with other vars (gap_seconds 90, now 2700)" + ANEW

    # By its old name dbt would pass over it; and a mart that was built when it had that name need not be built anew.
    assert dbt.refusal(*ONE, "--vars", "{saturated_share: 0.8}") == (
        "the var saturated_share is called saturated_fill_rate now: set that one"
    )
    before_it_was_renamed = "replace(vars_fingerprint, 'saturated_fill_rate', 'saturated_share')"
    cursor.execute(f"update intermediate.build_watermarks set vars_fingerprint = {before_it_was_renamed}")
    other = ["--vars", "{gap_seconds: 90, saturated_fill_rate: 0.8}"]
    assert dbt.refusal(*ONE, *other) == "the mart was built with other vars (saturated_fill_rate 0.9, now 0.8)" + ANEW
    dbt(*ONE, *SHORT_GAP)

    cursor.execute("update intermediate.build_watermarks set models_version = 99 where model_name = 'int_trips'")
    newer = f"the mart was built by a newer version of the models (99, these are {MODELS_VERSION})"
    assert dbt.refusal(*ONE, *SHORT_GAP) == f"{newer}: update the project"
    cursor.execute("update intermediate.build_watermarks set models_version = 0 where model_name = 'int_trips'")
    older = f"the mart was built by an older version of the models (0, these are {MODELS_VERSION})"
    assert dbt.refusal(*ONE, *SHORT_GAP) == older + ANEW
    # That one model alone is stale, so it alone needs to be built anew.
    dbt("run", "--select", "int_trips", "--full-refresh", *SHORT_GAP)
    dbt(*ONE, *SHORT_GAP)

    cursor.execute("update raw.layout set version = 99")
    assert dbt.refusal(*ONE, *SHORT_GAP) == (
        f"a newer version of this project loaded the database (layout 99 of raw, known up to {LAYOUT}): update the project"
    )
    cursor.execute("drop table raw.layout")  # what the loader wrote before there was one
    assert dbt.refusal(*EVERYTHING, *SHORT_GAP, "--full-refresh") == (
        f"an older version of this project loaded the database (layout 1 of raw, needed is {LAYOUT}):"
        " run `velib status` once, which brings it up to date"
    )


def told_gaps(cursor: Any) -> int:
    (feed,) = warehouse_status(cursor.connection).feeds
    return feed.gap_count


def gaps(cursor: Any) -> int:
    cursor.execute("select count(*) from mart.fct_snapshots where is_after_gap")
    return int(cursor.fetchone()[0])
