"""The landing zone: which files there are, and the bytes of one. What the bytes mean is the formats' business.

Local files take a direct way (os.scandir, open), objects in S3 that of `object_store`, everything else goes through
fsspec. An archive has a million files, and a file that someone drops in may be anything: reading is bounded in size, and
a bad file is an UnreadableFile. A file may lie in a container (`containers`), which nothing beyond this module notices.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from isal import igzip_lib

from ingestion.landing import containers, object_store
from velib.core import settings
from velib.core.errors import VelibError

Reason = Literal[
    "empty_file",
    "broken_gzip",
    "truncated_gzip",
    "broken_container",
    "broken_member",
    "unsupported_compression",
    "too_large",
    "unreadable",
    "unusable_path",
]

SUFFIXES = (".json", ".json.gz")
# What a folder of the landing zone is looked through for.
LISTED = (*SUFFIXES, containers.SUFFIX)
TEMPORARY = (".tmp", ".part")
MAGIC = b"\x1f\x8b"
# What archivers other than gzip begin a file with. No JSON begins so.
_OTHER_MAGIC = {
    b"PK\x03\x04": "a zip archive",
    b"\xfd7zXZ\x00": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"BZh": "compressed with bzip2",
    b"\x04\x22\x4d\x18": "compressed with lz4",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x1f\x9d": "compressed with compress",
    MAGIC: "gzipped twice",
}

# PostgreSQL's index takes 2,704 bytes of a path and a hash.
MAX_PATH_BYTES = 2000

# A file of very many tiny gzip members costs time out of proportion to its size. bgzip makes 57 of a Paris snapshot.
MAX_MEMBERS = 10_000
_CHUNK = 256 * 1024
_GZIP_ERRORS: tuple[type[Exception], ...] = (igzip_lib.IsalError, EOFError, ValueError)  # type: ignore[assignment]


class Within(NamedTuple):
    """Where a file lies that is no file of its own: the path of its container, the place in that, and its checksum there."""

    container: str
    offset: int
    checksum: int


class LandingFile(NamedTuple):
    """A file in the landing zone."""

    path: str  # absolute; with its protocol where it is not local
    size: int
    modified_ns: int | None
    unusable: str | None = None  # why the file cannot be kept under its path: `path` is then only like it
    within: Within | None = None


class UnreadableFile(Exception):  # noqa: N818 (what is wrong with a file, not with the program)
    """A file whose bytes cannot be had."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason: Reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return self.detail


# --- listing ---------------------------------------------------------------------------------------------------------


class Links:
    """Symbolic links within what is listed. One that leads out of it is refused, unless told otherwise: who may write to the
    landing zone is not meant to have any file of the machine read. What is named outright is taken for what it is.
    """

    def __init__(self, paths: Sequence[str], follow: bool) -> None:
        self.refused: dict[str, None] = {}  # each once, however it was come by
        self._zones = () if follow else tuple(_real(_root(path)) for path in paths if _local(path) is not None)
        self._follow = follow
        self._stays: dict[str, bool] = {}  # of folders

    def stays(self, path: str) -> bool:
        """Whether a link leads to somewhere within."""
        if self._follow or _real(path).startswith(self._zones):
            return True
        self.refused[path] = None
        return False

    def match_stays(self, path: str) -> bool:
        """The same of what a pattern has matched, through links or not."""
        folder = os.path.dirname(path)
        if folder not in self._stays:
            self._stays[folder] = self._follow or _real(folder).startswith(self._zones)
        return (self._stays[folder] and not os.path.islink(path)) or self.stays(path)


def _real(path: str) -> str:
    try:
        return os.path.join(os.path.realpath(path), "")
    except (OSError, ValueError):  # no path at all
        return os.path.join(path, "")


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
        for file in _list_one(path, links):
            matched = True
            add(found, file)
        if not matched:
            if len(links.refused) > refused:
                raise VelibError(f"nothing to read at {path} but {what_is_refused(list(links.refused))}")
            raise nothing_at(path)
    return [found[path] for path in sorted(found)]


