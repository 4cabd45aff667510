"""Files in object storage that speaks S3. It is listed part by part: none is ever held whole, whatever the number of objects.

The folders date=… that a poll writes are listed one by one. Whoever knows that one of them is settled (long over, and all
that was in it is loaded) passes over it, at the cost of its name.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from ingestion.landing import containers, object_store
from ingestion.landing.files import LandingFile, add, too_large, usable_file
from ingestion.landing.links import Links
from ingestion.landing.names import TEMPORARY, is_listed, is_snapshot
from velib.core.errors import VelibError

# So many files at a time: some 40 MB, and many batches of a load.
PART = 65_536
# A folder above those of dates is looked into folder by folder to this depth. One `feed=` is at any depth.
_DEPTH = 2


class BucketStore:
    """What an `s3://` names: a PUT is atomic, so nothing is ever half written, and a folder is what keys begin with."""

    def files(self, path: str, links: Links, /) -> Iterator[LandingFile]:
        for part in walk(path):
            yield from part.files

    def is_there(self, path: str, /) -> bool:
        try:
            object_store.about(path)
        except FileNotFoundError:
            return False
        return True

    def read(self, path: str, max_bytes: int, /) -> bytes:
        data = object_store.read(path, max_bytes + 1)
        if len(data) > max_bytes:
            raise too_large("more", max_bytes)
        return data

    def read_range(self, path: str, start: int, most: int, /) -> bytes:
        return object_store.read(path, most, start)

    def members(self, container: str, is_wanted: Callable[[str], bool], /) -> list[containers.Member]:
        return _members(container, is_wanted, object_store.about(container).size)

    def is_folder(self, path: str, /) -> bool:
        return not glob.has_magic(path)

    def has_files(self, folder: str, /) -> bool:
        return object_store.has_objects(f"{folder.rstrip('/')}/")

    def folders(self, folder: str, /) -> list[str]:
        pages = object_store.pages(f"{folder.rstrip('/')}/", by_folder=True)
        return [key.rstrip("/").rpartition("/")[2] for page in pages for key in page.folders]

    def write_new(self, root: str, path: str, data: bytes, /) -> None:
        object_store.write(f"{root.rstrip('/')}/{path}", data, only_new=True)


@dataclass
class Part:
    """Some of the files, and the folders of dates that lie in it whole."""

    files: list[LandingFile] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)


@dataclass
class _Piece:
    """A page, or the end of a folder of a date."""

    objects: list[object_store.Object]
    folder: str | None = None

    @property
    def is_of_a_date(self) -> bool:
        return bool(self.objects) and "/date=" in f"/{self.objects[-1].key}"


def walk(url: str, is_settled: Callable[[str], bool] = lambda folder: False) -> Iterator[Part]:
    """What is at a URL, which names an object, a folder or a pattern: in parts of about PART files.

    `is_settled` is asked of each folder date=…, by its URL; the files of one lie in one part. A VelibError where nothing is.
    """
    base, part = _base(url), Part()
    found: dict[str, LandingFile] = {}
    with _in_one_line(url):
        for piece, wanted in _pieces(url, is_settled):
            for each in piece.objects:
                for file in _files(base, each, wanted):
                    add(found, file)
            if piece.folder is not None:
                part.folders.append(piece.folder)
            # Within a folder of a date a part does not end: a file and its copy in a container are in one.
            if len(found) >= PART and (piece.folder is not None or not piece.is_of_a_date):
                part.files = list(found.values())
                yield part
                part, found = Part(), {}
    if found or part.folders:
        part.files = list(found.values())
        yield part


def objects(url: str) -> Iterator[LandingFile]:
    """The objects that `walk` would look at, one by one, a container as the one file that it is. None is held."""
    base = _base(url)
    with _in_one_line(url):
        for piece, wanted in _pieces(url, lambda folder: False):
            for each in piece.objects:
                path = base + each.key
                if wanted(path):
                    yield usable_file(path, each.size, each.modified_ns)


@contextmanager
def _in_one_line(url: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, PermissionError, ConnectionError) as error:
        raise VelibError(f"cannot list {url}: {error.strerror}") from None


def _base(url: str) -> str:
    bucket, _ = object_store.split(url)
    return f"{object_store.SCHEME}{bucket}/"


_Wanted = Callable[[str], bool]


def _pieces(url: str, is_settled: Callable[[str], bool]) -> Iterator[tuple[_Piece, _Wanted]]:
    """What is listed, and which of it is wanted. A VelibError where nothing is."""
    is_anything = False
    for found in _listed(url, _base(url), is_settled):
        is_anything = True
        yield found
    if not is_anything:
        raise VelibError(f"no such file or folder: {url}")


def _listed(url: str, base: str, is_settled: Callable[[str], bool]) -> Iterator[tuple[_Piece, _Wanted]]:
    key = url.removeprefix(base).strip("/") if url.startswith(base) else ""
    if glob.has_magic(key):
        yield from _matching(base, key)
        return
    if key:
        try:
            named = object_store.about(base + key)
        except (FileNotFoundError, PermissionError):
            pass  # a folder is no object, and who may not list is told the latter of any
        else:
            # Whatever it is called: it was named.
            yield _Piece([named]), lambda path: True
            return
    begin = f"{base}{key}/" if key else base

    def in_folder(path: str) -> bool:
        return is_listed(path.removeprefix(begin))

    if "/date=" in begin:
        for page in object_store.pages(begin):
            if page.objects:
                yield _Piece(page.objects), in_folder
        return
    for piece in _by_folder(begin, is_settled, 0):
        yield piece, in_folder


def _by_folder(url: str, is_settled: Callable[[str], bool], depth: int) -> Iterator[_Piece]:
    base = _base(url)
    for page in object_store.pages(url, by_folder=True):
        if page.objects:
            yield _Piece(page.objects)
        for key in page.folders:
            folder, name = base + key, key.rstrip("/").rpartition("/")[2]
            if name.startswith("."):
                continue
            if name.startswith("date="):
                if not is_settled(folder):
                    for inside in object_store.pages(folder):
                        yield _Piece(inside.objects)
                    yield _Piece([], folder)
                else:
                    yield _Piece([])
            elif name.startswith("feed=") or depth < _DEPTH:
                yield from _by_folder(folder, is_settled, depth + 1)
            else:
                for inside in object_store.pages(folder):
                    yield _Piece(inside.objects)


def _matching(base: str, pattern: str) -> Iterator[tuple[_Piece, _Wanted]]:
    """All below the part without wildcards. What a pattern matches in a folder counts, and a folder with all in it."""
    from fsspec.utils import glob_translate

    fixed = pattern[: re.search(r"[*?[]", pattern).start()].rpartition("/")[0]  # type: ignore[union-attr]
    matches = re.compile(glob_translate(pattern)).match

    def wanted(path: str) -> bool:
        key = path.removeprefix(base)
        parts = key.split("/")
        if path.endswith(containers.SUFFIX) and fixed in key:
            return True
        if matches(key):
            return not parts[-1].startswith(".") and not parts[-1].endswith(TEMPORARY)
        inside = any(matches("/".join(parts[:count])) for count in range(1, len(parts)))
        return inside and is_snapshot(parts[-1])

    for page in object_store.pages(f"{base}{fixed}/" if fixed else base):
        matching = [each for each in page.objects if wanted(base + each.key)]
        if matching:
            yield _Piece(matching), wanted


def _files(base: str, each: object_store.Object, is_wanted: _Wanted) -> Iterator[LandingFile]:
    path = base + each.key
    if not is_wanted(path):
        return
    if not path.endswith(containers.SUFFIX):
        yield usable_file(path, each.size, each.modified_ns)
        return
    folder = path.rpartition("/")[0]
    try:
        found = _members(path, is_snapshot, each.size)
    except FileNotFoundError:
        return
    except containers.BrokenContainerError:
        yield usable_file(path, each.size, each.modified_ns)
        return
    for file in containers.as_files(path, found):
        if is_wanted(f"{folder}/{file.path.rpartition('/')[2]}"):
            yield file


def _members(container: str, is_wanted: Callable[[str], bool], size: int) -> list[containers.Member]:
    """The members of a container in object storage, by its end."""
    data = object_store.read(container, min(size, containers.TAIL), max(0, size - containers.TAIL))
    return containers.members(cast("BinaryIO", containers.Tail(data, size)), is_wanted)
