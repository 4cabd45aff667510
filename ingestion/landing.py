"""The landing zone: which files there are, and the bytes of one. What the bytes mean is the formats' business.

Local files take a direct way (os.scandir, open); everything else goes through fsspec. An archive has a million files,
and a file that someone drops in may be anything: reading is bounded in size, and a bad file is an UnreadableFile.
"""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from isal import igzip_lib

from warehouse.errors import VelibError

Reason = Literal[
    "empty_file", "broken_gzip", "truncated_gzip", "unsupported_compression", "too_large", "unreadable", "unusable_path"
]

SUFFIXES = (".json", ".json.gz")
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


class LandingFile(NamedTuple):
    """A file in the landing zone."""

    path: str  # absolute; with its protocol where it is not local
    size: int
    modified_ns: int | None
    unusable: str | None = None  # why the file cannot be kept under its path: `path` is then only like it


class UnreadableFile(Exception):  # noqa: N818 (what is wrong with a file, not with the program)
    """A file whose bytes cannot be had."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason: Reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return self.detail


# --- listing ---------------------------------------------------------------------------------------------------------


def list_files(paths: Sequence[str]) -> list[LandingFile]:
    """The files of folders (recursively), globs and single files, sorted by path, each once.

    In folders only `.json` and `.json.gz` count. Hidden and temporary files (`.x`, `*.tmp`, `*.part`) count only when
    named outright. Pipes, sockets and devices are left out; a link that leads nowhere is listed, since a file was meant,
    and so is what is closed to us: a file whose folder may not be entered, and a folder within that cannot be listed, the
    latter with a slash at its end. They are found unreadable then.
    A path that does not exist or matches nothing is a VelibError.
    """
    found: dict[str, LandingFile] = {}
    for path in paths:
        before = len(found)
        matched = False
        for file in _list_one(path):
            matched = True
            found[file.path] = file
        if not matched and before == len(found):
            raise VelibError(f"nothing to read at {path}: expected .json or .json.gz files")
    return [found[path] for path in sorted(found)]


def _list_one(path: str) -> Iterator[LandingFile]:
    local = _local(path)
    if local is None:
        yield from _list_remote(path)
        return
    try:
        about = os.stat(local)
    except FileNotFoundError:
        if not glob.has_magic(local):
            raise VelibError(f"no such file or folder: {path}") from None
        yield from _list_glob(local)
        return
    except (OSError, ValueError) as error:
        raise VelibError(f"cannot read {path}: {_why(error)}") from None
    absolute = os.path.abspath(local)
    if stat.S_ISDIR(about.st_mode):
        yield from _list_folder(absolute)
    elif stat.S_ISREG(about.st_mode):
        yield _file(absolute, about)
    else:
        raise VelibError(f"neither a file nor a folder: {path}")


def _list_glob(pattern: str) -> Iterator[LandingFile]:
    for match in glob.iglob(pattern, recursive=True):
        if os.path.isdir(match):
            # `**` names every folder as well as what is in it; a folder that a pattern names is read like any other.
            yield from _list_folder(os.path.abspath(match))
        elif not _is_passing(os.path.basename(match)):
            yield from _list_leaf(os.path.abspath(match))


def _list_leaf(path: str) -> Iterator[LandingFile]:
    try:
        about = os.stat(path)
    except FileNotFoundError:
        # A link to nothing is reported when it is read; a file that vanished is none.
        if os.path.islink(path):
            yield _usable(path, 0, None)
        return
    except OSError:  # it is there, but not for us: reported when it is read
        yield _usable(path, 0, None)
        return
    if stat.S_ISREG(about.st_mode):
        yield _file(path, about)


def _list_folder(folder: str) -> Iterator[LandingFile]:
    pending, linked = [folder], set()
    while pending:
        current = pending.pop()
        try:
            with os.scandir(current) as entries:
                for entry in entries:
                    name = entry.name
                    if name.startswith("."):
                        continue
                    if name.endswith(SUFFIXES) and not _is_folder(entry):
                        yield from _list_leaf(entry.path)
                    elif _is_folder(entry):
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
            yield _usable(os.path.join(current, ""), 0, None)


def no_longer_closed(folders: Sequence[str], paths: Sequence[str]) -> list[str]:
    """Those of the folders, once listed as closed, that can be listed by now or are gone; only what lies within `paths`.

    Of another landing zone, which may not even be mounted here, nothing is known.
    """
    roots = tuple(_root(local) for path in paths if (local := _local(path)) is not None)
    return [folder for folder in folders if folder.startswith(roots) and not _is_closed(folder)]


def _root(path: str) -> str:
    """The folder that all that a path names lies in, with a slash at its end."""
    while glob.has_magic(path) and not os.path.exists(path):
        path = os.path.dirname(path)
    return os.path.join(os.path.abspath(path), "")


def _is_closed(folder: str) -> bool:
    try:
        os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
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
            yield _usable(full, int(info.get("size") or 0), _modified(info))


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
    return _usable(path, about.st_size, about.st_mtime_ns)


def _usable(path: str, size: int, modified_ns: int | None) -> LandingFile:
    """The file, under a path that the database can keep: where its own is none, one that shows which file is meant."""
    if len(path) <= MAX_PATH_BYTES // 4 and path.isascii():
        return LandingFile(path, size, modified_ns)
    unusable = None
    try:
        length = len(path.encode("utf-8"))
    except UnicodeEncodeError:
        path = path.encode("utf-8", "backslashreplace").decode().replace("\\udc", "\\x")
        length, unusable = len(path.encode("utf-8")), "its name is not UTF-8: rename it"
    if length > MAX_PATH_BYTES:
        path = f"{path[: MAX_PATH_BYTES // 10]}…{path[-MAX_PATH_BYTES // 10 :]}"
        unusable = f"its path is longer than {MAX_PATH_BYTES:,} bytes: move it"
    return LandingFile(path, size, modified_ns, unusable)


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
    if file.unusable is not None:
        raise UnreadableFile("unusable_path", file.unusable)
    data = _read_local(file.path, max_bytes) if _local(file.path) is not None else _read_remote(file.path, max_bytes)
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
