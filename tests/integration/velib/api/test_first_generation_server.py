"""A server of the first generation on our database: its SQL, with unqualified names, for a role whose search_path is compat.

Its code is not here. What is sent is of the shape that such a server sends: plain selects, inserts, updates and deletes of its
tables.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import tiny
from psycopg2.extensions import make_dsn

from ingestion.loading.load import load
from velib.core import settings
from velib.postgres.connections import connect_to
from velib.postgres.home_files import READER

pytestmark = pytest.mark.slow

ROLE = "first_generation_server"
# docs/mart.md has the same.
SETTING_UP = (
    f"create role {ROLE} login password 'secret'",
    f"grant velib_corrector to {ROLE}",
    f"alter role {ROLE} set search_path = compat",
)
STATION = "station_code, name, latitude, longitude, stationtype, type, nbdock_total, nbedock_total, maxbikeoverflow"
WRITTEN_VIEWS = {
    "station": {"INSERT", "UPDATE", "DELETE"},
    "velo": {"INSERT", "UPDATE", "DELETE"},
    "localisation_velo": {"DELETE"},
}


@pytest.fixture
def server(fresh_database: str, velib_build: Callable[..., None], tmp_path: Path) -> Iterator[Any]:
    """A cursor of the server's own connection."""
    for number, at_100 in enumerate((["1", "2"], ["1"], ["1"])):
        at_200 = ["3"] if number < 2 else ["2", "3"]
        tiny.write(tmp_path / "in", number, tiny.app({"100": at_100, "200": at_200}))
    load([str(tmp_path / "in")])
    velib_build("--no-tests")
    with contextlib.closing(connect_to(fresh_database, "velib tests")) as owner:
        owner.autocommit = True
        with owner.cursor() as cursor:
            cursor.execute(f"drop role if exists {ROLE}")
            for statement in SETTING_UP:
                cursor.execute(statement)
    with contextlib.closing(psycopg2.connect(make_dsn(fresh_database, user=ROLE, password="secret"))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor


def test_a_server_of_the_first_generation(server: Any, cursor: Any) -> None:
    _reads_types_that_it_had(server)
    _whoever_only_reads_writes_nothing(cursor)
    _writes_stations(server)
    _writes_bikes_and_positions(server)


def _reads_types_that_it_had(server: Any) -> None:
    server.execute("select * from station order by station_code")
    names = [column.name for column in server.description]
    assert names == STATION.split(", ")
    assert [row[names.index("type")] for row in server.fetchall()] == ["", ""], "never null"
    server.execute("select velo_name, bikeelectric from velo order by velo_name")
    assert server.fetchall() == [("1", False), ("2", False), ("3", False)]
    server.execute(
        """
        select l.loc_id, l.velo_name, l.station_code, s.timestamp_capture
        from localisation_velo l join snapshot s on l.snapshot_id = s.snapshot_id
        order by l.loc_id desc limit 4
        """
    )
    newest = server.fetchall()
    assert {row[1:] for row in newest[:3]} == {
        (bike, station, datetime.datetime(2026, 6, 2, 10, 2))  # noqa: DTZ001 (local, without zone)
        for bike, station in (("1", "100"), ("2", "200"), ("3", "200"))
    }
    assert newest[3][3] == datetime.datetime(2026, 6, 2, 10, 1)  # noqa: DTZ001
    assert all(0 < loc_id < 2**53 for loc_id, *_ in newest)
    server.execute("select velo_name, station_depart_code, heure_depart, station_arrivee_code from v_trajets")
    assert server.fetchall() == [("2", "100", datetime.datetime(2026, 6, 2, 10), "200")]  # noqa: DTZ001


def _writes_stations(server: Any) -> None:
    insert = f"insert into station ({STATION}) values (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
    added = ("300", "Né", 48.25, 2.5, "PNEU", "no", 9, 3, 0)
    server.execute(insert, added)
    assert server.rowcount == 1
    assert _station(server, "300") == added
    _is_capacity(server, "300", 12)
    # What is there is updated with what is given.
    server.execute(insert, ("100", "Hôtel de Ville", *[None] * 7))
    _, name, latitude, *_ = before = _station(server, "100")
    assert (name, latitude) == ("Hôtel de Ville", 48.85)
    server.execute("insert into station (station_code, name) values ('300', 'no') on conflict do nothing")

    server.execute(
        "update station set latitude = %s, longitude = %s, type = %s where station_code = '100'", (1e-5, 2.0, "yes")
    )
    assert server.rowcount == 1
    assert _station(server, "100") == (*before[:2], 1e-5, 2.0, before[4], "yes", *before[6:])
    server.execute("update station set nbdock_total = 40, name = name, type = '' where station_code = '100'")
    assert _station(server, "100")[5:7] == ("", 40)
    _is_capacity(server, "100", 40)
    server.execute("update station set name = 'x' where station_code = 'nowhere'")
    assert server.rowcount == 0

    for statement, error in (
        ("update station set station_code = '101' where station_code = '100'", psycopg2.errors.FeatureNotSupported),
        ("update station set latitude = null where station_code = '100'", psycopg2.errors.CheckViolation),
        ("update station set latitude = 91 where station_code = '100'", psycopg2.errors.CheckViolation),
        ("update station set nbdock_total = -1 where station_code = '100'", psycopg2.errors.CheckViolation),
        ("insert into station (station_code, name) values ('', 'x')", psycopg2.errors.CheckViolation),
    ):
        with pytest.raises(error):
            server.execute(statement)

    server.execute("delete from station where station_code = '100'")
    assert server.rowcount == 1
    assert _station(server, "100") is None
    server.execute("select count(*) from etat_station where station_code = '100'")
    assert server.fetchone() == (3,), "facts are kept"
    # Added anew it has what is given, and nothing of before.
    server.execute("insert into station (station_code, name) values ('100', 'Anew')")
    assert _station(server, "100") == ("100", "Anew", None, None, None, "", None, None, None)

    server.execute("select made_by, count(*) > 10 from mart.fct_corrections where made_at <= now() group by made_by")
    assert server.fetchall() == [(ROLE, True)]


def _writes_bikes_and_positions(server: Any) -> None:
    server.execute("insert into velo (velo_name, bikeelectric) values ('4', true)")
    server.execute("insert into velo (velo_name, bikeelectric) values ('1', true)")
    assert server.rowcount == 0, "what is there is left"
    server.execute("update velo set bikeelectric = true where velo_name = '2'")
    server.execute("delete from velo where velo_name = '3'")
    server.execute("select velo_name, bikeelectric from velo order by velo_name")
    assert server.fetchall() == [("1", False), ("2", True), ("4", True)]

    server.execute("select loc_id, velo_name, snapshot_id from localisation_velo order by loc_id")
    before = server.fetchall()
    server.execute("delete from localisation_velo where loc_id = %s", (before[4][0],))
    assert server.rowcount == 1
    server.execute("select loc_id, velo_name, snapshot_id from localisation_velo order by loc_id")
    assert server.fetchall() == [*before[:4], *before[5:]]
    server.execute("delete from localisation_velo where loc_id = %s", (before[4][0],))
    assert server.rowcount == 0
    for statement in (
        "update localisation_velo set station_code = '100'",
        "insert into snapshot (snapshot_id) values (1)",
        "update etat_station set nbbike = 1",
    ):
        with pytest.raises((psycopg2.errors.InsufficientPrivilege, psycopg2.errors.ObjectNotInPrerequisiteState)):
            server.execute(statement)


def _whoever_only_reads_writes_nothing(cursor: Any) -> None:
    cursor.execute(f"set role {READER}")
    for statement in (
        "insert into compat.station (station_code, name) values ('300', 'x')",
        "update compat.station set name = 'x'",
        "delete from compat.station",
        "insert into compat.velo (velo_name) values ('x')",
        "update compat.velo set bikeelectric = true",
        "delete from compat.velo",
        "delete from compat.localisation_velo",
    ):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(statement)


def test_each_kind_of_build_leaves_the_writes(
    server: Any, cursor: Any, fresh_database: str, velib_build: Callable[..., None], tmp_path: Path
) -> None:
    def dbt(*arguments: str) -> None:
        done = subprocess.run(
            [str(Path(sys.executable).parent / "dbt"), *arguments, "--target-path", str(tmp_path / "target")],
            cwd=settings.dbt_project(),
            env={**os.environ, settings.DATABASE_URL: fresh_database},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout[-4000:]

    for build in (
        lambda: velib_build("--no-tests"),
        lambda: velib_build("--no-tests", "--full"),
        lambda: velib_build("--no-tests", "-s", "dim_station+ dim_bike+ int_bike_locations+"),
        lambda: dbt("run", "-s", "compat"),
    ):
        build()
        for view, expected in WRITTEN_VIEWS.items():
            cursor.execute(
                "select event_manipulation from information_schema.triggers"
                " where event_object_schema = 'compat' and event_object_table = %s and action_timing = 'INSTEAD OF'",
                (view,),
            )
            assert {event for (event,) in cursor.fetchall()} == expected
            cursor.execute(
                "select privilege_type from information_schema.role_table_grants"
                " where table_schema = 'compat' and table_name = %s and grantee = 'velib_corrector'",
                (view,),
            )
            assert {privilege for (privilege,) in cursor.fetchall()} == expected
        server.execute("update station set name = name || '.' where station_code = '100'")
        assert server.rowcount == 1
    assert _station(server, "100")[1] == "Station 100...."


def _station(server: Any, code: str) -> Any:
    server.execute(f"select {STATION} from station where station_code = %s", (code,))
    return server.fetchone()


def _is_capacity(server: Any, code: str, expected: int) -> None:
    """In the mart too."""
    server.execute("select capacity from mart.dim_station where station_code = %s", (code,))
    assert server.fetchone() == (expected,)
