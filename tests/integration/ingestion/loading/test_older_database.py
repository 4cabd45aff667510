"""A database of an older version of the project: a build refuses it and touches nothing, the next load brings it up to date.

That its mart comes out right too is part of tests/e2e/test_faults.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import tiny
from faults.database import Database
from faults.layout_1 import turn_back
from faults.processes import run
from raw import ONE, Raw

from ingestion.loading.load import load
from ingestion.loading.raw_schema import LAYOUT
from velib.core import settings
from velib.monitoring.status import warehouse_status


@pytest.fixture
def database(fresh_database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Database]:
    monkeypatch.setenv(settings.HOME, str(tmp_path / "home"))
    with closing(Database(fresh_database)) as found:
        yield found


def counts(database: Database) -> dict[str, int]:
    tables = database.rows(
        "select schemaname || '.' || tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
    )
    return {table: database.value(f"select count(*) from {table}") for (table,) in tables}


def test_a_database_older_than_the_options_that_files_were_read_with(database: Database, tmp_path: Path) -> None:
    """Of layout 1 there were databases without this column. Migrated to layout 5 they still had none, and no load succeeded."""
    folder = tmp_path / "in"
    tiny.write(folder, 0, tiny.app({"1001": ["a"]}))
    tiny.put(folder / f"bad_{tiny.name(3)}", b"{")
    load([str(folder)], ONE)
    shape = columns(database)
    for migrated_before in (False, True):
        if not migrated_before:
            turn_back(database)
        else:
            database.rows("update raw.layout set version = 5")
        database.rows("alter table raw.quarantined_files drop column read_as")
        tiny.write(folder, 1 + migrated_before, tiny.app({"1001": ["b"]}))
        found = run("load", str(folder))
        # Read again once, since nothing says with which options it was read.
        assert (found.code, "1 new, " in found.out, "Traceback" in found.err) == (3, True, False), found
        assert columns(database) == shape
        assert run("load", str(folder)).code == 0
    raw = Raw(database.url)
    raw.check(folder)
    raw.connection.close()


def columns(database: Database) -> list[tuple[str, str, str, str]]:
    """The columns of all tables of the raw schema, whichever stands where."""
    return database.rows(  # type: ignore[return-value]
        """
        select table_name, column_name, data_type, is_nullable from information_schema.columns
        where table_schema = 'raw' order by 1, 2
        """
    )


@pytest.mark.parametrize("first", ["build", "status", "load"])
def test_a_database_of_layout_1(first: str, database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    networks: list[dict[str, list[str]]] = [{"1001": ["a", "b"], "1002": []}, {"1001": ["b"], "1002": ["a"]}]
    files = [tiny.write(folder, number, tiny.app(networks[number % 3 % 2])) for number in range(16)]
    bad = tiny.put(folder / f"bad_{tiny.name(3)}", b"{")
    copy = tiny.put(folder / f"copy_{tiny.name(4)}", files[4].read_bytes())
    load([str(file) for file in (*files[:6], *files[7:10], bad, copy)], ONE)
    turn_back(database)
    before = counts(database)

    if first == "build":
        found = run("build", "--full-refresh")
        assert "an older version of this project loaded the database" in found.error
        assert "`velib status`" in found.error
        assert counts(database) == before
    if first == "status":
        found = run("status", "--details")
        assert found.code == 1, "a tenth of the files is refused"
        said = found.out
        assert "velib_app: 9 snapshots" in said
        assert "dead loads" not in said
    assert load([str(folder)], ONE).new == len(files) - 9
    assert database.value("select version from raw.layout") == LAYOUT
    assert not database.rows("select from raw.bike_changes where bike_id = 'ghost'")
    status = warehouse_status(database.connection)
    assert (status.dead_loads, status.duplicates, status.quarantine_counts) == (0, 1, {"invalid_json": 1})
    raw = Raw(database.url)
    raw.check(folder)
    raw.connection.close()


def test_builds_of_before_they_had_numbers(database: Database, tmp_path: Path) -> None:
    """They are numbered by their clock, those after them in the order in which they began: a clock may have been wrong."""
    folder = tmp_path / "in"
    tiny.write(folder, 0, tiny.app({"1001": ["a"]}))
    load([str(folder)], ONE)
    build = ("build", "--no-tests", "-s", "fct_builds")
    assert run(*build).code == 0
    (view,) = database.rows("select pg_get_viewdef('mart.fct_builds'::regclass)")[0]
    database.rows("alter table intermediate.builds drop column build_number cascade")
    database.rows(f"create view mart.fct_builds as {view.replace('build_number,', '')}")
    database.rows("update intermediate.builds set invocation_id = 'now'")
    for name, began in (
        ("ahead", "'2099-01-01Z'"),
        ("before", "now() - interval '1 day'"),
    ):  # not in the order of the clock
        database.rows(f"insert into intermediate.builds values ('{name}', {began}, {began}, false)")

    status = warehouse_status(database.connection)
    assert status.last_build is not None
    assert status.last_build.started_at.year == 2099, "nobody knows better"
    for _ in range(2):
        assert run(*build).code == 0
        status = warehouse_status(database.connection)
        assert status.last_build is not None
        assert (status.last_build.started_at.year < 2099, status.last_build.has_succeeded) == (True, True)
    names = [name for (name,) in database.rows("select build_id from mart.fct_builds order by build_number")]
    assert names[:3] == ["before", "now", "ahead"]
    assert len(names) == 5
    numbers = [number for (number,) in database.rows("select build_number from mart.fct_builds order by 1")]
    assert len(set(numbers)) == len(numbers)
