"""The oldest PostgreSQL that a server of one's own may have: the same mart, corrections to and fro; older ones are refused."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults.database import Database, assert_same_mart
from faults.processes import done
from tiny import app, write

from velib.core import settings
from velib.core.errors import VelibError
from velib.postgres import connections
from velib.postgres.account import Account
from velib.postgres.connections import OLDEST_SERVER, connect_to
from velib.postgres.server import _free_port

PROGRAMS = Path(f"/usr/lib/postgresql/{OLDEST_SERVER}/bin")  # Debian's and Ubuntu's


@pytest.fixture
def oldest(session_root: Path) -> Iterator[str]:
    """The URL of a server of that version, as a package makes it."""
    if not (PROGRAMS / "initdb").exists():
        pytest.skip(f"PostgreSQL {OLDEST_SERVER} is not installed on this machine")
    who = Account(65534, 65534) if os.geteuid() == 0 else Account()
    folder, port = session_root / "oldest", _free_port()
    folder.mkdir()
    who.own(folder)

    def command(name: str, *options: str) -> None:
        subprocess.run(
            [str(PROGRAMS / name), f"--pgdata={folder}/data", *options],
            check=True,
            capture_output=True,
            cwd="/",
            **who.popen,
        )  # type: ignore[call-overload]

    command("initdb", "--username=velib", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
    listen = f"-c port={port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
    command("pg_ctl", "--wait", "start", f"--log={folder}/log", f"--options={listen}")
    try:
        yield f"postgresql://velib@127.0.0.1:{port}/postgres"
    finally:
        command("pg_ctl", "--wait", "--mode=immediate", "stop")
        shutil.rmtree(folder)


@pytest.mark.slow
def test_the_same_mart_and_corrections(
    oldest: str,
    fresh_database: str,
    velib_build: Callable[..., None],
    session_root: Path,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(settings.HOME, str(session_root / "builds"))
    marts = []
    for number in range(6):
        write(folder, number, app({"1001": [f"b{number % 3}"], "1002": ["c" if number < 3 else "d"]}))
    backup = tmp_path / "corrections.dump"
    for url in (fresh_database, oldest):
        monkeypatch.setenv(settings.DATABASE_URL, url)
        done("load", str(folder))
        done("build")
        with contextlib.closing(Database(url)) as found:
            if url == fresh_database:
                found.rows(
                    "insert into corrections.made (made_by, entity, key, field, new_value)"
                    " values ('me', 'station', '1001', 'name', 'Hôtel')"
                )
                done("db", "dump-corrections", str(backup))
            else:
                assert done("db", "restore-corrections", str(backup)).out == "1 corrections restored\n"
                done("db", "dump-corrections", str(backup))
            marts.append(found.mart())
    assert_same_mart(*marts, f"that of PostgreSQL {OLDEST_SERVER}")


def test_an_older_server_is_refused(fresh_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as stricter:
        stricter.setattr(connections, "OLDEST_SERVER", 99)
        with pytest.raises(VelibError, match=r"^the server is PostgreSQL 18; 99 or newer is needed$"):
            connect_to(fresh_database)
