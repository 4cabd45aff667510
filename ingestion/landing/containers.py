"""Containers: the snapshot files of one hour in one zip archive, each as it was.

A container lies in the folder of its files and stands for them there: what is in `F/20260602T08.snapshots.zip` is listed
and read as if it lay in F, with the path, the size and the time stamp that it had. So nothing that knows a file by these
has to learn of its move. A file that lies in F itself, under the same name, counts before the one in the container.

Which container a file belongs to follows from its name alone: the digits of its day and hour, whatever zone they are in.
Members are stored, not compressed: they are gzip mostly, and each can be read on its own. What is written here any zip
program can unpack. A container that someone else made is read with the same care as any file.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import BinaryIO, NamedTuple

from isal import isal_zlib

from ingestion.landing.files import LandingFile, Within, usable_file

SUFFIX = ".snapshots.zip"
# Of the end of a container, in which its list of members is looked for: that of an hour of minutes takes a tenth of this.
TAIL = 128 * 1024
# Offsets in a container are those of zip's first version, so that every program reads it.
MOST_BYTES = 2**31

_STAMP = re.compile(r"(?<![0-9])([0-9]{8})[_T]([0-9]{2})[0-9]{4}(?![0-9])")
_HEADER = struct.Struct("<4s5H3I2H")
_HEADER_MAGIC = b"PK\x03\x04"
# The time stamp in nanoseconds, which zip has no field for, in each member's comment.
_COMMENT = re.compile(rb"mtime_ns=([0-9]{1,20})")
# What a member's local header may take beside its name: what other programs put into it.
_MOST_EXTRA = 1024


class BrokenContainerError(ValueError):
    """It cannot be read as a container, and why."""


class DamagedMemberError(BrokenContainerError):
    """A member is not what was put in. It costs itself: its container can be read."""


class Member(NamedTuple):
    """A file in a container; `offset` is where its header begins, `checksum` the CRC-32 that its content has to have."""

    name: str
    size: int
    modified_ns: int | None
    offset: int
    checksum: int


class Content(NamedTuple):
    """A file to be put into a container."""

    name: str
    data: bytes
    modified_ns: int | None


def name_for(file_name: str) -> str | None:
    """The name of the container that a file belongs to; None where its name states no time."""
    stamps = _STAMP.findall(file_name)
    return f"{stamps[-1][0]}T{stamps[-1][1]}{SUFFIX}" if stamps else None


def place_of(path: str) -> str | None:
    """The path of the container in which the file at `path` lies, should it lie in one."""
    folder, slash, file_name = path.rpartition("/")
    container = name_for(file_name)
    return None if container is None else f"{folder}{slash}{container}"


def members(opened: BinaryIO, is_wanted: Callable[[str], bool]) -> list[Member]:
    """The members whose names are wanted."""
    try:
        with zipfile.ZipFile(opened) as archive:
            found = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, struct.error, EOFError) as error:
        raise BrokenContainerError(f"no container of snapshots: {error}") from None
    wanted: dict[str, Member] = {}
    for each in found:
        if each.header_offset < 0:
            raise BrokenContainerError("its beginning is missing")
        if "/" in each.filename:
            raise BrokenContainerError(f"{each.filename} lies in a folder: members lie side by side")
        if not is_wanted(each.filename):
            continue
        if each.compress_type != zipfile.ZIP_STORED or each.flag_bits & 1 or each.file_size != each.compress_size:
            raise BrokenContainerError(f"{each.filename} is compressed or encrypted in it: members have to be stored")
        stamp = _COMMENT.fullmatch(each.comment)
        modified_ns = int(stamp[1]) if stamp else None
        wanted[each.filename] = Member(each.filename, each.file_size, modified_ns, each.header_offset, each.CRC)
    return list(wanted.values())


def as_files(container: str, found: Sequence[Member]) -> Iterator[LandingFile]:
    """The members of a container as the files that they stand for."""
    folder = container.rpartition("/")[0]
    for each in found:
        within = Within(container, each.offset, each.checksum)
        yield usable_file(f"{folder}/{each.name}", each.size, each.modified_ns, within)


class Tail(io.RawIOBase):
    """A container of which only the end is here: enough for its list of members."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data, self._begins, self._size, self._at = data, size - len(data), size, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence] + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        begin = self._at - self._begins
        if begin < 0:
            raise BrokenContainerError("its list of members is too long")
        end = len(self._data) if size < 0 else begin + size
        data = self._data[begin:end]
        self._at += len(data)
        return data


def room_for(file_name: str, size: int) -> int:
    """How many bytes from a member's offset on hold all of it."""
    return _HEADER.size + len(file_name.encode()) + _MOST_EXTRA + size


def cut(data: bytes, name: str, size: int, checksum: int) -> bytes:
    """The content of the member of that name, size and checksum, from the bytes that begin at its offset."""
    if len(data) < _HEADER.size or data[:4] != _HEADER_MAGIC:
        raise BrokenContainerError("the container has changed")
    *_, name_length, extra_length = _HEADER.unpack_from(data)
    named, begin = data[_HEADER.size : _HEADER.size + name_length], _HEADER.size + name_length + extra_length
    if named != name.encode():
        raise BrokenContainerError("the container has changed")
    if len(data) < begin + size:
        raise BrokenContainerError("the container ends early")
    content = data[begin : begin + size]
    if isal_zlib.crc32(content) != checksum:
        raise DamagedMemberError(f"the content of {name} does not have the checksum that its container states")
    return content


def pack(contents: Iterable[Content]) -> Iterator[bytes]:
    """The bytes of a container, piece by piece, the same for the same contents. No more than one of them is held."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for content in contents:
            entry = zipfile.ZipInfo(content.name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            if content.modified_ns is not None:
                entry.comment = b"mtime_ns=%d" % content.modified_ns
            archive.writestr(entry, content.data)
            yield sink.take()
    yield sink.take()


class _Sink(io.RawIOBase):
    """Takes what is written, and gives it on. Not seekable: zipfile then writes straight on."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._parts.append(piece)
        return len(piece)

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)
