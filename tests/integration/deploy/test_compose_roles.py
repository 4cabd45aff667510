"""The script that sets up the roles in docker-compose's database, run on a real server."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest

from velib.core import settings
from velib.postgres import binaries
from velib.postgres.connections import connect_to
from velib.postgres.home_files import CORRECTOR, READER
from velib.postgres.server import Server


def test_the_roles_are_made(new_home: Callable[[], Path]) -> None:
    server = Server(new_home())
    url = server.start()
    parts = urlsplit(url)
    with connect_to(url) as connection, connection.cursor() as cursor:
        cursor.execute(f"drop owned by {READER}, {CORRECTOR}; drop role {READER}, {CORRECTOR}")  # not there yet
    connection.close()
    awkward = 'it\'s "quoted" \\ $1 :x'
    subprocess.run(
        [settings.project_root() / "deploy/initdb/10-roles.sh"],
        check=True,
        env={
            "PATH": f"{binaries.directory()}:{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(parts.port),
            "PGPASSWORD": parts.password or "",
            "POSTGRES_USER": "velib",
            "POSTGRES_DB": "velib",
            "DAGSTER_DB_PASSWORD": awkward,
            "VELIB_READER_PASSWORD": "r",
            "VELIB_CORRECTOR_PASSWORD": "c",
        },
    )
    dagster = psycopg2.connect(host="127.0.0.1", port=parts.port, user="dagster", password=awkward, dbname="dagster")
    with dagster, dagster.cursor() as cursor:
        cursor.execute("create table mine (x int)")
    dagster.close()
    connect_to(f"postgresql://{READER}:r@127.0.0.1:{parts.port}/velib").close()
    connect_to(f"postgresql://{CORRECTOR}:c@127.0.0.1:{parts.port}/velib").close()
    for other in ("dagster", "postgres"):
        with pytest.raises(psycopg2.OperationalError, match="permission denied"):
            psycopg2.connect(f"postgresql://{READER}:r@127.0.0.1:{parts.port}/{other}")
