"""Corrections on a real database: seen at once, kept whatever is built, undone, refused where they make no sense."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import tiny

from ingestion.loading.load import load
from velib.postgres.connections import connect_to

pytestmark = pytest.mark.slow

MADE = "insert into corrections.made (made_by, entity, key, field, new_value) values ('me', %s, %s, %s, %s) returning correction_id"


@pytest.fixture
def mart(fresh_database: str, velib_build: Callable[..., None], tmp_path: Path) -> None:
    entries = {"100": ["1", "2"], "200": ["3"]}
    for number in range(2):
        tiny.write(tmp_path / "in", number, tiny.app(entries))
    load([str(tmp_path / "in")])
    velib_build("--no-tests")


def test_corrections(mart: None, cursor: Any, fresh_database: str, velib_build: Callable[..., None]) -> None:
    before = _dimensions(cursor)
    with contextlib.closing(connect_to(fresh_database, "velib tests")) as connection, connection.cursor() as corrector:
        connection.autocommit = True
        corrector.execute("set role velib_corrector")
        _make(corrector, "station", "100", "name", "Hôtel de Ville")
        undone = _make(corrector, "station", "100", "name", "no")
        _make(corrector, "station", "100", "docks_total", "12")
        _make(corrector, "station", "200", "exists", "false")
        _make(corrector, "station", "300", "exists", "true")
        _make(corrector, "station", "300", "latitude", "48.25")
        _make(corrector, "bike", "1", "bike_type", "electric")
        _make(corrector, "bike", "3", "exists", "false")
        _make(corrector, "bike", "4", "exists", "true")
        assert _dimensions(cursor)["stations"]["100"][0] == "no"
        _undo(corrector, undone)
        _are_refused(corrector, undone)
        corrector.execute("select name, nbdock_total from compat.station order by 1")
        assert corrector.fetchall() == [("Hôtel de Ville", 12), (None, None)]
    corrected = _dimensions(cursor)
    assert corrected == {
        "stations": {"100": ("Hôtel de Ville", *before["stations"]["100"][1:]), "300": (None, 48.25, False, None)},
        "bikes": {"1": ("electric", "100"), "2": ("mechanical", "100"), "4": (None, None)},
        "velos": {("1", True), ("2", False), ("4", None)},
    }

    # The facts have what is hidden, the data tests know that, and no build takes a correction away.
    cursor.execute("select count(*) from mart.fct_station_status where station_code = '200'")
    assert cursor.fetchone() == (1,)
    cursor.execute("drop schema mart, compat, staging, intermediate cascade")
    velib_build("--full")
    assert _dimensions(cursor) == corrected

    with connect_to(fresh_database) as connection, connection.cursor() as owner:
        owner.execute(
            "insert into corrections.undone select correction_id, now(), 'me' from corrections.made on conflict do nothing"
        )
    connection.close()
    assert _dimensions(cursor) == before


def test_checks_of_an_older_version_are_replaced(mart: None, cursor: Any, velib_build: Callable[..., None]) -> None:
    for name in ("field_is_known", "value_fits"):
        cursor.execute(f"alter table corrections.made drop constraint {name}")
    cursor.execute("alter table corrections.made add constraint field_is_known check (entity in ('station', 'bike'))")
    with pytest.raises(psycopg2.errors.CheckViolation):
        _make(cursor, "position", "1780387200/1", "exists", "false")
    velib_build("--no-tests")
    _make(cursor, "position", "1780387200/1", "exists", "false")
    with pytest.raises(psycopg2.errors.CheckViolation):
        _make(cursor, "station", "100", "capacity", "many")


def _make(cursor: Any, entity: str, key: str, field: str, value: str | None) -> int:
    cursor.execute(MADE, (entity, key, field, value))
    return int(cursor.fetchone()[0])


def _undo(cursor: Any, correction: int) -> None:
    cursor.execute("insert into corrections.undone (correction_id, undone_by) values (%s, 'me')", (correction,))


def _are_refused(cursor: Any, undone: int) -> None:
    """What the tables do not take, and what the role may not do."""
    for given in (
        *(
            ("position", "x/1", "exists", "false"),
            ("position", "1", "exists", "false"),
            ("position", "1/1", "name", "x"),
        ),
        *(("station", "100", "first_seen_at", "x"), ("bike", "1", "name", "x"), ("district", "1", "exists", "true")),
        *(
            ("station", "100", "latitude", "91"),
            ("station", "100", "latitude", "1e1"),
            ("station", "100", "latitude", "NaN"),
        ),
        *(
            ("station", "100", "capacity", "-1"),
            ("station", "100", "capacity", "99999"),
            ("station", "100", "name", ""),
        ),
        *(
            ("station", "100", "exists", None),
            ("station", "100", "exists", "yes"),
            ("bike", "1", "bike_type", "hybrid"),
        ),
        *(("station", "", "name", "x"), ("station", "x" * 101, "name", "x"), ("station", "100", "name", "x" * 201)),
    ):
        with pytest.raises(psycopg2.errors.CheckViolation):
            _make(cursor, *given)
    with pytest.raises(psycopg2.errors.UniqueViolation):
        _undo(cursor, undone)
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        _undo(cursor, 999_999)
    for statement in (
        "update corrections.made set made_by = 'you'",
        "delete from corrections.undone",
        "truncate corrections.made",
        "insert into corrections.made (made_at, made_by, entity, key, field) values (now(), 'me', 'bike', '1', 'bike_type')",
        "update intermediate.int_station_current set name = 'x'",
        "select * from raw.snapshots",
        "create table corrections.mine (x int)",
    ):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(statement)
    cursor.execute("reset role")
    for statement in ("update corrections.made set made_by = 'you'", "delete from corrections.undone"):
        with pytest.raises(psycopg2.errors.RaiseException, match="never changed"):
            cursor.execute(statement)
    cursor.execute("set role velib_reader")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        cursor.execute("select * from corrections.made")
    cursor.execute("set role velib_corrector")


def _dimensions(cursor: Any) -> dict[str, Any]:
    cursor.execute(
        "select station_code, name, latitude, is_active, extract(day from last_seen_at - first_seen_at) + 1 from mart.dim_station"
    )
    stations = {code: tuple(row) for code, *row in cursor.fetchall()}
    cursor.execute("select bike_id, bike_type, current_station_code from mart.dim_bike")
    bikes = {bike: tuple(row) for bike, *row in cursor.fetchall()}
    cursor.execute("select velo_name, bikeelectric from compat.velo")
    return {"stations": stations, "bikes": bikes, "velos": set(cursor.fetchall())}
