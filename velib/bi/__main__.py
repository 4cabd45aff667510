"""`python -m velib.bi`: serve Superset, check its dashboards in a browser, or write what was changed there back into the bundle."""

import os
import socket
import sys
from pathlib import Path

import click

from velib.bi import environment
from velib.core import settings
from velib.core.errors import VelibError


@click.group(invoke_without_command=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8088, show_default=True, help="Where it listens.")
@click.pass_context
def bi(context: click.Context, port: int) -> None:
    """Superset with its dashboards on the mart, at 127.0.0.1, until Ctrl-C."""
    if context.invoked_subcommand is not None:
        return
    if not _is_free(port):
        raise VelibError(f"port {port} on 127.0.0.1 is taken: make bi ARGS='--port …'")
    told = environment.variables()
    os.chdir(settings.project_root())
    sys.stdout.flush()
    arguments = environment.arguments(port)
    os.execve(arguments[0], arguments, told)  # noqa: S606  # Ctrl-C and signals are Superset's then


@bi.command()
@click.option("--pictures", type=click.Path(file_okay=False, path_type=Path), help="A folder for a picture of each.")
@click.option("--limit", type=float, default=1.0, show_default=True, help="Seconds that a query may take.")
def check(pictures: Path | None, limit: float) -> None:
    """Open each dashboard in a headless Chromium: no chart in error or empty, no slow query."""
    told = environment.variables()
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    server = environment.start(port, told)
    try:
        command = [str(environment.python()), "-m", "velib.bi.inside.check", "--port", str(port), "--limit", str(limit)]
        if pictures is not None:
            command += ["--pictures", str(pictures.absolute())]
        done = environment.run(command, told)
    finally:
        server.terminate()
        server.wait()
    sys.exit(done)


@bi.command()
def export() -> None:
    """What was changed in Superset, written into bi/bundle."""
    told = environment.variables()
    if not environment.is_set_up():
        raise VelibError(f"no Superset in {settings.velib_home()}: `make bi` sets it up")
    sys.exit(environment.run([str(environment.python()), "-m", "velib.bi.inside.export"], told))


def _is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


def main() -> None:
    try:
        bi(prog_name="python -m velib.bi")
    except VelibError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
