"""`velib demo`: a day of a small simulated city through the whole way, by the same verbs that a user types.

The verbs are called by name, through the command group: this package imports none of those above it.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import click

from velib.core import settings
from velib.core.errors import VelibError

# One day, a snapshot every five minutes: small enough for a minute's demo, large enough for rush hours and empty stations.
_CITY = ("--snapshots", "288", "--bikes", "1500", "--stations", "150", "--every", "300")
_DAY = ("--start", "2026-06-02T00:00", "--seed", "7")


@click.command()
@click.option("--home", type=click.Path(file_okay=False, path_type=Path), help="Where the demo's warehouse lives.")
@click.pass_context
def demo(context: click.Context, home: Path | None) -> None:
    """Show what it does: simulate a day of a small city, load it, build the marts, sum them up.

    The demo has a warehouse of its own (.velib-demo beside the project's), so that yours stays free of simulated data.
    """
    from rich.console import Console

    from velib.cli import demo_summary

    _use_own_warehouse(home)
    console = Console(highlight=False)
    archive = settings.velib_home() / "demo-archive"

    if archive.is_dir():
        _step(console, "1/3", f"The simulated day is there from last time ({_short(archive)})")
    else:
        _step(console, "1/3", "Simulating a day of a small city: 150 stations, 1,500 bikes, a snapshot every 5 minutes")
        partial = archive.with_name("demo-archive.partial")
        shutil.rmtree(partial, ignore_errors=True)
        _velib(context, "simulate", str(partial), *_CITY, *_DAY)
        os.rename(partial, archive)  # a demo that was interrupted simulates again
    _step(console, "2/3", "Loading the snapshots: only what changed since the one before is stored")
    _velib(context, "load", str(archive))
    _step(console, "3/3", "Building the marts: trips, station status, bikes")
    _velib(context, "build")
    console.print()
    demo_summary.show(console)


def _use_own_warehouse(home: Path | None) -> None:
    """Point everything that follows at the demo's warehouse, and never at one that holds a user's own data."""
    if home is not None:
        os.environ[settings.HOME] = str(home)
    elif not os.environ.get(settings.HOME):
        os.environ[settings.HOME] = str(settings.demo_home())
    os.environ[settings.HOME] = str(settings.velib_home())
    os.environ.pop(settings.DATABASE_URL, None)  # a server of one's own is no place for simulated data
    mine = settings.velib_home()
    if (mine / "postgres").is_dir() and not (mine / "demo").exists():
        raise VelibError(
            f"{mine} holds a warehouse that is not the demo's: unset {settings.HOME}, or give another --home"
        )
    try:
        mine.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            mine.chmod(mine.stat().st_mode | 0o011)  # as root, the server's user has to pass through
        (mine / "demo").touch()
    except OSError as error:
        raise VelibError(f"cannot use {mine}: {error.strerror}") from error


def _velib(context: click.Context, *arguments: str) -> None:
    group = context.find_root().command
    code = _exit_code(group, arguments)
    if code != 0:
        raise VelibError(f"the demo stopped: `velib {' '.join(arguments)}` ended with exit code {code}")


def _exit_code(group: click.Command, arguments: Sequence[str]) -> int:
    try:
        result = group.main(list(arguments), prog_name="velib", standalone_mode=False)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return result if isinstance(result, int) else 0


def _step(console: object, number: str, text: str) -> None:
    from rich.console import Console

    assert isinstance(console, Console)
    console.print(f"\n[bold]{number}[/bold] {text}")


def _short(path: Path) -> str:
    """As one would type it from here."""
    relative = os.path.relpath(path)
    return relative if not relative.startswith("..") else str(path)
