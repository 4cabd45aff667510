"""Files in folders of this machine: listing by os.scandir, reading, and a file's way in, whole or not at all.

An archive has a million files and belongs to anybody: what cannot be read is listed all the same, what never ends is not waited
for, and links that lead out are not followed.
"""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import glob
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ingestion.landing import containers
from ingestion.landing.files import LandingFile, UnreadableFile, too_large, usable_file, why
from ingestion.landing.links import Links
from ingestion.landing.names import LISTED, SUFFIXES, is_listed, is_passing, is_snapshot
from velib.core.errors import VelibError
from velib.core.files import sync_folder

# Hidden, and so invisible to a load; on the same disk, so that renaming is atomic.
_UNFINISHED = ".unfinished"
_ABANDONED = 3600


class FolderStore:
    """The folders of this machine, by path or by `file://`."""

    def files(self, path: str, links: Links, /) -> Iterator[LandingFile]:
        local = _path(path)
        try:
            about = os.stat(local)
        except FileNotFoundError:
            if not glob.has_magic(local):
                yield _member(os.path.abspath(local))
                return
            yield from _list_glob(local, links)
            return
        except (OSError, ValueError) as error:
            raise VelibError(f"cannot read {path}: {why(error)}") from None
        absolute = os.path.abspath(local)
        if stat.S_ISDIR(about.st_mode):
            yield from _list_folder(absolute, links)
        elif not stat.S_ISREG(about.st_mode):
            raise VelibError(f"neither a file nor a folder: {path}")
        elif absolute.endswith(containers.SUFFIX):
            yield from _list_container(absolute)
        else:
            yield _file(absolute, about)

    def is_there(self, path: str, /) -> bool:
        return os.path.exists(_path(path))

    def read(self, path: str, max_bytes: int, /) -> bytes:
        try:
            # Not blocking: a pipe that took a file's place must not hang the load.
            descriptor = os.open(_path(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(descriptor, "rb", buffering=0) as opened:
                about = os.fstat(descriptor)
                if not stat.S_ISREG(about.st_mode):
                    raise UnreadableFile("unreadable", "not a regular file")
                if about.st_size > max_bytes:
                    raise too_large(f"{about.st_size:,} bytes", max_bytes)
                data = opened.read(about.st_size + 1) or b""
                while len(data) < about.st_size or len(data) > about.st_size:
                    # A short read, or a file that grew under our hands.
                    more = opened.read(max_bytes + 1 - len(data))
                    if not more:
                        break
                    data += more
                    if len(data) > max_bytes:
                        raise too_large("it grows while being read", max_bytes)
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            raise UnreadableFile("unreadable", why(error)) from None
        return data

    def read_range(self, path: str, start: int, most: int, /) -> bytes:
        with open(_path(path), "rb", buffering=0) as opened:
            return os.pread(opened.fileno(), most, start)

    def members(self, container: str, is_wanted: Callable[[str], bool], /) -> list[containers.Member]:
        return _members(_path(container), is_wanted)

    def is_folder(self, path: str, /) -> bool:
        return os.path.isdir(_path(path))

    def has_files(self, folder: str, /) -> bool:
        """Ends at the first that is found, so it costs nothing where there are many."""
        for _, folders, names in os.walk(_path(folder)):
            folders[:] = [each for each in folders if not each.startswith(".")]
            if any(is_listed(name) for name in names):
                return True
        return False

    def folders(self, folder: str, /) -> list[str]:
        return sorted(each.name for each in Path(_path(folder)).glob("*") if each.is_dir())

    def write_new(self, root: str, path: str, data: bytes, /) -> None:
        whole = Path(_path(root), path)
        if whole.exists():
            raise FileExistsError(errno.EEXIST, "it is there already", str(whole))
        unfinished = Path(_path(root), _UNFINISHED)
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


def clear_unfinished(root: str) -> None:
    """Remove what killed writers left half written: what nobody has written to for an hour."""
    folder = Path(_path(root), _UNFINISHED)
    for left in folder.iterdir() if folder.is_dir() else ():
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED:
                left.unlink()


def _path(path: str) -> str:
    return path.removeprefix("file://")


def _list_container(path: str, is_wanted: Callable[[str], bool] | None = None) -> Iterator[LandingFile]:
    """What lies in a container, or the container itself where that cannot be read."""
    try:
        found = _members(path, is_wanted or is_snapshot)
    except FileNotFoundError:
        return
    except containers.BrokenContainerError:
        yield from _list_leaf(path)
        return
    except OSError:
        yield usable_file(path, 0, None)
        return
    yield from containers.as_files(path, found)


def _member(path: str) -> LandingFile:
    """The file of that path, which is not there, in its container."""
    container = containers.place_of(path)
    found = _list_container(container, os.path.basename(path).__eq__) if container else ()
    for file in found:
        if file.path == path:
            return file
    raise VelibError(f"no such file or folder: {path}")


def _list_glob(pattern: str, links: Links) -> Iterator[LandingFile]:
    for match in glob.iglob(pattern, recursive=True):
        if not links.match_stays(os.path.abspath(match)):
            continue
        if os.path.isdir(match):
            # `**` names every folder as well as what is in it; a folder that a pattern names is read like any other.
            yield from _list_folder(os.path.abspath(match), links)
        elif match.endswith(containers.SUFFIX):
            yield from _list_container(os.path.abspath(match))
        elif not is_passing(os.path.basename(match)):
            yield from _list_leaf(os.path.abspath(match))
    folder, name = os.path.split(pattern)
    for match in glob.iglob(os.path.join(folder, f"*{containers.SUFFIX}"), recursive=True):
        if links.match_stays(os.path.abspath(match)):
            yield from _list_container(
                os.path.abspath(match), lambda each: is_snapshot(each) and fnmatch.fnmatchcase(each, name)
            )


def _list_leaf(path: str) -> Iterator[LandingFile]:
    try:
        about = os.stat(path)
    except FileNotFoundError:
        # A link to nothing is reported when it is read; a file that vanished is none.
        if os.path.islink(path):
            yield usable_file(path, 0, None)
        return
    except OSError:  # it is there, but not for us: reported when it is read
        yield usable_file(path, 0, None)
        return
    if stat.S_ISREG(about.st_mode):
        yield _file(path, about)


def _list_folder(folder: str, links: Links) -> Iterator[LandingFile]:
    pending, linked = [folder], set()
    while pending:
        current = pending.pop()
        try:
            with os.scandir(current) as entries:
                for entry in entries:
                    name = entry.name
                    if name.startswith("."):
                        continue
                    is_folder = _is_folder(entry)
                    if not is_folder and not name.endswith(LISTED):
                        continue
                    if entry.is_symlink() and not links.stays(entry.path):
                        continue
                    if not is_folder and name.endswith(SUFFIXES):
                        yield from _list_leaf(entry.path)
                    elif not is_folder:
                        yield from _list_container(entry.path)
                    else:
                        if entry.is_symlink():
                            # A link may lead back to where it stands.
                            real = os.path.realpath(entry.path)
                            if real in linked or (current + os.sep).startswith(real + os.sep):
                                continue
                            linked.add(real)
                        pending.append(entry.path)
        except FileNotFoundError:
            continue  # a collector may tidy up while we look
        except OSError as error:
            if current == folder:
                raise VelibError(f"cannot list {current}: {why(error)}") from None
            # As a file that cannot be read: the rest is not to wait for it.
            yield usable_file(os.path.join(current, ""), 0, None)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or through a folder that is closed to us
        return False


def _file(path: str, about: os.stat_result) -> LandingFile:
    return usable_file(path, about.st_size, about.st_mtime_ns)


def _members(container: str, is_wanted: Callable[[str], bool]) -> list[containers.Member]:
    with open(container, "rb") as opened:
        return containers.members(opened, is_wanted)


def _make_folders(folder: Path) -> list[Path]:
    """Make a folder and those above it; returns the folders that got a new entry."""
    missing: list[Path] = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
    return [each.parent for each in missing]