def add(found: dict[str, LandingFile], file: LandingFile) -> None:
    """Put a file to others. Of one path, the file of its own counts before the one in a container."""
    if file.within is None or file.path not in found:
        found[file.path] = file


def what_is_refused(links: Sequence[str]) -> str:
    """One line on links that were not followed."""
    more = f" and {len(links) - 1:,} more" if len(links) > 1 else ""
    return f"links that lead out of the landing zone, which are not followed without --follow-links: {links[0]}{more}"


def nothing_at(path: str) -> VelibError:
    return VelibError(f"nothing to read at {path}: expected .json or .json.gz files")


def _list_one(path: str, links: Links) -> Iterator[LandingFile]:
    if object_store.is_object(path):
        from ingestion.landing import bucket_listing

        for part in bucket_listing.walk(path):
            yield from part.files
        return
    local = _local(path)
    if local is None:
        yield from _list_remote(path)
        return
    try:
        about = os.stat(local)
    except FileNotFoundError:
        if not glob.has_magic(local):
            yield _member(os.path.abspath(local))
            return
        yield from _list_glob(local, links)
        return
    except (OSError, ValueError) as error:
        raise VelibError(f"cannot read {path}: {_why(error)}") from None
    absolute = os.path.abspath(local)
    if stat.S_ISDIR(about.st_mode):
        yield from _list_folder(absolute, links)
    elif not stat.S_ISREG(about.st_mode):
        raise VelibError(f"neither a file nor a folder: {path}")
    elif absolute.endswith(containers.SUFFIX):
        yield from _list_container(absolute)
    else:
        yield _file(absolute, about)


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
    yield from members_of(path, found)


def members_of(container: str, found: Sequence[containers.Member]) -> Iterator[LandingFile]:
    """The members of a container as the files that they stand for."""
    folder = container.rpartition("/")[0]
    for each in found:
        yield usable_file(
            f"{folder}/{each.name}", each.size, each.modified_ns, Within(container, each.offset, each.checksum)
        )


def _member(path: str) -> LandingFile:
    """The file of that path, which is not there, in its container."""
    container = containers.place_of(path)
    found = _list_container(container, os.path.basename(path).__eq__) if container else ()
    for file in found:
        if file.path == path:
            return file
    raise VelibError(f"no such file or folder: {path}")


def has_files(folder: str | Path) -> bool:
    """Whether a local folder holds a snapshot file. Ends at the first that is found, so it costs nothing where there are many."""
    for _, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith(".")]
        if any(name.endswith(LISTED) and not name.startswith(".") for name in names):
            return True
    return False


def is_snapshot(name: str) -> bool:
    """Whether a file of this name is taken for a snapshot where it is not named outright."""
    return name.endswith(SUFFIXES) and not name.startswith(".")


def _list_glob(pattern: str, links: Links) -> Iterator[LandingFile]:
    for match in glob.iglob(pattern, recursive=True):
        if not links.match_stays(os.path.abspath(match)):
            continue
        if os.path.isdir(match):
            # `**` names every folder as well as what is in it; a folder that a pattern names is read like any other.
            yield from _list_folder(os.path.abspath(match), links)
        elif match.endswith(containers.SUFFIX):
            yield from _list_container(os.path.abspath(match))
        elif not _is_passing(os.path.basename(match)):
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
                raise VelibError(f"cannot list {current}: {_why(error)}") from None
            # As a file that cannot be read: the rest is not to wait for it.
            yield usable_file(os.path.join(current, ""), 0, None)


def no_longer_closed(closed: Sequence[str], paths: Sequence[str]) -> list[str]:
    """Those of the folders and containers, once listed as closed or broken, that can be listed by now or are gone.

    Only what lies within `paths`: of another landing zone, which may not even be mounted here, nothing is known.
    """
    roots = tuple(_root(path) for path in paths)
    return [each for each in closed if f"{each}/".startswith(roots) and not _is_closed(each)]


