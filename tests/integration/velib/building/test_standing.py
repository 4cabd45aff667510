"""What a build need not make again: that it is left alone, that nothing goes missing by it, and what puts an end to it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from velib.building import unchanged_models
from velib.core import settings

LEAVE_OUT = ["--indirect-selection", "empty", "--exclude", "fqn:velib.a", "fqn:velib.b"]


def note(cursor: Any, fingerprint: str) -> None:
    """As a run of everything leaves it."""
    cursor.execute(
        """
        create schema intermediate;
        create table intermediate.a ();
        create view intermediate."b b" as select 1 as one;
        create table intermediate.standing (fingerprint text, nodes jsonb, relations jsonb, is_in_force boolean);
        """
    )
    cursor.execute(
        "insert into intermediate.standing values (%s, %s, %s, true)",
        (
            fingerprint,
            json.dumps(["fqn:velib.a", "fqn:velib.b"]),
            json.dumps(['"intermediate"."a"', '"intermediate"."b b"']),
        ),
    )


@pytest.mark.parametrize(
    "what_happens",
    [
        'drop view intermediate."b b"',
        "drop table intermediate.a",
        "update intermediate.standing set is_in_force = false",
        "update intermediate.standing set fingerprint = 'another'",
        "truncate intermediate.standing",
        "drop schema intermediate cascade",
    ],
)
def test_only_what_is_surely_there_is_left_out(cursor: Any, what_happens: str) -> None:
    note(cursor, "this")
    assert unchanged_models.to_leave_out(cursor.connection, "this") == LEAVE_OUT
    cursor.execute(what_happens)
    assert unchanged_models.to_leave_out(cursor.connection, "this") == []


@pytest.mark.parametrize(
    "file", ["models/mart/calendar/dim_date.sql", "dbt_project.yml", "seeds/station_prefixes.csv", "models/new.sql"]
)
def test_a_project_that_differs_has_another_fingerprint(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "dbt_project"
    ignored = shutil.ignore_patterns("target", "logs", "profiles.yml", "*.lock")
    shutil.copytree(settings.dbt_project(), copy, ignore=ignored)
    before = unchanged_models.fingerprint()
    monkeypatch.setattr(settings, "project_root", lambda: tmp_path)
    assert unchanged_models.fingerprint() == before
    (copy / "target").mkdir()
    (copy / "target" / "manifest.json").write_text("{}")
    (copy / "profiles.yml").write_text("none of the project")
    assert unchanged_models.fingerprint() == before
    with (copy / file).open("a") as opened:
        opened.write("\n")
    assert unchanged_models.fingerprint() != before


def test_dbts_own_variables_may_say_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBT_PROFILES_DIR", "somewhere")
    assert unchanged_models.dbt_is_as_written()
    monkeypatch.setenv("DBT_FULL_REFRESH", "true")
    assert not unchanged_models.dbt_is_as_written()


@pytest.mark.slow
def test_what_stands_is_left_alone_and_nothing_goes_missing(cursor: Any, velib_build: Callable[..., None]) -> None:
    velib_build()
    before = relations(cursor)
    velib_build("--no-tests")  # what stands tested stands for this too
    after = relations(cursor)
    assert after.keys() == before.keys()
    again = {name for name in after if after[name] != before[name]}
    assert again.isdisjoint({"mart.dim_date", "mart.dim_hour", "mart.fct_snapshots", "staging.stg_snapshots"})
    assert again.isdisjoint({"mart.kpi_station_now", "mart.kpi_critical_stations", "mart.kpi_district_daily"})
    # Nor what stands on a table that is kept up to date in place: there is no moment without it.
    assert again.isdisjoint({name for name in after if name.startswith(("mart.dim_", "compat."))})
    assert in_force(cursor) == "in force"

    velib_build("--select", "dim_hour")
    assert in_force(cursor) == "no more", "of a run of something, only dbt knows what it has made"


def relations(cursor: Any) -> dict[str, int]:
    """The tables and views of ours, each with the number that it has as long as it is not made anew."""
    cursor.execute(
        """
        select c.oid::regclass::text, c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'v', 'm', 'p') and n.nspname in ('staging', 'intermediate', 'mart', 'compat')
        """
    )
    return dict(cursor.fetchall())


def in_force(cursor: Any) -> str:
    cursor.execute("select is_in_force from intermediate.standing")
    return "in force" if cursor.fetchone()[0] else "no more"
