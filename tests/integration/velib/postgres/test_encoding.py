"""Names are the files', whatever PGCLIENTENCODING says; and a database that cannot hold them is refused."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tiny import app, put, station, touch, write

from velib.api.database import Database
from velib.core import settings
from velib.postgres.connections import connect_to

NAMES = {"1001": "Châtelet – Les Halles", "1002": "Œuvre d'Émile Zola", "1003": "Łódź 北京 €"}
Velib = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def velib(fresh_database: str, tmp_path: Path) -> Velib:
    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "velib.cli.main", *arguments],
            env={
                **os.environ,
                settings.HOME: str(tmp_path / "home"),
                settings.DATABASE_URL: fresh_database,
                **environment,
            },
            cwd=settings.project_root(),
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "nonsense"])
def test_what_is_loaded_is_what_the_files_say(velib: Velib, folder: Path, cursor: Any, encoding: str) -> None:
    write(folder, 0, app([station(code, ["b"], name=name) for code, name in NAMES.items()]), prefix="vélo")
    touch(put(folder / "bâd_20260602_090000_UTC.json", b"{"))
    done = velib("load", str(folder), PGCLIENTENCODING=encoding)
    assert done.returncode == 3, done.stderr
    cursor.execute("select station_code, name from raw.station_attribute_changes order by 1")
    assert dict(cursor.fetchall()) == NAMES
    cursor.execute("select file from raw.snapshots union all select path from raw.quarantined_files order by 1")
    assert [Path(file).name[:4] for (file,) in cursor.fetchall()] == ["bâd_", "vélo"]
    again = velib("load", str(folder), PGCLIENTENCODING=encoding)
    assert "2 files: 0 new, 1 skipped, 0 quarantined (and 1 from before)" in again.stdout
    asked = velib("db", "psql", "-c", "show client_encoding", PGCLIENTENCODING=encoding)
    assert "UTF8" in asked.stdout, asked.stderr


def test_the_api_speaks_utf_8(fresh_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")

    async def ask() -> str:
        database = Database(fresh_database, 1, 5.0)
        await database.open()
        try:
            return str(
                (await database.fetch("select $1::text || current_setting('client_encoding') as said", "€"))[0]["said"]
            )
        finally:
            await database.close()

    assert asyncio.run(ask()) == "€UTF8"


@pytest.fixture
def latin(fresh_database: str) -> Iterator[str]:
    """The URL of a database that cannot hold what is in files."""
    name = "velib_latin1"
    with closing(connect_to(fresh_database)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"drop database if exists {name}")
            cursor.execute(
                f"create database {name} encoding 'LATIN1' locale_provider libc locale 'C' template template0"
            )
            yield urlsplit(fresh_database)._replace(path=f"/{name}").geturl()
            cursor.execute(f"drop database {name} with (force)")


def test_another_database_is_refused(velib: Velib, folder: Path, latin: str) -> None:
    write(folder, 0, app([station("1001", ["b"])]))
    for arguments in (("load", str(folder)), ("status",), ("build",)):
        done = velib(*arguments, **{settings.DATABASE_URL: latin})
        assert done.returncode == 1
        assert done.stderr.splitlines() == [
            "error: the database is encoded in LATIN1, and has to be in UTF8: create one with"
            " `create database … encoding 'UTF8' template template0`"
        ]


@pytest.mark.slow
def test_dbt_speaks_utf_8(velib: Velib, fresh_database: str, cursor: Any) -> None:
    built = velib("build", "-s", "station_prefixes", PGCLIENTENCODING="LATIN1")
    assert built.returncode == 0, built.stdout + built.stderr
    cursor.execute("select count(*) from staging.station_prefixes where name ~ '[éèêçô]'")
    assert cursor.fetchone()[0] > 0
    plain = subprocess.run(
        [str(Path(sys.executable).parent / "dbt"), "seed"],
        cwd=settings.dbt_project(),
        env={**os.environ, settings.DATABASE_URL: fresh_database, "PGCLIENTENCODING": "LATIN1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert plain.returncode != 0
    assert "refused: the connection's encoding is LATIN1, and has to be UTF8: unset PGCLIENTENCODING" in plain.stdout