def _root(path: str) -> str:
    """The folder that all that a path names lies in, with a slash at its end. Of a file, or an object, as if it were one."""
    local = _local(path)
    while glob.has_magic(path if local is None else local) and not (local and os.path.exists(local)):
        path = os.path.dirname(path)
        local = _local(path)
    return f"{path.rstrip('/')}/" if local is None else os.path.join(os.path.abspath(local), "")


def _is_closed(path: str) -> bool:
    try:
        if path.endswith(containers.SUFFIX):
            _members(path, is_snapshot)
        else:
            os.listdir(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, containers.BrokenContainerError):
        return True
    return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or through a folder that is closed to us
        return False


def _list_remote(path: str) -> Iterator[LandingFile]:
    filesystem, root = _filesystem(path)
    try:
        if glob.has_magic(root) and not filesystem.exists(root):
            matches = filesystem.glob(root, detail=True)
            infos = []
            for name, info in matches.items():
                if info["type"] == "directory":
                    inside = filesystem.find(name, detail=True).values()
                    infos += [each for each in inside if _is_snapshot(each["name"].removeprefix(name))]
                elif not _is_passing(name.rsplit("/", 1)[-1]):
                    infos.append(info)
        elif filesystem.isdir(root):
            everything = filesystem.find(root, detail=True).values()
            infos = [info for info in everything if _is_snapshot(info["name"].removeprefix(root))]
        elif filesystem.exists(root):
            infos = [filesystem.info(root)]
        else:
            raise VelibError(f"no such file or folder: {path}")
    except (OSError, ValueError) as error:
        raise VelibError(f"cannot list {path}: {_why(error)}") from None
    for info in infos:
        if info["type"] == "file":
            full = filesystem.unstrip_protocol(info["name"])
            yield usable_file(full, int(info.get("size") or 0), _modified(info))


def _filesystem(path: str) -> tuple[Any, str]:
    import fsspec  # only where a path is not local: the import costs more than listing a thousand files

    try:
        filesystem, root = fsspec.core.url_to_fs(path)
    except (ImportError, ValueError, OSError) as error:
        raise VelibError(f"cannot open {path}: {_why(error)}") from None
    return filesystem, root


def _local(path: str) -> str | None:
    """The local form of a path; None where it is not local."""
    if path.startswith("file://"):
        return path.removeprefix("file://")
    return None if "://" in path else path


def _is_passing(name: str) -> bool:
    """Hidden, or not yet finished: a collector writes to such a name first."""
    return name.startswith(".") or name.endswith(TEMPORARY)


def _is_snapshot(relative: str) -> bool:
    parts = relative.split("/")
    return parts[-1].endswith(SUFFIXES) and not any(part.startswith(".") for part in parts)


def _file(path: str, about: os.stat_result) -> LandingFile:
    return usable_file(path, about.st_size, about.st_mtime_ns)


def usable_file(path: str, size: int, modified_ns: int | None, within: Within | None = None) -> LandingFile:
    """The file, under a path that the database can keep: where its own is none, one that shows which file is meant."""
    if len(path) <= MAX_PATH_BYTES // 4 and path.isascii():
        return LandingFile(path, size, modified_ns, None, within)
    unusable = None
    try:
        length = len(path.encode("utf-8"))
    except UnicodeEncodeError:
        path = path.encode("utf-8", "backslashreplace").decode().replace("\\udc", "\\x")
        length, unusable = len(path.encode("utf-8")), "its name is not UTF-8: rename it"
    if length > MAX_PATH_BYTES:
        path = f"{path[: MAX_PATH_BYTES // 10]}…{path[-MAX_PATH_BYTES // 10 :]}"
        unusable = f"its path is longer than {MAX_PATH_BYTES:,} bytes: move it"
    return LandingFile(path, size, modified_ns, unusable, within)


def _modified(info: dict[str, Any]) -> int | None:
    for field in ("mtime", "LastModified", "last_modified", "updated", "created"):
        value = info.get(field)
        if isinstance(value, datetime):
            return round(value.timestamp() * 1_000_000) * 1000
        if isinstance(value, int | float):
            return int(value * 1_000_000_000)
    return None


