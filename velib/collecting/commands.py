"""The verb `poll`: options in, a log out. Imported for --help, so nothing heavy at the top."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from velib.collecting.configuration import Configuration
    from velib.collecting.poll import Poller
    from velib.monitoring.alerts.configuration import Alerts

_INTERVAL = "15m"


@click.command()
@click.option(
    "--every",
    is_flag=False,
    flag_value=_INTERVAL,
    metavar="[INTERVAL]",
    help=f"Go on until stopped, at the clock's multiples of this: 1m to 24h.  [without a value: {_INTERVAL}]",
)
@click.option("--feed", "feeds", multiple=True, metavar="NAME", help="Only this feed of the file; may be repeated.")
@click.option("--config", type=click.Path(path_type=Path), help="The file that says which feeds there are.")
@click.option("--landing", metavar="FOLDER", help="Where to write to: a folder, or s3://BUCKET/FOLDER.")
@click.option("--no-load", is_flag=True, help="Only write the files: neither load nor build.")
@click.option("--no-build", is_flag=True, help="Load, but do not build.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="Say this and what is worse.",
)
@click.pass_context
def poll(
    ctx: click.Context,
    every: str | None,
    feeds: Sequence[str],
    config: Path | None,
    landing: str | None,
    no_load: bool,
    no_build: bool,
    log_level: str,
) -> None:
    """Collect: ask feeds, write what they answer into the landing zone, load and build it. Once, or --every 15m.

    Which feeds, says $VELIB_HOME/poll.toml (or $VELIB_POLL_CONFIG, or --config). Files go to $VELIB_LANDING, else to
    `landing` in the warehouse's home. Each event is a line on standard error.
    """
    from velib.collecting import configuration, events
    from velib.collecting.schedule import LONGEST, SHORTEST
    from velib.core import files, settings
    from velib.core.errors import UsageError, VelibError
    from velib.monitoring.alerts import log
    from velib.monitoring.alerts.configuration import read as read_alerts

    interval = None if every is None else configuration.seconds(every, "--every")
    if interval is not None and not SHORTEST <= interval <= LONGEST:
        raise UsageError(f"--every must lie between 1m and 24h, not {every}")
    path = config or settings.poll_config()
    configured, alerts = configuration.read(path, feeds), read_alerts(path)
    home = settings.velib_home() / "poll"

    def refuse() -> None:
        raise VelibError(f"another velib poll is at work in {home}: nothing was asked")

    events.to_stderr(log_level)
    log.to_stderr()
    try:
        home.mkdir(mode=0o711, parents=True, exist_ok=True)
        (home / "lock").touch()
    except OSError as error:
        raise VelibError(f"cannot use {home}: {error.strerror}") from error
    with files.locked(home / "lock", refuse):
        poller = _poller(configured, alerts, home, landing, load=not no_load, build=not no_build)
        if interval is not None and poller.following is not None:
            poller.following.repeat()
        with _told_to_dagster(poller, interval, configured, alerts):
            code = _run(poller, interval)
    ctx.exit(code)


def _poller(
    configured: Configuration, alerts: Alerts | None, home: Path, landing: str | None, load: bool, build: bool
) -> Poller:
    from functools import partial
    from importlib.metadata import version

    from velib.collecting.backlog import Backlog
    from velib.collecting.client import Client
    from velib.collecting.clock import Clock
    from velib.collecting.events import Events
    from velib.collecting.following import Following
    from velib.collecting.landing import default_root, open_landing
    from velib.collecting.poll import Poller
    from velib.collecting.redaction import Redactor
    from velib.collecting.retry import parse_retry_after
    from velib.monitoring.alerts.evaluation import evaluate_and_log

    root = open_landing(landing if landing is not None else default_root())
    clock = Clock()
    events = Events(Redactor(configured.secrets))
    backlog = Backlog(home / "backlog.json", root.feeds())
    user_agent = configured.user_agent or f"velib-warehouse/{version('velib-warehouse')}"
    client = Client(user_agent, clock.monotonic, lambda value: parse_retry_after(value, clock.now()))
    hidden = [secret.name for secret in configured.secrets]
    afterwards = None
    if alerts is not None:
        hidden += alerts.variables
        afterwards = partial(evaluate_and_log, alerts)
    following = Following(root, backlog, events, build, without=hidden, afterwards=afterwards) if load else None
    return Poller(configured.feeds, home, root, backlog, client, events, clock, following=following)


@contextlib.contextmanager
def _told_to_dagster(
    poller: Poller, every: int | None, configured: Configuration, alerts: Alerts | None
) -> Iterator[None]:
    """While it runs, Dagster hears of it, where there is one. A tick that Dagster has asked for is recorded by its own run."""
    from velib.collecting.reporting import DAGSTER_HOME, Reporter
    from velib.core import settings

    if every is None or not os.environ.get(DAGSTER_HOME):
        yield
        return
    hidden = {secret.name for secret in configured.secrets} | set(alerts.variables if alerts is not None else ())
    reporter = Reporter({name: value for name, value in settings.child_environment().items() if name not in hidden})
    poller.events.listener = reporter
    try:
        yield
    finally:
        reporter.end()


def _run(poller: Poller, every: int | None) -> int:
    """Run until the end, or until somebody wants it to end: Ctrl-C, or SIGTERM as a service manager sends it."""
    import signal

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        if every is None:
            return poller.once()
        poller.run(every)
    except KeyboardInterrupt:
        # Once is enough: what follows takes seconds.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        poller.end()
        poller.events.info("ended")
        return 0 if every is not None else 1
    return 0
