"""What was written and is not loaded yet, by folder: so that a load need not list years of files to find the newest.

A folder is noted before anything is written into it, and struck off only when a load that began after the last file has
succeeded. It survives a restart. Too many folders of a feed become one: all of the feed's.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from velib.core.files import write_atomically

MOST_FOLDERS = 200


class _File(msgspec.Struct):
    folders: list[str]
    is_built: bool


class Backlog:
    """The folders to load, and whether what was loaded is built. Used by the ticks and by the thread that loads."""

    def __init__(self, path: Path, everything: Iterable[str]) -> None:
        """Read the file; where it is not there, or not readable, `everything` is to be loaded, since nobody knows better."""
        self.path = path
        self._lock = threading.Lock()
        self._count = 0
        try:
            known = msgspec.json.decode(path.read_bytes(), type=_File)
        except (OSError, msgspec.MsgspecError, ValueError):
            known = _File(sorted(everything), is_built=False)
        self._folders = dict.fromkeys(known.folders, 0)  # by folder the number of its newest entry
        self._is_built = known.is_built

    @property
    def is_built(self) -> bool:
        return self._is_built

    def add(self, folder: str) -> None:
        """A file is about to be written into `folder`. Raises OSError where that cannot be noted."""
        with self._lock:
            self._count += 1
            feed = folder.split("/", 1)[0]
            if feed in self._folders:
                folder = feed
            is_new = folder not in self._folders
            self._folders[folder] = self._count
            of_feed = [each for each in self._folders if each.startswith(f"{feed}/")]
            if len(of_feed) > MOST_FOLDERS:
                for each in of_feed:
                    del self._folders[each]
                self._folders[feed] = self._count
            if is_new:
                self._write()

    def take(self) -> dict[str, int]:
        """What is to be loaded now; to be given back to `loaded` when it was."""
        with self._lock:
            return dict(self._folders)

    def loaded(self, taken: Mapping[str, int]) -> None:
        """A load of these folders has succeeded. Those that got a file since stay."""
        with self._lock:
            self._folders = {folder: count for folder, count in self._folders.items() if taken.get(folder, -1) != count}
            self._is_built = False
            with contextlib.suppress(OSError):  # then the next process loads once more
                self._write()

    def built(self) -> None:
        """A build has succeeded, and nothing was loaded meanwhile."""
        with self._lock:
            self._is_built = True
            with contextlib.suppress(OSError):
                self._write()

    def _write(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = _File(sorted(self._folders), self._is_built)
        write_atomically(self.path, msgspec.json.encode(content))
