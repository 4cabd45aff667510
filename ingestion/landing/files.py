"""What a file in the landing zone is to everybody else, and what is said of one that cannot be used. No file is touched here."""

from __future__ import annotations

from typing import Literal, NamedTuple

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

# PostgreSQL's index takes 2,704 bytes of a path and a hash.
MAX_PATH_BYTES = 2000


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


def add(found: dict[str, LandingFile], file: LandingFile) -> None:
    """Put a file to others. Of one path, the file of its own counts before the one in a container."""
    if file.within is None or file.path not in found:
        found[file.path] = file


def too_large(what: str, max_bytes: int) -> UnreadableFile:
    return UnreadableFile("too_large", f"too large ({what}): the limit is {max_bytes:,} bytes")


def why(error: BaseException) -> str:
    """The cause of an error in a few words, without the path that the message names already."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
