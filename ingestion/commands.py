"""The verbs `load` and `clean`: options in, lines out. Imported for --help, so nothing heavy at the top."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from velib.core.printable import printable

if TYPE_CHECKING:
    from ingestion.capture.extraction import Quarantined
    from ingestion.loading.load import LoadSummary

# How many quarantined files are named one by one.
NAMED = 10
# Files between two lines of a log, where there is no terminal for a progress bar.
LOG_EVERY = 2000


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--feed", help="Name the feed; else the format names it.")
@click.option("--format", "format_name", help="Take every file for this format; else it is found from the content.")
@click.option(
    "--time-zone",
    envvar="VELIB_TIME_ZONE",
    default="Europe/Paris",
    show_default=True,
    help="Of times in file names without a zone.",
)
@click.option(
    "--name-time",
    metavar="PATTERN",
    envvar="VELIB_NAME_TIME",
    help="How file names state their time, as strptime says it: %d.%m.%Y_%Hh%M. A / takes in the folder above.",
)
@click.option(
    "--max-ahead-hours",
    type=click.FloatRange(0, 1_000_000),
    envvar="VELIB_MAX_AHEAD_HOURS",
    default=1.0,
    show_default=True,
    help="Quarantine what was captured later than this from now, until then.",
)
@click.option("--max-mb", default=256, show_default=True, help="Quarantine files larger than this, decompressed.")
@click.option("--batch", default=4096, show_default=True, help="Files a load: what is lost at most when it is killed.")
@click.option("--workers", type=int, help="Processes that read files.  [default: one a core]")
@click.option("--relist", is_flag=True, help="Of s3:// list the old days too, which else happens once a day.")
@click.option(
    "--follow-links",
    is_flag=True,
    envvar="VELIB_FOLLOW_LINKS",
    help="Follow symbolic links that lead out of PATH, too.",
)
@click.pass_context
def load(
    ctx: click.Context,
    paths: Sequence[str],
    feed: str | None,
    format_name: str | None,
    time_zone: str,
    name_time: str | None,
    max_ahead_hours: float,
    max_mb: int,
    batch: int,
    workers: int | None,
    relist: bool,
    follow_links: bool,
) -> None:
    """Load snapshot files: folders (recursively), globs, single files, here or s3://BUCKET/FOLDER; .json and .json.gz.

    Files that were loaded before are skipped. Files that cannot count are quarantined with the reason, and the load goes
    on; the exit code is then 3.
    """
    import os

    from ingestion.loading.load import LoadOptions
    from ingestion.loading.load import load as load_files
    from velib.core import settings
    from velib.core.errors import UsageError

    if feed is not None and not (feed.strip() and feed.isprintable()):
        raise UsageError("--feed must be a name")
    for name, value in (("--max-mb", max_mb), ("--batch", batch), ("--workers", workers)):
        if value is not None and value < 1:
            raise UsageError(f"{name} must be at least 1")
    options = LoadOptions(
        feed,
        format_name,
        settings.time_zone(time_zone),
        name_time or None,
        settings.max_ahead(max_ahead_hours),
        max_mb * 1024 * 1024,
        batch,
        workers or os.cpu_count() or 1,
        relist,
        follow_links,
    )
    with _Progress() as progress:
        summary = load_files(paths, options, progress.listed, progress.advance, progress.waiting)
    _say_load(summary)
    if summary.quarantined:
        ctx.exit(3)


@click.command()
def clean() -> None:
    """Remove the rows that dead loads left behind. They count for nothing, and only take room.

    Waits for a load that is under way.
    """
    from ingestion.loading.catalog import errors_in_one_line
    from ingestion.retention.cleaning import clean as clean_raw
    from velib.postgres.database import connect

    with errors_in_one_line(), closing(connect("velib clean", autocommit=True)) as connection:
        removed = clean_raw(connection, lambda: click.echo("a load is running: waiting for it …", err=True))
    rows = sum(removed.rows.values())
    click.echo(f"removed {rows:,} rows of {removed.loads:,} dead loads" if removed.loads else "nothing to clean")


def _say_load(summary: LoadSummary) -> None:
    from ingestion.landing.links import what_is_refused

    _say_quarantined(summary.quarantined)
    if summary.refused_links:
        click.echo(printable(what_is_refused(summary.refused_links)), err=True)
    quarantined = f"{len(summary.quarantined):,} quarantined"
    if summary.still_quarantined:
        quarantined += f" (and {summary.still_quarantined:,} from before)"
    if summary.refused_links:
        quarantined += f", {len(summary.refused_links):,} links refused"
    for each in summary.mixed:
        click.echo(printable(f"{each.feed}: {each.said}"), err=True)
    pace = f", {summary.ms_per_snapshot:.1f} ms a snapshot" if summary.ms_per_snapshot is not None else ""
    click.echo(
        f"{summary.files:,} files: {summary.new:,} new, {summary.skipped:,} skipped, {quarantined}; "
        f"{summary.changes:,} changes in {summary.seconds:.1f} s{pace}"
    )


def _say_quarantined(quarantined: Sequence[Quarantined]) -> None:
    """All of a few; of many an example of each reason, and how many more: what is rare is not to drown."""
    by_reason: dict[str, list[Quarantined]] = {}
    for file in quarantined:
        by_reason.setdefault(file.reason, []).append(file)
    for files in sorted(by_reason.values(), key=len, reverse=True):
        shown = files if len(quarantined) <= NAMED else files[:1]
        for file in shown:
            click.echo(f"quarantined {printable(file.file.path)}: {file.reason}: {printable(file.detail)}", err=True)
        if len(files) > len(shown):
            click.echo(f"  … and {len(files) - 1:,} more: {files[0].reason}", err=True)
    if len(quarantined) > NAMED:
        click.echo("all of them: `velib status --details`, and raw.quarantined_files", err=True)


class _Progress:
    """A bar on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._total = self._done = self._said = 0

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def listed(self, files: int) -> None:
        """So many there are, or so many are known of so far."""
        self._total = files
        import sys

        if self._bar is not None:
            self._bar.update(self._task, total=files)
            return
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("loading"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task("load", total=files)
            self._bar.start()

    def advance(self, files: int) -> None:
        self._done += files
        if self._bar is not None:
            self._bar.advance(self._task, files)
        elif self._done - self._said >= LOG_EVERY:
            self._said = self._done
            click.echo(f"{self._done:,} of {self._total:,} files", err=True)

    def waiting(self) -> None:
        click.echo("another load is running: waiting for it …", err=True)
