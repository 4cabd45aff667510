"""`velib db`: the embedded server from the command line."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from velib.core import settings
from velib.core.errors import VelibError


@click.group()
def db() -> None:
    """Start, stop and reach the database."""


@db.command()
def start() -> None:
    """Start the embedded database (every verb that needs it does so by itself)."""
    if settings.external_database_url():
        click.echo(f"{settings.DATABASE_URL} is set: that server is used, nothing to start")
        return
    from velib.postgres.server import Server

    server = Server(settings.velib_home())
    server.start()
    click.echo(f"running on 127.0.0.1:{server.status().port}, data in {server.home}")


@db.command()
def stop() -> None:
    """Stop the embedded database."""
    from velib.postgres.server import Server

    click.echo("stopped" if Server(settings.velib_home()).stop() else "was not running")


@db.command()
@click.option("--reader", is_flag=True, help="The read-only role for BI tools, velib_reader.")
def url(reader: bool) -> None:
    """Print the libpq URL, password included, and nothing else."""
    click.echo(_url(reader))


@db.command(context_settings={"ignore_unknown_options": True})
@click.option("--reader", is_flag=True, help="As the read-only role, velib_reader.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(reader: bool, arguments: Sequence[str]) -> None:
    """Open psql on the warehouse; ARGUMENTS are psql's own, for instance -c 'select 1'."""
    program = shutil.which("psql")
    if program is None:
        from velib.postgres import binaries

        program = binaries.program("psql")
        if not os.access(program, os.X_OK):
            raise VelibError("no psql on this machine: use any PostgreSQL client with the URL of `velib db url`")
    from psycopg2.extensions import make_dsn, parse_dsn

    where = parse_dsn(_url(reader))
    password = where.pop("password", None)  # not on the command line, where `ps` shows it to everyone
    environment = os.environ | ({"PGPASSWORD": password} if password else {})
    os.execve(program, [program, *layout(os.environ), make_dsn(**where), *arguments], environment)  # noqa: S606


def layout(environment: Mapping[str, str]) -> list[str]:
    """psql's options for a result that is wider than the terminal: a line a column, and no pager that nobody asked for.

    What the user says, in PSQL_PAGER, ~/.psqlrc or options of their own, counts.
    """
    return [*(() if environment.get("PSQL_PAGER") else ("-P", "pager=off")), "-P", "expanded=auto"]


@db.command("dump-corrections")
@click.argument("file", type=click.Path(path_type=Path))
def dump_corrections(file: Path) -> None:
    """Back up the corrections, which no snapshot file holds, into FILE (an archive of pg_dump's).

    A FILE that is there is replaced when the new one is complete and safe on the disk, and else stays.
    """
    from velib.postgres import dumps
    from velib.postgres.database import database_url

    click.echo(f"{dumps.dump(database_url(), file):,} corrections written to {file}")


@db.command("restore-corrections")
@click.argument("file", type=click.Path(path_type=Path))
def restore_corrections(file: Path) -> None:
    """Bring back the corrections of FILE, all or none of them, into a warehouse that has none: before its first build or after."""
    from velib.postgres import dumps
    from velib.postgres.database import database_url

    click.echo(f"{dumps.restore(database_url(), file):,} corrections restored")


@db.command()
def status() -> None:
    """Say whether the database runs, and where."""
    if settings.external_database_url():
        from velib.postgres.database import connect

        with connect() as connection:
            info = connection.info
            click.echo(
                f"your own server ({settings.DATABASE_URL}): {info.host}:{info.port}, database {info.dbname}, reachable"
            )
        return
    from velib.postgres.server import Server

    found = Server(settings.velib_home()).status()
    if found.pid is not None:
        click.echo(f"running on 127.0.0.1:{found.port} (process {found.pid}), data in {found.home}")
    elif found.exists:
        click.echo(f"not running, data in {found.home}")
    else:
        click.echo(f"none yet; {found.home} will hold it")


def _url(reader: bool) -> str:
    from velib.postgres.database import database_url
    from velib.postgres.home_files import READER
    from velib.postgres.server import Server

    administrator = database_url()
    if not reader:
        return administrator
    if settings.external_database_url():
        raise VelibError(
            f"on your own server the password of {READER} is yours to give; the embedded server's is known"
        )
    return Server(settings.velib_home()).url(role=READER)
