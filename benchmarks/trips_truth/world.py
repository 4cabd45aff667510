"""From nothing to built marts: one simulated world, its snapshots at several cadences, each a feed of one warehouse.

The snapshots of the coarser cadences are every so many of those of the finest, so all are compared on the same truth.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ingestion.landing.capture_time import from_name
from velib.core import settings
from velib.simulator.archive import write_archive
from velib.simulator.config import CityConfig

MINUTES = (1, 5, 15)
"""The cadences of collectors; each is a multiple of the first."""
_PARIS = ZoneInfo("Europe/Paris")


def feed_of(minutes: int) -> str:
    return f"every_{minutes:02d}_min"


def simulate(
    folder: Path, stations: int, bikes: int, days: int, seed: int, dropouts: int = 0, twice: float = 0.0
) -> Path:
    """A world at the finest cadence; a second call finds it done."""
    start = datetime(2026, 6, 1)  # noqa: DTZ001 (a Monday; local Paris time is what the simulator asks for)
    write_archive(
        folder, CityConfig(1440 * days // MINUTES[0], bikes, stations, start, seed, 60 * MINUTES[0], dropouts, twice)
    )
    return folder


def thin_out(archive: Path, folder: Path, minutes: int) -> Path:
    """Every so many of the archive's snapshots, as links."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in snapshots(archive)[:: minutes // MINUTES[0]]:
        if not (folder / file.name).exists():
            os.link(file, folder / file.name)
    return folder


def snapshots(folder: Path) -> list[Path]:
    """The files in the order of their capture times, which differ by more than a clock change in no archive made here."""
    return sorted(folder.glob("*.json.gz"))


def capture_times(folder: Path) -> list[int]:
    """When the snapshots were captured, in epoch seconds."""
    times = [from_name(file.name, _PARIS) for file in snapshots(folder)]
    return sorted(int(time.timestamp()) for time in times if time is not None)


def cadences(archive: Path) -> dict[int, Path]:
    """The archive at each cadence, in folders beside it."""
    return {
        minutes: thin_out(archive, archive.with_name(f"{archive.name}_{feed_of(minutes)}"), minutes)
        for minutes in MINUTES
    }


def load_and_build(folders: dict[int, Path]) -> None:
    """All cadences into the warehouse at hand, each as a feed; by the commands that a user types."""
    for minutes, folder in folders.items():
        _velib(["load", "--feed", feed_of(minutes), str(folder)])
    _velib(["build", "--resource-type", "model", "--resource-type", "seed"])


def use_own_warehouse(home: Path) -> None:
    """Everything that follows goes to the embedded server there, never to a user's own warehouse."""
    home.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        for folder in (home, home.parent):
            folder.chmod(folder.stat().st_mode | 0o011)  # as root, the server's user has to pass through
    os.environ[settings.HOME] = str(home)
    os.environ.pop(settings.DATABASE_URL, None)


SOURCES = ("simulator", "ingestion", "dbt_project/models", "dbt_project/macros", "dbt_project/seeds")
"""With dbt_project.yml, what the rows depend on."""


def forget_what_others_made(folder: Path) -> None:
    """Empty the folder of a world where it was simulated, loaded or built by other code than today's."""
    noted, now = folder / "sources.txt", sources_hash(settings.project_root())
    if not noted.exists() or noted.read_text(encoding="utf-8") != now:
        home = folder / "home"
        if any(home.iterdir()):
            stop_server()
        shutil.rmtree(folder)
        use_own_warehouse(home)
        noted.write_text(now, encoding="utf-8")


def sources_hash(root: Path) -> str:
    """The state of the code that decides the rows."""
    files = [file for name in SOURCES for file in (root / name).rglob("*")] + [root / "dbt_project" / "dbt_project.yml"]
    found = hashlib.sha256()
    for file in sorted(files):
        if file.suffix in (".py", ".sql", ".yml", ".csv"):
            found.update(f"{file.relative_to(root)}\n".encode())
            found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()


def stop_server() -> None:
    _velib(["db", "stop"])


def _velib(arguments: Sequence[str]) -> None:
    subprocess.run([sys.executable, "-m", "velib.cli.main", *arguments], check=True, cwd=settings.project_root())
