"""Superset's environment seen from ours: its Python, its folder in the warehouse's home, what it is told of the mart."""

import os
import subprocess
import time
import urllib.request
from pathlib import Path

from velib.bi.inside import private
from velib.core import settings
from velib.core.dbt_vars import var
from velib.core.errors import VelibError

_START_LIMIT = 600  # seconds; the first start makes its database


def python() -> Path:
    """The interpreter of .venv-bi."""
    found = settings.project_root() / ".venv-bi" / "bin" / "python"
    if not found.exists():
        raise VelibError("Superset is not installed: run `make bi`")
    return found


def is_installed() -> bool:
    return (settings.project_root() / ".venv-bi" / ".installed").exists()


def is_set_up() -> bool:
    """Whether this warehouse has a Superset with the dashboards in it."""
    return (_folder() / "prepared.json").exists()


def variables() -> dict[str, str]:
    """The environment for Superset: this one, and where the mart is, as velib_reader. Starts the embedded database."""
    url = os.environ.get(private.DATABASE_URL, "").strip() or _reader_url()
    return settings.child_environment(
        {
            private.HOME: str(_folder()),
            private.DATABASE_URL: url,
            private.TIME_ZONE: _time_zone(),
        }
    )


def start(port: int, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    """Superset as a child, on 127.0.0.1; it answers when this returns."""
    server = subprocess.Popen(arguments(port), cwd=settings.project_root(), env=environment)
    until = time.monotonic() + _START_LIMIT
    while not _answers(port):
        if server.poll() is not None or time.monotonic() > until:
            server.kill()
            raise VelibError("Superset did not start; what it said is above")
        time.sleep(0.5)
    return server


def run(command: list[str], environment: dict[str, str]) -> int:
    """A command to its end; its exit code."""
    return subprocess.run(command, cwd=settings.project_root(), env=environment, check=False).returncode


def arguments(port: int) -> list[str]:
    return [str(python()), "-m", "velib.bi.inside", "--port", str(port)]


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
            return True
    except OSError:
        return False


def _folder() -> Path:
    return settings.velib_home() / "superset"


def _reader_url() -> str:
    if settings.external_database_url():
        raise VelibError(
            f"on your own server the password of velib_reader is yours to give: set {private.DATABASE_URL} to its libpq URL"
        )
    from velib.postgres.home_files import READER
    from velib.postgres.server import Server

    server = Server(settings.velib_home())
    server.start()
    return server.url(role=READER)


def _time_zone() -> str:
    """The network's local time, as the models have it."""
    return str(var("time_zone"))
