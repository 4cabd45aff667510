"""Where a poll writes: which landing zone, and the place of a snapshot in it. How a file gets there whole or not at all is the
store's (`ingestion.landing`).
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from datetime import UTC, datetime

from ingestion.landing.folder import clear_unfinished
from ingestion.landing.names import local_path
from ingestion.landing.store import is_in_bucket, store_of
from velib.core import settings
from velib.core.errors import UsageError, VelibError

LANDING = "VELIB_LANDING"


def default_root() -> str:
    """$VELIB_LANDING, where that is one folder, here or in an object store; else `landing` in the warehouse's home."""
    named = os.environ.get(LANDING, "").strip()
    if not named:
        return str(settings.velib_home() / "landing")
    path = named.removeprefix("file://")
    is_one_here = "://" not in path and (os.path.isdir(path) or not glob.has_magic(path))
    if "," in path or not (is_one_here or (is_in_bucket(path) and not glob.has_magic(path))):
        raise UsageError(f"{LANDING} names more than one folder, or none here: say with --landing where to write")
    return path


def open_landing(root: str) -> Landing:
    """The landing zone at a path or URL. One that is not here is asked for once, so that a mistake shows at once."""
    local = local_path(root)
    if local is not None:
        folder = os.path.abspath(os.path.expanduser(local))
        clear_unfinished(folder)
        return Landing(folder)
    landing = Landing(root)
    try:
        landing.feeds()
    except OSError as error:
        raise VelibError(f"cannot use {root}: {error.strerror}") from None
    return landing


def path_of(feed: str, captured_at: datetime) -> str:
    """Where a snapshot goes, relative to the landing zone. Feed and time of capture are read from it again."""
    at = captured_at.astimezone(UTC)
    return f"{folder_of(feed, at)}/{feed}_{at:%Y%m%dT%H%M%SZ}.json.gz"


def folder_of(feed: str, captured_at: datetime) -> str:
    """The folder of an hour of a feed."""
    return f"feed={feed}/date={captured_at:%Y-%m-%d}/hour={captured_at:%H}"


class Landing:
    """A landing zone to write to, by its path or URL. Paths within are relative, with slashes."""

    def __init__(self, root: str) -> None:
        self.root, self._store = root.rstrip("/") or root, store_of(root)

    def write(self, path: str, data: bytes) -> None:
        """Write a file, visible when it is complete and safe. Raises FileExistsError or another OSError."""
        self._store.write_new(self.root, path, data)

    def loadable(self, folders: Iterable[str]) -> list[str]:
        """Those of the folders that hold files, as `velib load` takes them."""
        found = [f"{self.root}/{folder}" for folder in folders]
        try:
            return [folder for folder in found if self._store.has_files(folder)]
        except OSError:  # the load says why it cannot be reached
            return found

    def feeds(self) -> list[str]:
        """The folders of the feeds that are there."""
        return [name for name in self._store.folders(self.root) if name.startswith("feed=")]
