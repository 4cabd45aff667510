"""The verb `status`: is all well? Options in, lines out. Imported for --help, so nothing heavy at the top."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from ingestion.commands import NAMED
from velib.core.printable import printable

if TYPE_CHECKING:
    from datetime import timedelta

    from velib.monitoring.status import FeedStatus, WarehouseStatus


@click.command()
@click.option("--details", is_flag=True, help="Also the gaps, the duplicates, the quarantined files and why.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for machines.")
@click.pass_context
def status(ctx: click.Context, details: bool, as_json: bool) -> None:
    """Say whether all is well, a line for each thing to watch. The exit code is 0 when it is, and 1 when it is not.

    Not well is what begins with !!: a live feed that is silent, a build that failed, died, or was not made; more than 1 % of a
    day's files in quarantine, a critical alert, a disk that is nearly full.
    """
    import json

    from ingestion.loading.catalog import errors_in_one_line
    from velib.monitoring import health
    from velib.postgres.database import connect

    with errors_in_one_line(), closing(connect("velib status", autocommit=True)) as connection:
        seen = health.look(connection, NAMED)
    lines = health.judge(seen)
    if as_json:
        click.echo(json.dumps(health.as_json(seen, lines), indent=2))
    else:
        for line in lines:
            click.echo(f"{'ok' if line.is_well else '!!'}  {line.what:<11}{printable(line.said)}")
        if details:
            click.echo()
            _say_details(seen.warehouse)
    if not all(line.is_well for line in lines):
        ctx.exit(1)


def _say_details(found: WarehouseStatus) -> None:
    from velib.monitoring.health import marts, when

    if not found.feeds:
        click.echo("no snapshots yet: load some with `velib load PATH`, or try `velib demo`")
    for feed in found.feeds:
        _say_feed(feed, found.gap)
    if found.last_load_at:
        click.echo(f"last load      {when(found.last_load_at)}, database {found.database_bytes / 1e6:,.0f} MB")
    if found.duplicates:
        click.echo(f"duplicates     {found.duplicates:,} files with the content of a loaded one")
    if found.loading_since:
        click.echo(f"loading        since {when(found.loading_since)}")
    if found.dead_loads:
        click.echo(
            f"dead loads     {found.dead_loads:,} did not come to an end: their rows count for nothing, `velib clean` removes them"
        )
    if found.feeds:
        click.echo(f"marts          {marts(found)}")
    total = sum(found.quarantine_counts.values())
    click.echo(f"quarantine     {total:,} files" if total else "quarantine     empty")
    for reason, count in found.quarantine_counts.items():
        click.echo(f"  {reason:<26}{count:>8,}")
    for file in found.quarantine:
        click.echo(f"  {printable(file.path)}: {file.reason}: {printable(file.detail)}")
    if total > len(found.quarantine):
        click.echo(f"  … and {total - len(found.quarantine):,} more in raw.quarantined_files")


def _say_feed(feed: FeedStatus, gap: timedelta) -> None:
    from velib.core.durations import in_words
    from velib.monitoring.health import when

    every = f", every {in_words(feed.cadence)}" if feed.cadence else ""
    click.echo(
        f"feed           {printable(feed.feed)}: {feed.snapshots:,} snapshots since {when(feed.first_at)}{every}"
    )
    bikes = f", {feed.bikes:,} bikes" if feed.bikes else ""
    click.echo(f"  newest       {when(feed.newest_at)}: {feed.stations:,} stations{bikes}")
    if feed.gap_count:
        latest = "; ".join(f"{when(each.from_at)} for {in_words(each.to_at - each.from_at)}" for each in feed.gaps)
        more = f", the latest {len(feed.gaps)}" if feed.gap_count > len(feed.gaps) else ""
        click.echo(f"  gaps         {feed.gap_count:,}{more}: {latest}")
    else:
        click.echo(f"  gaps         none over {in_words(gap)}")
