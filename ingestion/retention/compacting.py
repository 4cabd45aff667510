"""Keeping the landing zone: files of long ago go into containers, one an hour and folder, or are deleted.

At every moment each file is there, on its own or in its container: the container is written, made safe, and read again
before the first file goes. So this may die anywhere, and run beside loads; the next run does the rest. A file that has
changed since it was read stays.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ingestion.capture.extraction import content_hash
from ingestion.landing import containers, object_store
from ingestion.landing.files import LandingFile, UnreadableFile, usable_file
from ingestion.landing.landing_zone import read
from ingestion.landing.names import is_snapshot, local_path
from ingestion.landing.store import is_in_bucket, store_of
from ingestion.loading import catalog
from velib.core.errors import VelibError
from velib.core.files import sync_folder

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

# The hour in a name is in a zone that this does not know: in none is it over later than so long after its begin in UTC.
_OVER_AFTER = timedelta(hours=14)


class Loose(NamedTuple):
    """A file on its own."""

    path: str
    size: int
    modified_ns: int

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


class Hour(NamedTuple):
    """The files of an hour in a folder: their container, by its path, whether it is there, and those on their own."""

    container: str
    is_there: bool
    loose: list[Loose]

    def is_before(self, limit: datetime) -> bool:
        """Whether it was over by then, wherever it was."""
        named = self.container.rpartition("/")[2]
        try:
            begin = datetime.strptime(named.removesuffix(containers.SUFFIX), "%Y%m%dT%H").replace(tzinfo=UTC)
        except ValueError:  # digits that are no hour of any day
            return False
        return begin + _OVER_AFTER < limit


@dataclass
class Kept:
    """What was done, or would be."""

    hours: int = 0
    files: int = 0
    bytes: int = 0
    left: int = 0  # files that were to go and may not: changed meanwhile, or not loaded

    def __add__(self, other: Kept) -> Kept:
        return Kept(
            self.hours + other.hours, self.files + other.files, self.bytes + other.bytes, self.left + other.left
        )


class Zone(Protocol):
    """A place that files lie in."""

    def hours(self) -> Iterator[Hour]:
        """All hours of all folders. An hour may come twice; what it says is then looked at anew."""

    def look(self, path: str) -> Loose | None:
        """What is at a path now."""

    def read(self, path: str) -> bytes:
        """All of a file. Raises OSError."""

    def write(self, path: str, pieces: Iterable[bytes], like: Loose) -> None:
        """Write a file, visible when it is complete and safe, with the rights of another."""

    def remove(self, path: str) -> None:
        """Delete a file; one that is gone is no error."""


def compact(zone: Zone, before: datetime, dry_run: bool, on_hour: Callable[[Kept], None] | None = None) -> Kept:
    """Put the files of the hours before a time into containers. A file alone in its hour stays as it is."""
    kept = Kept()
    for hour in zone.hours():
        if not hour.loose or not hour.is_before(before) or (len(hour.loose) == 1 and not hour.is_there):
            continue
        kept.hours += 1
        if dry_run:
            kept.files += len(hour.loose)
            kept.bytes += sum(file.size for file in hour.loose)
        else:
            _compact(zone, hour, kept)
        if on_hour is not None:
            on_hour(kept)
    return kept


def _compact(zone: Zone, hour: Hour, kept: Kept) -> None:
    before = zone.look(hour.container)
    loose = {file.name: file for file in hour.loose}
    try:
        old = _members(zone, hour.container) if before is not None else {}
        names = sorted({*loose, *old})
        if sum(file.size for file in loose.values()) + (before.size if before else 0) > containers.MOST_BYTES // 2:
            raise containers.BrokenContainerError("too large for one container")
        digests: dict[str, bytes] = {}

        def contents() -> Iterator[containers.Content]:
            for name in names:
                if name in loose:
                    content = containers.Content(name, zone.read(loose[name].path), loose[name].modified_ns)
                    if len(content.data) != loose[name].size:
                        raise FileNotFoundError(errno.ENOENT, "it has changed")
                else:
                    content = old[name]
                digests[name] = _digest(content.data)
                yield content

        pieces = _checked(contents(), lambda: zone.look(hour.container) == before)
        zone.write(hour.container, pieces, hour.loose[0])
        there = _members(zone, hour.container)
    except (FileNotFoundError, containers.BrokenContainerError):
        kept.left += len(hour.loose)  # somebody else is at work here; or no container of ours
        return
    for file in hour.loose:
        is_safe = file.name in there and _digest(there[file.name].data) == digests[file.name]
        if is_safe and zone.look(file.path) == file:
            zone.remove(file.path)
            kept.files += 1
            kept.bytes += file.size
        else:
            kept.left += 1


def _checked(contents: Iterator[containers.Content], is_as_before: Callable[[], bool]) -> Iterator[bytes]:
    """The pieces of a container; none are complete where somebody else has made it meanwhile."""
    yield from containers.pack(contents)
    if not is_as_before():
        raise FileNotFoundError(errno.ENOENT, "it has changed")


def _members(zone: Zone, path: str) -> dict[str, containers.Content]:
    data = zone.read(path)
    inside: dict[str, containers.Content] = {}
    for each in containers.members(BytesIO(data), lambda name: True):
        room = data[each.offset : each.offset + containers.room_for(each.name, each.size)]
        content = containers.cut(room, each.name, each.size, each.checksum)
        inside[each.name] = containers.Content(each.name, content, each.modified_ns)
    return inside


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def delete(zone: Zone, connection: Connection, before: datetime, dry_run: bool) -> Kept:
    """Delete files of the hours before a time that are loaded, or a copy of what is. What is in quarantine stays."""
    kept = Kept()
    for hour in zone.hours():
        if hour.is_before(before):
            kept.hours += 1
            _delete(zone, connection, hour, dry_run, kept)
    return kept


def _delete(zone: Zone, connection: Connection, hour: Hour, dry_run: bool, kept: Kept) -> None:
    container = zone.look(hour.container)
    inside = {} if container is None else _inside(zone, hour.container)
    loose = {each.name: usable_file(each.path, each.size, each.modified_ns) for each in hour.loose}
    files = [*loose.values(), *inside.values()]
    known = catalog.known_files(connection, [file.path for file in files])
    loaded = {name for name, file in loose.items() if _is_loaded(known.get(file.path), file)}
    # Of one name, the file of its own is the one that counts.
    goes = bool(inside) and all(
        name in loaded if name in loose else _is_loaded(known.get(file.path), file) for name, file in inside.items()
    )
    if container is not None and not (goes and _gone(zone, container, dry_run)):
        kept.left += len(inside) or 1
        loaded -= inside.keys()  # what stands in for a member does not go alone: the member would count again
    elif container is not None:
        kept.files += len(inside)
        kept.bytes += sum(file.size for file in inside.values())
    for each in hour.loose:
        if each.name in loaded and _gone(zone, each, dry_run):
            kept.files += 1
            kept.bytes += each.size
        else:
            kept.left += 1


def _gone(zone: Zone, file: Loose, dry_run: bool) -> bool:
    """Delete a file unless it has changed since it was looked at."""
    if dry_run:
        return True
    if zone.look(file.path) != file:
        return False
    zone.remove(file.path)
    return True


def _inside(zone: Zone, container: str) -> dict[str, LandingFile]:
    """The files in a container, by name; none where it is none. What is no snapshot is among them: nobody knows it, so it stays."""
    try:
        found = store_of(container).members(container, lambda name: True)
    except (FileNotFoundError, containers.BrokenContainerError):
        return {}
    return {each.name: file for each, file in zip(found, containers.as_files(container, found), strict=True)}


def _is_loaded(known: catalog.KnownFile | None, file: LandingFile) -> bool:
    if known is None or known.is_quarantined:
        return False
    if known.modified_ns is not None or known.size != file.size:
        return known.is_same(file)
    # Loaded so soon after it was written that its time stamp was not kept.
    try:
        return content_hash(read(file, containers.MOST_BYTES)) == known.content_hash
    except UnreadableFile:
        return False


def zone_at(path: str) -> Zone:
    """The zone at a folder, or at the URL of one in an object store."""
    if is_in_bucket(path):
        return BucketZone(path)
    local = local_path(path)
    if local is None:
        raise VelibError(f"files are kept in folders here and in s3://, not in {path}")
    if not os.path.isdir(local):
        raise VelibError(f"no such folder: {path}")
    return LocalZone(os.path.abspath(local))


class LocalZone:
    """A folder, with all in it. Links are left alone."""

    def __init__(self, root: str) -> None:
        self.root = root

    def hours(self) -> Iterator[Hour]:
        for folder, folders, names in os.walk(self.root):
            folders[:] = [each for each in folders if not each.startswith(".")]
            by_container: dict[str, list[Loose]] = {}
            for name in sorted(names):
                container = containers.name_for(name)
                if is_snapshot(name) and container is not None and _is_plain(name):
                    file = self.look(f"{folder}/{name}")
                    if file is not None:
                        by_container.setdefault(container, []).append(file)
                elif name.endswith(containers.SUFFIX) and not name.startswith("."):
                    by_container.setdefault(name, [])
            for name, loose in sorted(by_container.items()):
                yield Hour(f"{folder}/{name}", name in names, loose)

    def look(self, path: str) -> Loose | None:
        try:
            about = os.lstat(path)
        except OSError:
            return None
        return Loose(path, about.st_size, about.st_mtime_ns) if stat.S_ISREG(about.st_mode) else None

    def read(self, path: str) -> bytes:
        with open(path, "rb") as opened:
            return opened.read()

    def write(self, path: str, pieces: Iterable[bytes], like: Loose) -> None:
        folder = os.path.dirname(path)
        descriptor, partial = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=folder)
        try:
            with open(descriptor, "wb") as opened:
                opened.writelines(pieces)
                os.fchmod(descriptor, stat.S_IMODE(os.stat(like.path).st_mode))
                opened.flush()
                os.fsync(descriptor)
            os.replace(partial, path)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(partial)
            raise
        sync_folder(folder)

    def remove(self, path: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(path)
        folder = os.path.dirname(path)
        while folder != self.root and os.path.basename(folder).startswith(("hour=", "date=")):
            try:
                os.rmdir(folder)
            except OSError:  # not empty
                return
            folder = os.path.dirname(folder)


def _is_plain(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


class BucketZone:
    """A folder of an object store. Only folders of dates are looked at: a listing shows those whole."""

    def __init__(self, url: str) -> None:
        bucket, key = object_store.split(url)
        self.base = f"{object_store.SCHEME}{bucket}/"
        self.url = f"{self.base}{key.strip('/')}/" if key.strip("/") else self.base

    def hours(self) -> Iterator[Hour]:
        folder, found = "", dict[str, list[Loose]]()
        there: set[str] = set()
        for each in self._objects():
            path = self.base + each.key
            begin, _, name = path.rpartition("/")
            if "/date=" not in begin:
                continue
            if begin != folder:
                yield from self._of_folder(folder, found, there)
                folder, found, there = begin, {}, set()
            container = containers.name_for(name)
            if is_snapshot(name) and container is not None:
                found.setdefault(container, []).append(Loose(path, each.size, each.modified_ns))
            elif name.endswith(containers.SUFFIX) and not name.startswith("."):
                found.setdefault(name, [])
                there.add(name)
        yield from self._of_folder(folder, found, there)

    def _objects(self) -> Iterator[object_store.Object]:
        try:
            for page in object_store.pages(self.url):
                yield from page.objects
        except OSError as error:
            raise VelibError(f"cannot list {self.url}: {error.strerror}") from None

    @staticmethod
    def _of_folder(folder: str, found: dict[str, list[Loose]], there: set[str]) -> Iterator[Hour]:
        for name, loose in sorted(found.items()):
            yield Hour(f"{folder}/{name}", name in there, loose)

    def look(self, path: str) -> Loose | None:
        try:
            found = object_store.about(path)
        except FileNotFoundError:
            return None
        return Loose(path, found.size, found.modified_ns)

    def read(self, path: str) -> bytes:
        return object_store.read(path, containers.MOST_BYTES)

    def write(self, path: str, pieces: Iterable[bytes], like: Loose) -> None:
        object_store.write(path, b"".join(pieces))

    def remove(self, path: str) -> None:
        object_store.remove(path)
