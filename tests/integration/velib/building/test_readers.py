"""No run of dbt takes anything away from who reads the mart: at no moment, whoever builds and whatever is selected."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from readers import reading
from toy_project import make_toy

from ingestion.loading.load import load
from velib.core import settings
from velib.monitoring.health import judge, look
from velib.postgres import dbt_profile
from velib.postgres.connections import connect_to
from velib.simulator.archive import write_archive
from velib.simulator.config import CityConfig

pytestmark = pytest.mark.slow

SELECTIONS = ["+fct_trips", "dim_station", "path:models/mart", "staging"]


class Dbt:
    """dbt in a project's folder, as a user types it."""

    def __init__(self, files: Path, url: str) -> None:
        self.files, self._url = files, url

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(Path(sys.executable).parent / "dbt"), *arguments, "--log-path", str(self.files / "logs")],
            cwd=settings.dbt_project(),
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("DBT_")},
                settings.DATABASE_URL: self._url,
                "DBT_PROFILES_DIR": str(settings.dbt_project()),
                "DBT_TARGET_PATH": str(self.files / "target"),
                "DBT_USE_COLORS": "false",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __call__(self, *arguments: str, fails: bool = False) -> str:
        with self.start(*arguments) as process:
            said, _ = process.communicate(timeout=600)
        assert (process.returncode != 0) == fails, said[-6000:]
        return said


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    start = datetime(2026, 6, 2, 6)  # noqa: DTZ001 (local Paris time is what the simulator asks for)
    write_archive(tmp_path / "archive", CityConfig(40, bikes=100, stations=12, start=start, every=900))
    return tmp_path / "archive"


