"""Writing into the landing zone: where a snapshot goes, and how it gets there whole or not at all.

`Landing` is all that the rest knows of the place, so that an object store can take its place.
"""

from __future__ import annotations

import contextlib
import glob
import os
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from ingestion.landing import SUFFIXES
from warehouse import settings
from warehouse.errors import UsageError

# Hidden, and so invisible to the loader; on the same disk, so that renaming is atomic.
_UNFINISHED = ".unfinished"
_ABANDONED = 3600

LANDING = "VELIB_LANDING"


def default_root() -> Path:
    """$VELIB_LANDING, where that is one folder; else `landing` in the warehouse's home."""
    named = os.environ.get(LANDING, "").strip()
    if not named:
        return settings.velib_home() / "landing"
    path = named.removeprefix("file://")
    if "," in path or "://" in path or (glob.has_magic(path) and not os.path.isdir(path)):
        raise UsageError(f"{LANDING} names more than one folder, or none here: say with --landing where to write")
    return Path(os.path.abspath(Path(path).expanduser()))


def path_of(feed: str, captured_at: datetime) -> str:
    """Where a snapshot goes, relative to the landing zone. Feed and time of capture are read from it again."""
    at = captured_at.astimezone(UTC)
    return f"{folder_of(feed, at)}/{feed}_{at:%Y%m%dT%H%M%SZ}.json.gz"


def folder_of(feed: str, captured_at: datetime) -> str:
    """The folder of an hour of a feed."""
    return f"feed={feed}/date={captured_at:%Y-%m-%d}/hour={captured_at:%H}"


class Landing(Protocol):
    """A landing zone to write to. Paths are relative, with slashes."""

    def write(self, path: str, data: bytes) -> None:
        """Write a file, visible when it is complete and safe. Raises FileExistsError or another OSError."""

    def loadable(self, folders: Iterable[str]) -> list[str]:
        """Those of the folders that hold files, as `velib load` takes them."""


class LocalLanding:
    """A folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, data: bytes) -> None:
        whole = self.root / path
        if whole.exists():
            raise FileExistsError(17, "it is there already", str(whole))
        unfinished = self.root / _UNFINISHED
        unfinished.mkdir(parents=True, exist_ok=True)
        partial = unfinished / f"{whole.name}.tmp"
        try:
            with open(partial, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            made = _make_folders(whole.parent)
            os.replace(partial, whole)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        # The names too: a file that is gone after a power cut would be a gap.
        for folder in (whole.parent, *made):
            _sync(folder)

    def loadable(self, folders: Iterable[str]) -> list[str]:
        return [str(self.root / folder) for folder in folders if _has_files(self.root / folder)]

    def feeds(self) -> list[str]:
        """The folders of the feeds that are there."""
        return sorted(each.name for each in self.root.glob("feed=*") if each.is_dir())

    def clear_unfinished(self) -> None:
        """Remove what killed processes left half written: what nobody has written to for an hour."""
        folder = self.root / _UNFINISHED
        for left in folder.iterdir() if folder.is_dir() else ():
            with contextlib.suppress(OSError):
                if time.time() - left.stat().st_mtime > _ABANDONED:
                    left.unlink()


def _make_folders(folder: Path) -> list[Path]:
    """Make a folder and those above it; returns the folders that got a new entry."""
    missing: list[Path] = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
    return [each.parent for each in missing]


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _has_files(folder: Path) -> bool:
    """Ends at the first file that is found."""
    for _, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith(".")]
        if any(name.endswith(SUFFIXES) and not name.startswith(".") for name in names):
            return True
    return False
