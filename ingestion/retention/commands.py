"""The verb `keep`: options in, lines out. Imported for --help, so nothing heavy at the top."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ingestion.retention.compacting import Kept, Zone

_AGE = re.compile(r"([0-9]{1,5})d")


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--compact", metavar="AGE", help="Put files older than this into containers, one an hour.")
@click.option("--delete", metavar="AGE", help="Delete loaded files older than this.")
@click.option("--prune-raw", metavar="AGE", help="Prune raw change sets older than this. There is no way back.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def keep(paths: Sequence[str], compact: str | None, delete: str | None, prune_raw: str | None, dry_run: bool) -> None:
    """Keep the landing zone and the raw schema small. Without an option nothing is done; an AGE is like 90d.

    PATHs are folders, here or s3://BUCKET/FOLDER; by default the landing zone ($VELIB_LANDING).
    """
    from velib.core import files, settings
    from velib.core.errors import UsageError, VelibError

    ages = {"--compact": compact, "--delete": delete, "--prune-raw": prune_raw}
    before = {option: _before(option, age) for option, age in ages.items() if age is not None}
    if not before:
        raise UsageError("say what to do: --compact AGE, --delete AGE or --prune-raw AGE")

    def refuse() -> None:
        raise VelibError("another velib keep is at work: nothing was done")

    home = settings.velib_home()
    home.mkdir(parents=True, exist_ok=True)
    with files.locked(home / "keep.lock", refuse):
        # First the files that go: what goes need not be put into a container.
        if "--delete" in before:
            _delete(_zones(paths), before["--delete"], dry_run)
        if "--compact" in before:
            _compact(_zones(paths), before["--compact"], dry_run)
        if "--prune-raw" in before:
            _prune(before["--prune-raw"], dry_run)


def _before(option: str, age: str) -> datetime:
    from velib.core.errors import UsageError

    found = _AGE.fullmatch(age.strip())
    if found is None or not 1 <= int(found[1]) <= 36_500:
        raise UsageError(f"{option} must be a number of days, from 1d on, not {age!r}")
    return datetime.now(UTC) - timedelta(days=int(found[1]))


def _zones(paths: Sequence[str]) -> list[Zone]:
    import os

    from ingestion.retention.compacting import zone_at
    from velib.core import settings

    configured = [path.strip() for path in os.environ.get("VELIB_LANDING", "").split(",") if path.strip()]
    return [zone_at(path) for path in paths or configured or [str(settings.velib_home() / "landing")]]


def _compact(zones: Sequence[Zone], before: datetime, dry_run: bool) -> None:
    from ingestion.retention.compacting import Kept, compact

    total = Kept()
    for zone in zones:
        with _one_line():
            total += compact(zone, before, dry_run)
    verb = "would go" if dry_run else "went"
    click.echo(f"{total.files:,} files ({_size(total)}) of {total.hours:,} hours {verb} into containers{_left(total)}")


def _delete(zones: Sequence[Zone], before: datetime, dry_run: bool) -> None:
    from ingestion.loading.catalog import errors_in_one_line
    from ingestion.loading.raw_schema import ensure
    from ingestion.retention.compacting import Kept, delete
    from velib.postgres.database import connect

    total = Kept()
    with errors_in_one_line(), closing(connect("velib keep", autocommit=True)) as connection:
        ensure(connection)
        for zone in zones:
            with _one_line():
                total += delete(zone, connection, before, dry_run)
    verb = "would be deleted" if dry_run else "deleted"
    click.echo(f"{total.files:,} files ({_size(total)}) {verb}{_left(total)}")


def _prune(before: datetime, dry_run: bool) -> None:
    from ingestion.loading.catalog import errors_in_one_line
    from ingestion.retention.pruning import prune
    from velib.postgres.database import connect

    def waiting() -> None:
        click.echo("a load or a build is running: waiting for it …", err=True)

    with errors_in_one_line(), closing(connect("velib keep", autocommit=True)) as connection:
        pruned = prune(connection, before, dry_run, waiting)
    for feed in pruned:
        verb = "would be pruned" if dry_run else "pruned"
        click.echo(
            f"{feed.feed}: {sum(feed.changes.values()):,} changes of {feed.change_sets:,} change sets, "
            f"through {feed.through:%Y-%m-%d %H:%M:%S} UTC, {verb}"
        )
    if not pruned:
        click.echo("nothing to prune")


def _size(kept: Kept) -> str:
    return f"{kept.bytes / 1e6:,.1f} MB"


def _left(kept: Kept) -> str:
    return f"; {kept.left:,} left as they are: not loaded, or changed meanwhile" if kept.left else ""


@contextmanager
def _one_line() -> Iterator[None]:
    """What the disk or the object store refuses, as a VelibError."""
    from velib.core.errors import VelibError

    try:
        yield
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        why = error.strerror or str(error)
        raise VelibError(f"cannot go on{where}: {why}; no file is lost, run it again for the rest") from None
