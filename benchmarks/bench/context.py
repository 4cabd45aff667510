"""What all parts of a run share: its size, its work folder, its archive, its warehouses, the `velib` command."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.bench import processes
from benchmarks.bench.histories import DAY, Prepared
from benchmarks.bench.processes import Ran
from benchmarks.trips_truth.world import snapshots, use_own_warehouse
from velib.core import settings
from velib.simulator.archive import write_archive
from velib.simulator.config import CityConfig

YEAR = 365 * DAY


@dataclass(frozen=True)
class Size:
    """How much a run takes on."""

    files: int
    """Snapshots in the archive, one a minute."""
    start: datetime
    """Of the archive, local Paris time."""
    repeats: int
    histories: tuple[int, ...]
    """Of the part `growth`, in snapshots."""
    first_generation_files: int
    query_runs: int


_MIDNIGHT = datetime(2026, 6, 2)  # noqa: DTZ001 (local Paris time is what the simulator asks for)

# Four hours around noon are about as busy as the mean of a day.
SIZES = {
    "small": Size(240, _MIDNIGHT.replace(hour=10), 1, (60, 360, DAY), 5, 7),
    "day": Size(DAY, _MIDNIGHT, 3, (DAY, 3 * DAY, 7 * DAY), 20, 25),
    "week": Size(7 * DAY, _MIDNIGHT, 3, (DAY, 7 * DAY, 30 * DAY), 20, 25),
    "year": Size(7 * DAY, _MIDNIGHT, 3, (DAY, 30 * DAY, 364 * DAY), 20, 25),
}


@dataclass
class Bench:
    """One run."""

    size: Size
    work: Path
    archive: Path
    histories: Path
    """Where histories are made, or are already."""
    parts: list[str]
    """What was asked for."""
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)
    details: dict[str, Any] = field(default_factory=dict)
    """What is too long for the table, by part: it goes to the JSON file."""
    built: Path | None = None
    """The home of the warehouse with the longest history of those that have a mart."""

    def __post_init__(self) -> None:
        for name in (settings.DATABASE_URL, "DBT_PROFILES_DIR"):
            os.environ.pop(name, None)

    @cached_property
    def files(self) -> list[Path]:
        """The archive's snapshots in order of time, read once, so that all that is compared finds them in the page cache."""
        if len(snapshots(self.archive)) < self.size.files:
            say(f"simulating {self.size.files:,} snapshots into {self.archive}")
            write_archive(self.archive, CityConfig(snapshots=self.size.files, start=self.size.start))
        files = snapshots(self.archive)[: self.size.files]
        for file in files:
            file.read_bytes()
        return files

    # -- warehouses

    def use_new(self, name: str) -> Path:
        """What follows goes to a new, empty warehouse of that name, whose server runs."""
        home = self._emptied(name)
        use_own_warehouse(home)
        self.velib("db", "start")
        return home

    def use_history(self, prepared: Prepared) -> Path:
        """What follows goes to a copy of a history, whose server runs; the one before is gone."""
        home = self._emptied("history")
        prepared.copy_to(home)
        use_own_warehouse(home)
        self.velib("status")  # starts the server, and brings a raw schema of an older layout up to date
        return home

    def _emptied(self, name: str) -> Path:
        home = self.work / name
        if home.exists():
            use_own_warehouse(home)
            self.velib("db", "stop")
            shutil.rmtree(home)
        return home

    def use_built(self) -> None:
        """What follows goes to the warehouse with the longest history; where there is none, the archive makes one."""
        if self.built is None:
            home = self.use_new("archive")
            self.load_archive()
            self.velib("build")
            self.built = home
        use_own_warehouse(self.built)

    def load_archive(self, watch: bool = False) -> Ran:
        return self.velib("load", "--workers", str(self.cores), *map(str, self.files), watch=watch)

    def stop_all(self) -> None:
        """Stop the servers of all warehouses in the work folder."""
        for home in self.work.iterdir():
            if (home / "postgres").exists():
                use_own_warehouse(home)
                self.velib("db", "stop")

    def velib(self, *arguments: str, watch: bool = False) -> Ran:
        """A verb, in a process of its own. Raises processes.FailedError."""
        command = [str(Path(sys.executable).with_name("velib")), *arguments]
        return processes.run(command, os.environ, settings.project_root(), watch)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
