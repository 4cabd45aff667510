"""`make docs`: dbt's documentation of the warehouse as one page."""

import os
import subprocess
import sys
from pathlib import Path

import click

from velib.core import settings
from velib.core.errors import VelibError


def docs() -> None:
    """Write the documentation of every table and column as one page, and say where it is.

    Of the warehouse that VELIB_DATABASE_URL or VELIB_HOME names; else of yours; else, when there is none yet, of the demo's.
    """
    from velib.postgres import dbt_profile
    from velib.postgres.server import Server

    what = choose()
    external = settings.external_database_url() is not None
    server = Server(settings.velib_home())
    was_running = external or server.status().pid is not None
    if not external:
        server.start()
    dbt_profile.require()
    folder = settings.dbt_project()
    try:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("dbt")), "--quiet", "docs", "generate", "--static"],
            cwd=folder,
            env=settings.child_environment({"DBT_PROFILES_DIR": str(folder)}),
        )
    finally:
        if not was_running:
            server.stop()  # it was started for this alone
    if done.returncode != 0:
        raise VelibError("dbt could not write the documentation: what it says of it stands above")
    page = folder / "target" / "static_index.html"
    click.echo(f"the documentation of {what}: {page}\nopen it in a browser: {page.as_uri()}")


def choose() -> str:
    """Settle on a warehouse, in the environment, and say which."""
    if settings.external_database_url() is not None:
        return f"the warehouse that {settings.DATABASE_URL} names"
    if (
        not os.environ.get(settings.HOME)
        and not is_warehouse(settings.default_home())
        and is_warehouse(settings.demo_home())
    ):
        os.environ[settings.HOME] = str(settings.demo_home())
        return f"the demo's warehouse, as there is no other yet ({settings.demo_home()})"
    return f"the warehouse in {settings.velib_home()}"


def is_warehouse(home: Path) -> bool:
    return (home / "postgres").is_dir()


def main() -> None:
    try:
        docs()
    except VelibError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
