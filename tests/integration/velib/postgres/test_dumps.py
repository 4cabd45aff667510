"""Corrections are backed up and restored: into another home, before its first build and after; a good backup is never lost."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults.disks import mounted
from faults.processes import done, run

from velib.core import settings
from velib.core.errors import VelibError
from velib.postgres import dumps
from velib.postgres.connections import connect_to
from velib.postgres.server import Server

pytestmark = pytest.mark.slow

TRAIL = "select to_jsonb(m)::text from corrections.made m union all select to_jsonb(u)::text from corrections.undone u order by 1"


def build() -> None:
    """As each build does, it makes the place of corrections where there is none; and here a view on it."""
    done("build", "--no-tests", "--select", "stg_corrections")


def correct(url: str) -> None:
    build()
    with contextlib.closing(connect_to(url)) as connection, connection, connection.cursor() as cursor:
        for name in ("Hôtel de Ville", "naïve\t\\N\n— Œuvre", "'); drop table x; --"):
            cursor.execute(
                "insert into corrections.made (made_by, entity, key, field, new_value) values ('me', 'station', '1', 'name', %s)",
                (name,),
            )
        cursor.execute("insert into corrections.undone (correction_id, undone_by) values (2, 'me')")


def asked(url: str, query: str) -> list[Any]:
    with contextlib.closing(connect_to(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize("is_built", [False, True])
def test_into_a_new_home(
    is_built: bool,
    fresh_database: str,
    new_home: Callable[[], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    correct(fresh_database)
    trail, file = asked(fresh_database, TRAIL), tmp_path / "backups" / "corrections.dump"
    assert (
        run("db", "dump-corrections", str(file)).error
        == f"error: cannot write to {file.parent}: No such file or directory"
    )
    file.parent.mkdir()
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("PGCLIENTENCODING", "LATIN1")  # which has no dash
        assert done("db", "dump-corrections", str(file)).out == f"3 corrections written to {file}\n"
    assert (list(file.parent.iterdir()), file.stat().st_mode & 0o777) == ([file], 0o600)
    assert "3 corrections are there already" in run("db", "restore-corrections", str(file)).error
    assert asked(fresh_database, TRAIL) == trail

    monkeypatch.delenv(settings.DATABASE_URL)
    monkeypatch.setenv(settings.HOME, str(new_home()))
    url = Server(Path(os.environ[settings.HOME])).start()
    if is_built:
        build()
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("PGCLIENTENCODING", "LATIN1")
        assert done("db", "restore-corrections", str(file)).out == "3 corrections restored\n"
    assert asked(url, TRAIL) == trail
    build()
    with contextlib.closing(connect_to(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("set role velib_corrector")
        # Numbers go on, the trail stays one.
        cursor.execute(
            "insert into corrections.made (made_by, entity, key, field, new_value) values ('me', 'station', '1', 'name', 'x')"
            " returning correction_id"
        )
        assert cursor.fetchone() == (4,)
    with pytest.raises(Exception, match="never changed or deleted"):
        asked(url, "truncate corrections.made cascade")


def test_a_good_backup_stays_whatever_goes_wrong(
    fresh_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = tmp_path / "disk"
    with mounted(disk, "size=64k"):
        file = disk / "corrections.dump"
        assert "no schema `corrections`" in run("db", "dump-corrections", str(file)).error
        correct(fresh_database)
        done("db", "dump-corrections", str(file))
        good = file.read_bytes()
        # The disk is full.
        (disk / "ballast").write_bytes(b"x" * (40 * 1024))
        asked(
            fresh_database,
            "insert into corrections.made (made_by, entity, key, field, new_value, reason)"
            " select 'me', 'bike', n::text, 'bike_type', 'electric', md5(n::text) from generate_series(1, 3000) n returning 1",
        )
        found = run("db", "dump-corrections", str(file))
        assert "No space left on device" in found.error
        assert f"{file} is as it was" in found.error
        assert (file.read_bytes(), sorted(each.name for each in disk.iterdir())) == (
            good,
            ["ballast", "corrections.dump"],
        )
        # The client is older than the server.
        (disk / "ballast").unlink()
        monkeypatch.setattr(dumps, "_look", lambda url: (99, 1))
        with pytest.raises(VelibError, match="the server is PostgreSQL 99, and pg_dump here is of 18: install"):
            dumps.dump(fresh_database, file)
        assert file.read_bytes() == good


def test_what_is_no_dump_of_corrections(fresh_database: str, tmp_path: Path) -> None:
    file = tmp_path / "x.dump"
    assert run("db", "restore-corrections", str(file)).error == f"error: no such file: {file}"
    for content in (b"", b"select 1", b"PGDMP"):
        file.write_bytes(content)
        assert f"{file} is no dump of corrections" in run("db", "restore-corrections", str(file)).error
    correct(fresh_database)
    done("db", "dump-corrections", str(file))
    file.write_bytes(file.read_bytes()[:-200])
    asked(fresh_database, "drop schema corrections cascade")
    assert run("db", "restore-corrections", str(file)).error
    assert asked(fresh_database, "select to_regnamespace('corrections')") == [(None,)]
