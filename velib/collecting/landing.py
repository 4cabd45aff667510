"""Writing into the landing zone: where a snapshot goes, and how it gets there whole or not at all.

`Landing` is all that the rest knows of the place: a folder, or a folder of an object store.
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

from ingestion.landing import object_store
from ingestion.landing.landing_zone import has_files
from velib.core import settings
from velib.core.errors import UsageError, VelibError
from velib.core.files import sync_folder

# Hidden, and so invisible to the loader; on the same disk, so that renaming is atomic.
_UNFINISHED = ".unfinished"
_ABANDONED = 3600

LANDING = "VELIB_LANDING"


def default_root() -> str:
    """$VELIB_LANDING, where that is one folder, here or in an object store; else `landing` in the warehouse's home."""
    named = os.environ.get(LANDING, "").strip()
    if not named:
        return str(settings.velib_home() / "landing")
    path = named.removeprefix("file://")
    is_one_here = "://" not in path and (os.path.isdir(path) or not glob.has_magic(path))
    if "," in path or not (is_one_here or (object_store.is_object(path) and not glob.has_magic(path))):
        raise UsageError(f"{LANDING} names more than one folder, or none here: say with --landing where to write")
    return path


def open_landing(root: str) -> Landing:
    """The landing zone at a path or URL. One in an object store is asked for once, so that a mistake shows at once."""
    if not object_store.is_object(root):
        local = LocalLanding(Path(os.path.abspath(Path(root.removeprefix("file://")).expanduser())))
        local.clear_unfinished()
        return local
    bucket = BucketLanding(root)
    try:
        bucket.feeds()
    except OSError as error:
        raise VelibError(f"cannot use {root}: {error.strerror}") from None
    return bucket


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

    def feeds(self) -> list[str]:
        """The folders of the feeds that are there."""


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
            sync_folder(folder)

    def loadable(self, folders: Iterable[str]) -> list[str]:
        return [str(self.root / folder) for folder in folders if has_files(self.root / folder)]

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


class BucketLanding:
    """A folder of an object store, where a PUT is atomic: nothing is ever half written."""

    def __init__(self, url: str) -> None:
        object_store.split(url)
        self.url = url.rstrip("/")

    def write(self, path: str, data: bytes) -> None:
        object_store.write(f"{self.url}/{path}", data, only_new=True)

    def loadable(self, folders: Iterable[str]) -> list[str]:
        found = [f"{self.url}/{folder}" for folder in folders]
        try:
            return [folder for folder in found if object_store.has_objects(f"{folder}/")]
        except OSError:  # the load says why it cannot be reached
            return found

    def feeds(self) -> list[str]:
        names = (
            folder.rstrip("/").rpartition("/")[2]
            for page in object_store.pages(f"{self.url}/", by_folder=True)
            for folder in page.folders
        )
        return [name for name in names if name.startswith("feed=")]


def _make_folders(folder: Path) -> list[Path]:
    """Make a folder and those above it; returns the folders that got a new entry."""
    missing: list[Path] = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
    return [each.parent for each in missing]