def test_no_build_takes_anything_away(
    archive: Path,
    fresh_database: str,
    cursor: Any,
    velib_build: Callable[..., None],
    session_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(settings.HOME, str(tmp_path / "home"))
    files = sorted(archive.glob("*.json.gz"))
    load([str(file) for file in files[:-1]])
    velib_build("--no-tests")
    dbt_profile.refresh()
    dbt = Dbt(session_root / "builds" / "dbt", fresh_database)

    for selection in SELECTIONS:
        with reading(fresh_database):
            dbt("run", "--select", selection)
    with reading(fresh_database):
        velib_build("--no-tests")  # the first one after runs of others: all of it is built
    load([str(files[-1])])
    with reading(fresh_database):
        # What compares models of the selection with those beside it, which lag behind now, does not run.
        dbt("build", "--select", "+fct_trips", "--exclude-resource-type", "unit_test")
    with reading(fresh_database):
        velib_build("--no-tests")
    before = content(cursor)
    with reading(fresh_database):
        dbt("run", "--full-refresh")
    with reading(fresh_database):
        dbt("seed", "--full-refresh")
    with reading(fresh_database):
        velib_build("--full-refresh", "--no-tests")
    assert content(cursor) == before

    # Nothing is there for a moment, but there; what was applied before counts on.
    with reading(fresh_database):
        dbt("run", "--empty")
    with reading(fresh_database):
        velib_build("--no-tests")
    assert content(cursor) == before
    with reading(fresh_database):
        dbt("run", "--empty", "--full-refresh")
        dbt("run")
    assert content(cursor) == before
    cursor.execute("select count(*) from pg_class where relname like '%\\_\\_%' and relkind in ('r', 'v')")
    assert cursor.fetchone() == (0,), "something was left beside"

    # What was taken away all the same is told, and the next build brings it back.
    assert marts_line(cursor).is_well
    assert idle_limit(cursor) == ["idle_in_transaction_session_timeout=10min"]
    cursor.execute("alter role velib_reader set idle_in_transaction_session_timeout = 0")
    cursor.execute("drop view compat.v_trajets; drop table mart.dim_hour cascade")
    line = marts_line(cursor)
    assert not line.is_well
    assert line.said == "missing mart.dim_hour, compat.v_trajets: `velib build`"
    velib_build("--no-tests")
    assert marts_line(cursor).is_well
    assert idle_limit(cursor) == ["idle_in_transaction_session_timeout=0"], "what the owner says stays"
    cursor.execute("alter role velib_reader reset idle_in_transaction_session_timeout")


def idle_limit(cursor: Any) -> list[str]:
    cursor.execute("select setconfig from pg_db_role_setting where setrole = 'velib_reader'::regrole")
    (found,) = cursor.fetchone()
    return list(found)


def marts_line(cursor: Any) -> Any:
    (line,) = (line for line in judge(look(cursor.connection)) if line.what == "marts")
    return line


def content(cursor: Any) -> dict[str, Any]:
    """All rows of all that users read, but for the record of runs."""
    found = {}
    for relation in _tables(cursor):
        cursor.execute(f"select count(*), md5(string_agg(r::text, '|' order by r::text)) from {relation} as r")
        found[relation] = cursor.fetchone()
    return found


def _tables(cursor: Any) -> list[str]:
    cursor.execute(
        "select format('%I.%I', table_schema, table_name) from information_schema.tables"
        " where table_schema in ('mart', 'compat') and table_name not in ('fct_builds', 'fct_refresh', 'kpi_collection_daily')"
    )
    return sorted(name for (name,) in cursor.fetchall())


# --- what becomes of what stands on a relation that is replaced: a project of two tables and two views --------------------------


TOY = {
    "models/base.sql": """
        {{ config(materialized=var('base_is', 'table'), schema='mart', post_hook="create index on {{ this }} (a)") }}
        select 1 as a, 2 as b {{ var('base_more', '') }}
    """,
    "models/above.sql": """
        {{ config(materialized='view', schema='mart', grants={'select': ['velib_reader']}) }}
        select a, {{ var('above_column', 'b') }} from {{ ref('base') }}
    """,
}


@pytest.fixture
def toy(fresh_database: str, cursor: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dbt:
    """It is built, and on its view stands a user's own, with what users add to views."""
    engine = settings.dbt_project() / "macros" / "engine"
    ours = [*(engine / "materializations").glob("*.sql"), engine / "guards.sql", engine / "generate_schema_name.sql"]
    files = {f"macros/{file.name}": file.read_text() for file in ours}
    make_toy(
        tmp_path,
        monkeypatch,
        {**TOY, **files},
        'on-run-end: "{{ drop_replaced() }}"\nvars: {lock_wait_seconds: 4}\n',
    )
    monkeypatch.setattr(settings, "dbt_project", lambda: tmp_path / "dbt_project")
    dbt_profile.refresh()
    cursor.execute("do $$ begin create role velib_reader; exception when duplicate_object then null; end $$")
    cursor.execute("create schema mart; create schema compat; grant usage on schema mart to velib_reader")
    dbt = Dbt(tmp_path, fresh_database)
    dbt("run")
    cursor.execute(
        """
        create schema mine;
        create view mine.top with (security_barrier) as select a + b as sum from mart.above;
        create view mine.direct as select * from mart.base;
        comment on view mine.direct is 'of mine';
        grant select on mine.direct to velib_reader;
        create function mine.add() returns trigger language plpgsql as 'begin return new; end';
        create trigger adding instead of insert on mine.direct for each row execute function mine.add();
        """
    )
    return dbt


def state(cursor: Any) -> dict[str, Any]:
    cursor.execute(
        """
        select c.oid::regclass::text, c.relacl::text, c.reloptions, obj_description(c.oid), count(t.oid)
        from pg_class c left join pg_trigger t on t.tgrelid = c.oid
        where c.relkind in ('v', 'r') and c.relnamespace::regnamespace::text in ('mart', 'mine') group by c.oid order by 1
        """
    )
    return {row[0]: row[1:] for row in cursor.fetchall()}


def rows(cursor: Any, relation: str) -> list[tuple[Any, ...]]:
    cursor.execute(f"select * from {relation}")
    return list(cursor.fetchall())


def test_what_stands_on_a_replaced_table_stands_on_the_new_one(toy: Dbt, cursor: Any) -> None:
    before = state(cursor)
    toy("run", "-s", "base", "--vars", "{base_more: ', 3 as c', lock_wait_seconds: 4}")
    assert state(cursor) == before
    assert rows(cursor, "mart.base") == [(1, 2, 3)]
    assert rows(cursor, "mine.direct") == [(1, 2)], "a view's columns are those that there were"
    cursor.execute("select count(*) from pg_indexes where schemaname = 'mart' and tablename = 'base'")
    assert cursor.fetchone() == (1,)
    toy("run", "-s", "base", "--vars", "{base_is: view, lock_wait_seconds: 4}", fails=True)  # no index on a view
    assert state(cursor) == before


def test_what_does_not_fit_the_new_one_is_not_taken_away(toy: Dbt, cursor: Any) -> None:
    """The model changes a column that views read: they stand on the old table until they are built themselves."""
    cursor.execute("drop view mine.top; drop view mine.direct")
    renamed = "{base_more: ', 3 as c', above_column: c, lock_wait_seconds: 4}"
    base = settings.dbt_project() / "models" / "base.sql"
    base.write_text(base.read_text().replace("2 as b", "20 as d"))
    said = toy("run", "-s", "base", "--vars", renamed)
    assert "mart.above does not fit the new mart.base and goes on showing the old one: build it too" in " ".join(
        said.split()
    )
    assert rows(cursor, "mart.above") == [(1, 2)]
    assert any("__replaced_" in name for name in state(cursor))
    toy("run", "--vars", renamed)
    assert rows(cursor, "mart.above") == [(1, 3)]
    assert sorted(state(cursor)) == ["mart.above", "mart.base"], "what nothing stands on goes at the end"

    said = toy("run", "--vars", "{above_column: d, lock_wait_seconds: 4}")  # c is gone
    assert "does not fit" not in said, "what is built in the same run will"
    assert rows(cursor, "mart.above") == [(1, 20)]
    assert sorted(state(cursor)) == ["mart.above", "mart.base"]


def test_a_view_with_other_columns_takes_the_place_of_the_old_one(toy: Dbt, cursor: Any) -> None:
    cursor.execute(
        "drop view mine.top; create view mine.top as select a from mart.above; grant select on mine.top to velib_reader"
    )
    before = state(cursor)
    oids = "select array_agg(oid::int order by relname) from pg_class where oid in ('mart.above'::regclass, 'mine.top'::regclass)"
    cursor.execute(oids)
    (first,) = cursor.fetchone()
    toy("run", "-s", "above")
    cursor.execute(oids)
    assert cursor.fetchone() == (first,), "a view that says the same is not touched"
    toy("run", "-s", "above", "--vars", '{above_column: "b, 7 as c", lock_wait_seconds: 4}')
    cursor.execute(oids)
    assert cursor.fetchone() == (first,), "a view with more columns is written over"
    toy("run", "-s", "above", "--vars", "{above_column: '7 as c', lock_wait_seconds: 4}")
    assert rows(cursor, "mart.above") == [(1, 7)]
    assert rows(cursor, "mine.top") == [(1,)]
    assert state(cursor) == before


@contextlib.contextmanager
def idle_reader(url: str, relation: str) -> Iterator[Any]:
    """Somebody who has read, and has not ended his transaction."""
    with contextlib.closing(connect_to(url, "a notebook")) as connection, connection.cursor() as cursor:
        cursor.execute(f"select * from {relation}")
        yield connection


def test_a_reader_in_the_way_is_named_and_others_go_on_reading(toy: Dbt, cursor: Any, fresh_database: str) -> None:
    with idle_reader(fresh_database, "mine.direct") as reader:
        pid = reader.info.backend_pid
        longest = 0.0
        with toy.start("run", "-s", "base") as process:
            while process.poll() is None:
                asked = time.monotonic()
                assert rows(cursor, "mine.direct") == [(1, 2)]
                longest = max(longest, time.monotonic() - asked)
                time.sleep(0.02)
            said = " ".join(process.stdout.read().split())  # type: ignore[union-attr]
        assert process.returncode == 1
    assert f"waiting to replace mart.base, in use by pid {pid} (role" in said, said
    assert f"mart.base could not be replaced for 4 seconds, since it is in use by pid {pid} (role" in said
    assert "a notebook, idle in transaction since" in said
    assert longest < 3, "who waits for a lock must not have all others wait behind him"
    toy("run", "-s", "base")


def test_a_build_waits_for_a_reader_who_comes_to_an_end(toy: Dbt, cursor: Any, fresh_database: str) -> None:
    before = state(cursor)
    with idle_reader(fresh_database, "mine.top") as reader:
        threading.Timer(8, reader.commit).start()
        toy("run", "--vars", "{lock_wait_seconds: 60, base_more: ', 3 as c', above_column: 'b, 8 as c'}")
    assert state(cursor) == before
    assert rows(cursor, "mart.above") == [(1, 2, 8)]