def _why(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


# --- reading ---------------------------------------------------------------------------------------------------------


def read(file: LandingFile, max_bytes: int) -> bytes:
    """The content of a file, decompressed where it is gzip (by its bytes, not by its name).

    Neither the file nor its content may be larger than `max_bytes`; no more than that is ever held, however little a
    gzip bomb weighs on disk.
    """
    return content(stored(file, max_bytes), max_bytes)


def content(data: bytes, max_bytes: int) -> bytes:
    """The content of what is stored of a file."""
    if not data:
        raise UnreadableFile("empty_file", "the file is empty")
    if data.startswith(MAGIC):
        data = _decompress(data, max_bytes)
        if not data:
            raise UnreadableFile("empty_file", "the file is empty once decompressed")
    for magic, what in _OTHER_MAGIC.items():
        if data.startswith(magic):
            raise UnreadableFile("unsupported_compression", f"the file is {what}; only gzip and plain JSON are read")
    return data


def exists(path: str) -> bool:
    """Whether there is a file at the path, of its own or in a container, and not closed to us."""
    try:
        if object_store.is_object(path):
            try:
                object_store.about(path)
            except FileNotFoundError:
                return _find_member(path) is not None
            return True
        return os.path.exists(path) or _find_member(path) is not None
    except (OSError, containers.BrokenContainerError):
        return False


def stored(file: LandingFile, max_bytes: int) -> bytes:
    """What is stored of a file, as it is."""
    if file.unusable is not None:
        raise UnreadableFile("unusable_path", file.unusable)
    if file.path.endswith(containers.SUFFIX):
        try:
            _members(file.path, is_snapshot)
        except OSError as error:
            raise _unreadable(file.path, error) from None
        except containers.BrokenContainerError as broken:
            raise UnreadableFile("broken_container", str(broken)) from None
        raise UnreadableFile("unreadable", "it has become whole since it was listed")
    if file.within is not None:
        if file.size > max_bytes:
            raise _too_large(f"{file.size:,} bytes", max_bytes)
        try:
            return _cut(file.path, file.size, file.within)
        except (FileNotFoundError, containers.BrokenContainerError):
            pass  # made anew since it was listed, or unpacked
        except OSError as error:
            raise _unreadable(file.path, error) from None
    try:
        return _own_bytes(file.path, max_bytes)
    except FileNotFoundError as error:
        # Listed, or loaded, before it came into a container.
        try:
            member = _find_member(file.path)
            if member is None:
                raise _unreadable(file.path, error) from None
            if member.size > max_bytes:
                raise _too_large(f"{member.size:,} bytes", max_bytes) from None
            assert member.within is not None
            return _cut(member.path, member.size, member.within)
        except containers.DamagedMemberError as damaged:
            raise UnreadableFile("broken_member", str(damaged)) from None
        except containers.BrokenContainerError as broken:  # of the file itself that says nothing
            raise UnreadableFile("unreadable", str(broken)) from None
        except OSError as again:
            raise _unreadable(file.path, again) from None


def _own_bytes(path: str, max_bytes: int) -> bytes:
    """The bytes of a file that is one. Raises FileNotFoundError."""
    if object_store.is_object(path):
        try:
            data = object_store.read(path, max_bytes + 1)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _unreadable(path, error) from None
        if len(data) > max_bytes:
            raise _too_large("more", max_bytes)
        return data
    return _read_local(path, max_bytes) if _local(path) is not None else _read_remote(path, max_bytes)


def _unreadable(path: str, error: OSError) -> Exception:
    """Of one file; but where no object can be reached that is none of this one's."""
    if object_store.is_object(path) and isinstance(error, ConnectionError):
        return VelibError(f"{_why(error)}; nothing of this batch counts, load again")
    return UnreadableFile("unreadable", _why(error))


def _find_member(path: str) -> LandingFile | None:
    """The file of a path in the container that it would lie in. None where there is none."""
    container, (folder, _, name) = containers.place_of(path), path.rpartition("/")
    if container is None or (_local(path) is None and not object_store.is_object(path)):
        return None
    try:
        found = _members(container, name.__eq__)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return next(iter(members_of(container, found)), None) if folder else None


def _members(container: str, is_wanted: Callable[[str], bool]) -> list[containers.Member]:
    """What is in a container. Raises OSError, BrokenContainerError."""
    if object_store.is_object(container):
        from ingestion.landing import bucket_listing

        return bucket_listing.members(container, is_wanted)
    with open(container, "rb") as opened:
        return containers.members(opened, is_wanted)


def _cut(path: str, size: int, within: Within) -> bytes:
    """A member's bytes out of its container."""
    name = path.rpartition("/")[2]
    room = containers.room_for(name, size)
    if object_store.is_object(within.container):
        data = object_store.read(within.container, room, within.offset)
    else:
        with open(within.container, "rb", buffering=0) as opened:
            data = os.pread(opened.fileno(), room, within.offset)
    return containers.cut(data, name, size, within.checksum)


def _read_local(path: str, max_bytes: int) -> bytes:
    try:
        # Not blocking: a pipe that took a file's place must not hang the load.
        descriptor = os.open(_local(path) or path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb", buffering=0) as opened:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                raise UnreadableFile("unreadable", "not a regular file")
            if about.st_size > max_bytes:
                raise _too_large(f"{about.st_size:,} bytes", max_bytes)
            data = opened.read(about.st_size + 1) or b""
            while len(data) < about.st_size or len(data) > about.st_size:
                # A short read, or a file that grew under our hands.
                more = opened.read(max_bytes + 1 - len(data))
                if not more:
                    break
                data += more
                if len(data) > max_bytes:
                    raise _too_large("it grows while being read", max_bytes)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise UnreadableFile("unreadable", _why(error)) from None
    return data


def _read_remote(path: str, max_bytes: int) -> bytes:
    try:
        filesystem, root = _filesystem(path)
        with filesystem.open(root, "rb") as opened:
            data: bytes = opened.read(max_bytes + 1)
    except (OSError, ValueError, VelibError) as error:
        raise UnreadableFile("unreadable", _why(error)) from None
    if len(data) > max_bytes:
        raise _too_large("more", max_bytes)
    return data


def _decompress(data: bytes, max_bytes: int) -> bytes:
    """All gzip members of the data, one after the other, never more than `max_bytes` of them."""
    parts: list[bytes] = []
    size = members = position = 0
    # The trailer says the size (of the last member, modulo 4 GiB). It may lie, so it is only a first guess: asking for
    # just so much spares the decompressor growing its buffer, two thirds of its time.
    guess = int.from_bytes(data[-4:], "little")
    while position < len(data):
        members += 1
        if members > MAX_MEMBERS:
            raise UnreadableFile("broken_gzip", f"more than {MAX_MEMBERS:,} gzip members")
        member = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
        # A member copies what it leaves over, so only the first, mostly the only one, is given everything.
        feed = data[position : position + _CHUNK] if position else data
        position += len(feed)
        while True:
            room = max_bytes + 1 - size
            try:
                part = member.decompress(feed, min(guess, room) if guess and not parts else room)
            except _GZIP_ERRORS as error:
                raise UnreadableFile("broken_gzip", f"broken gzip: {_why(error)}") from None
            parts.append(part)
            size += len(part)
            if size > max_bytes:
                raise _too_large("once decompressed", max_bytes)
            if member.eof:
                break
            feed = b""
            if member.needs_input:
                if position >= len(data):
                    raise UnreadableFile("truncated_gzip", f"the gzip stream ends early, after {size:,} bytes")
                feed = data[position : position + _CHUNK]
                position += len(feed)
        position -= len(member.unused_data)
        follows = data[position : position + 2]
        if follows.startswith(b"\0") and not data[position:].strip(b"\0"):
            break  # padding, as some archivers leave it
        if not follows.startswith(MAGIC[: len(follows)]):
            raise UnreadableFile("broken_gzip", "something that is not gzip follows the gzip stream")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(what: str, max_bytes: int) -> UnreadableFile:
    return UnreadableFile("too_large", f"too large ({what}): the limit is {max_bytes:,} bytes")
