"""`velib simulate`. Cheap to import: `velib --help` imports it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

SHARE = click.FloatRange(0, 1)


@click.command()
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--snapshots", type=click.IntRange(min=1), default=1440, show_default=True, help="How many to write.")
@click.option("--bikes", type=click.IntRange(min=1), default=15_000, show_default=True, help="Size of the fleet.")
@click.option(
    "--stations", type=click.IntRange(2, 4_000), default=1_485, show_default=True, help="Size of the network."
)
@click.option(
    "--start",
    type=click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]),
    default="2026-06-02T00:00",
    show_default=True,
    help="Time of the first snapshot, local Paris time.",
)
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed gives the same bytes.")
@click.option("--every", type=click.IntRange(min=1), default=60, show_default=True, help="Seconds between snapshots.")
@click.option("--missing", type=SHARE, default=0.0, help="Share of the snapshots never written.")
@click.option("--half-files", type=SHARE, default=0.0, help="Share of the files that end in the middle.")
@click.option("--dropouts", type=click.IntRange(min=0), default=0, help="How often a station leaves the feed a while.")
@click.option("--twice", type=SHARE, default=0.0, help="Chance, a snapshot, that a bike gets listed at two stations.")
def simulate(
    out: Path,
    snapshots: int,
    bikes: int,
    stations: int,
    start: datetime,
    seed: int,
    every: int,
    missing: float,
    half_files: float,
    dropouts: int,
    twice: float,
) -> None:
    """Write snapshots of a synthetic city into the folder OUT, and the truth about its bikes into OUT/truth."""
    import time

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from velib.simulator.archive import ArchiveFaults, write_archive
    from velib.simulator.config import CityConfig

    config = CityConfig(snapshots, bikes, stations, start, seed, every, dropouts, twice)
    console = Console(stderr=True)
    columns = TextColumn("simulating"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    began = time.perf_counter()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=snapshots)
        written = write_archive(out, config, ArchiveFaults(missing, half_files), lambda: bar.advance(task))
    if written.already_there:
        click.echo(f"{out} already holds this simulation, nothing to do")
        return
    seconds = time.perf_counter() - began
    spoilt = f", {written.missing} missing, {written.half} half" if missing or half_files else ""
    click.echo(
        f"{written.files} snapshots{spoilt}, {written.bytes / 1e6:.1f} MB, {sum(written.kinds.values())} true "
        f"movements in {seconds:.1f} s ({1000 * seconds / snapshots:.1f} ms a snapshot) in {out}"
    )
