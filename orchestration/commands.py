"""`velib ui`: Dagster's web interface and daemon on this machine. Cheap to import: `velib --help` imports it."""

import os
import signal
import sys
from pathlib import Path

import click

# What Dagster remembers between sessions lies in the warehouse's home, beside its data.
_INSTANCE = """\
# Written by `velib ui` when it was missing; yours to change.
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 2
    # Runs that load or build wait for one another in the queue, and a backfill lets the live feed go first.
    tag_concurrency_limits:
      - key: velib/writes
        limit: 1
run_monitoring:
  enabled: true
retention:
  sensor:
    purge_after_days: 7
  schedule:
    purge_after_days: 30
"""


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Where it listens.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Which address it listens on.")
def ui(port: int, host: str) -> None:
    """Open Dagster: the assets, their checks, the runs. Ends with Ctrl-C, or with SIGTERM.

    Files in the landing zone ($VELIB_LANDING, else `landing` in the warehouse's home) are loaded and built as they land.
    """
    from velib.core import settings
    from velib.core.errors import VelibError
    from velib.postgres.database import database_url

    if not _is_free(host, port):
        raise VelibError(f"port {port} on {host} is taken: give another --port")
    database_url()
    home = prepare_home(settings.velib_home() / "dagster")
    program = Path(sys.executable).with_name("dagster")
    if not program.exists():
        raise VelibError("Dagster is not installed: run `make install`")
    (settings.velib_home() / "landing").mkdir(exist_ok=True)
    click.echo(f"Dagster will be at http://{host}:{port} in half a minute or so; Ctrl-C ends it")
    sys.stdout.flush()
    # What a shell that is not interactive starts in the background ignores Ctrl-C, Dagster goes by that for SIGTERM too, and
    # its children by what it does.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.chdir(settings.project_root())
    # `dg dev`, which Dagster advises instead, wants a project of another layout.
    quiet = ",".join(filter(None, [os.environ.get("PYTHONWARNINGS"), "ignore:Function `dev_command` is superseded"]))
    environment = settings.child_environment({"DAGSTER_HOME": str(home), "PYTHONWARNINGS": quiet})
    arguments = [str(program), *arguments_of_dev(host, port)]
    os.execve(program, arguments, environment)  # noqa: S606  # Ctrl-C and signals are Dagster's then


def arguments_of_dev(host: str, port: int) -> list[str]:
    return ["dev", "--module-name", "orchestration.definitions", "--host", host, "--port", str(port)]


def prepare_home(folder: Path) -> Path:
    """Dagster's home, with an instance file: the user's own where there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    instance = folder / "dagster.yaml"
    if not instance.exists():
        instance.write_text(_INSTANCE)
    return folder


def _is_free(host: str, port: int) -> bool:
    """Dagster would otherwise start half of itself before it says so, with a traceback."""
    import socket

    try:
        with socket.create_server((host, port)):
            return True
    except OSError:
        return False
