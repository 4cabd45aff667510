"""Histories of a length, each a warehouse with nothing but `raw` in it and the files that go on top, made once and copied for use.

`python -m benchmarks.bench.histories FOLDER SNAPSHOTS…` makes them beforehand, for `--histories FOLDER`. A year is the same four
weeks thirteen times over, the city being put back in one snapshot in between: to simulate all of it would take an hour.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.history.run import History
from benchmarks.trips_truth.world import use_own_warehouse
from velib.core import settings
from velib.simulator.config import CityConfig

HOUR, DAY = 60, 1_440
FOUR_WEEKS = 28 * DAY
START = datetime(2025, 6, 2)  # noqa: DTZ001 (local Paris time)


@dataclass(frozen=True)
class Prepared:
    """A history and what goes on top of it."""

    home: Path
    snapshots: int
    hours: list[Path]
    """Folders, each with the next hour's files."""
    late: list[Path]
    """Files that the history lacks, two weeks before its end or in its middle."""

    def copy_to(self, home: Path) -> None:
        """A warehouse to be loaded and built. Its server does not run."""
        shutil.copytree(self.home, home, symlinks=True, copy_function=_copy_with_owner)
        for folder, names, _ in os.walk(self.home):
            for name in [".", *names]:
                _give_owner(Path(folder, name), home / Path(folder, name).relative_to(self.home))


def prepare(root: Path, snapshots: int, repeats: int, say: Callable[[str], object]) -> Prepared:
    """The history of that length below `root`, made unless it is there."""
    folder = root / f"{snapshots}_snapshots_{repeats}_times"
    home, files = folder / "home", folder / "files"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        home.mkdir(parents=True)
        use_own_warehouse(home)
        began = time.monotonic()

        def tell(number: int) -> None:
            if number and number % (10 * DAY) == 0:
                say(f"{number:,} snapshots, {1000 * (time.monotonic() - began) / number:.2f} ms each")

        say(f"writing a history of {snapshots:,} snapshots")
        weeks_times = snapshots // FOUR_WEEKS if snapshots % FOUR_WEEKS == 0 else 1
        simulated = snapshots // weeks_times
        history = History(CityConfig(snapshots=simulated + repeats * HOUR, start=START), files)
        try:
            # a few minutes between one late file and the next: each has neighbours of its own
            left_out = [simulated // 2 + 7 * number for number in range(repeats)]
            history.straight(simulated, left_out, weeks_times, tell)
        finally:
            subprocess.run(
                [sys.executable, "-m", "velib.cli.main", "db", "stop"], cwd=settings.project_root(), check=True
            )
        for hour in range(repeats):
            history.as_files(HOUR, f"hour_{hour}")
        (folder / "done").touch()
    return Prepared(home, snapshots, sorted(files.glob("hour_*")), sorted((files / "late").iterdir()))


def _copy_with_owner(source: str, target: str) -> None:
    shutil.copy2(source, target)
    _give_owner(Path(source), Path(target))


def _give_owner(source: Path, target: Path) -> None:
    """As root, the server runs as another user, to whom its files belong."""
    about = source.stat(follow_symlinks=False)
    os.chown(target, about.st_uid, about.st_gid, follow_symlinks=False)


def main() -> None:
    """Make histories for later."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench.histories", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("snapshots", type=int, nargs="+")
    parser.add_argument("--repeats", type=int, default=3, help="Hours and late files that go on top of each.")
    options = parser.parse_args()
    os.environ.pop(settings.DATABASE_URL, None)
    for snapshots in options.snapshots:
        prepare(options.folder.resolve(), snapshots, options.repeats, lambda text: print(text, flush=True))


if __name__ == "__main__":
    main()
