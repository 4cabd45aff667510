"""The landing zone: which files there are, and the bytes of one. What the bytes mean is the formats' business.

All that callers need, whatever the place: `store` says which one a path belongs to, and what a file lies in (`containers`) is
noticed by nobody else. A file that someone drops in may be anything: reading is bounded in size, and a bad file is an
UnreadableFile.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress

from ingestion.landing import containers
from ingestion.landing.decompression import content
from ingestion.landing.files import LandingFile, UnreadableFile, add, too_large, why
from ingestion.landing.links import Links, root_of, what_is_refused
from ingestion.landing.names import is_snapshot
from ingestion.landing.store import Store, store_of
from velib.core import settings
from velib.core.errors import VelibError


def list_files(paths: Sequence[str], links: Links | None = None) -> list[LandingFile]:
    """The files of folders (recursively), globs and single files, sorted by path, each once.

    In folders only `.json` and `.json.gz` count. Hidden and temporary files (`.x`, `*.tmp`, `*.part`) count only when
    named outright. Pipes, sockets and devices are left out; a link that leads nowhere is listed, since a file was meant,
    and so is what is closed to us: a file whose folder may not be entered, and a folder within that cannot be listed, the
    latter with a slash at its end. They are found unreadable then. Links that lead out of the paths are left out, unless `links`
    says otherwise, and stand there.
    A path that does not exist or matches nothing is a VelibError.
    """
    links = links or Links(paths, follow=settings.follow_links())
    found: dict[str, LandingFile] = {}
    for path in paths:
        matched, refused = False, len(links.refused)
        for file in store_of(path).files(path, links):
            matched = True
            add(found, file)
        if not matched:
            if len(links.refused) > refused:
                raise VelibError(f"nothing to read at {path} but {what_is_refused(list(links.refused))}")
            raise VelibError(f"nothing to read at {path}: expected .json or .json.gz files")
    return [found[path] for path in sorted(found)]


def is_empty_folder(path: str) -> bool:
    """Whether a path is a folder without snapshot files. Of what cannot be looked at that is not known."""
    store = store_of(path)
    try:
        return store.is_folder(path) and not store.has_files(path)
    except OSError:
        return False


def no_longer_closed(closed: Sequence[str], paths: Sequence[str]) -> list[str]:
    """Those of the folders and containers, once listed as closed or broken, that can be listed by now or are gone.

    Only what lies within `paths`: of another landing zone, which may not even be mounted here, nothing is known.
    """
    roots = tuple(root_of(path) for path in paths)
    return [each for each in closed if f"{each}/".startswith(roots) and not _is_closed(each)]


def _is_closed(path: str) -> bool:
    try:
        if path.endswith(containers.SUFFIX):
            store_of(path).members(path, is_snapshot)
        else:
            os.listdir(path)  # no other store lists a folder as closed
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, containers.BrokenContainerError):
        return True
    return False


def exists(path: str) -> bool:
    """Whether there is a file at the path, of its own or in a container, and not closed to us."""
    store = store_of(path)
    try:
        return store.is_there(path) or _find_member(store, path) is not None
    except (OSError, containers.BrokenContainerError):
        return False


def read(file: LandingFile, max_bytes: int) -> bytes:
    """The content of a file, decompressed where it is gzip (by its bytes, not by its name).

    Neither the file nor its content may be larger than `max_bytes`; no more than that is ever held, however little a
    gzip bomb weighs on disk.
    """
    return content(stored(file, max_bytes), max_bytes)


def stored(file: LandingFile, max_bytes: int) -> bytes:
    """What is stored of a file, as it is."""
    if file.unusable is not None:
        raise UnreadableFile("unusable_path", file.unusable)
    store = store_of(file.path)
    try:
        if file.path.endswith(containers.SUFFIX):
            raise _not_a_snapshot(store, file.path)
        if file.within is not None:
            # Made anew since it was listed, or unpacked: then it is looked for below.
            with suppress(FileNotFoundError, containers.BrokenContainerError):
                return _cut(store, file, max_bytes)
        try:
            return store.read(file.path, max_bytes)
        except FileNotFoundError:
            # Listed, or loaded, before it came into a container.
            member = _find_member(store, file.path)
            if member is None:
                raise
            return _cut(store, member, max_bytes)
    except containers.DamagedMemberError as damaged:
        raise UnreadableFile("broken_member", str(damaged)) from None
    except containers.BrokenContainerError as broken:  # of the file itself that says nothing
        raise UnreadableFile("unreadable", str(broken)) from None
    except ConnectionError as error:  # the place does not answer: that is no fault of this file
        raise VelibError(f"{why(error)}; nothing of this batch counts, load again") from None
    except OSError as error:
        raise UnreadableFile("unreadable", why(error)) from None


def _not_a_snapshot(store: Store, container: str) -> UnreadableFile:
    """What is wrong with a container that was listed as a file, since it could not be read as one."""
    try:
        store.members(container, is_snapshot)
    except containers.BrokenContainerError as broken:
        return UnreadableFile("broken_container", str(broken))
    return UnreadableFile("unreadable", "it has become whole since it was listed")


def _find_member(store: Store, path: str) -> LandingFile | None:
    """The file of a path in the container that it would lie in. None where there is none."""
    container = containers.place_of(path)
    if container is None or "/" not in container:
        return None
    name = path.rpartition("/")[2]
    try:
        found = store.members(container, name.__eq__)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return next(containers.as_files(container, found), None)


def _cut(store: Store, file: LandingFile, max_bytes: int) -> bytes:
    """A member's bytes out of its container."""
    assert file.within is not None
    if file.size > max_bytes:
        raise too_large(f"{file.size:,} bytes", max_bytes)
    name = file.path.rpartition("/")[2]
    data = store.read_range(file.within.container, file.within.offset, containers.room_for(name, file.size))
    return containers.cut(data, name, file.size, file.within.checksum)
