"""Files at any other URL, by fsspec: listed and read as far as any file system allows. No containers, nothing is written."""

from __future__ import annotations

import errno
import glob
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from ingestion.landing.containers import Member
from ingestion.landing.files import LandingFile, UnreadableFile, too_large, usable_file, why
from ingestion.landing.links import Links
from ingestion.landing.names import SUFFIXES, is_listed, is_passing
from velib.core.errors import VelibError


class RemoteStore:
    """Whatever fsspec knows a protocol of."""

    def files(self, path: str, links: Links, /) -> Iterator[LandingFile]:
        filesystem, root = _filesystem(path)
        try:
            if glob.has_magic(root) and not filesystem.exists(root):
                matches = filesystem.glob(root, detail=True)
                infos = []
                for name, info in matches.items():
                    if info["type"] == "directory":
                        inside = filesystem.find(name, detail=True).values()
                        infos += [each for each in inside if is_listed(each["name"].removeprefix(name), SUFFIXES)]
                    elif not is_passing(name.rsplit("/", 1)[-1]):
                        infos.append(info)
            elif filesystem.isdir(root):
                everything = filesystem.find(root, detail=True).values()
                infos = [info for info in everything if is_listed(info["name"].removeprefix(root), SUFFIXES)]
            elif filesystem.exists(root):
                infos = [filesystem.info(root)]
            else:
                raise VelibError(f"no such file or folder: {path}")
        except (OSError, ValueError) as error:
            raise VelibError(f"cannot list {path}: {why(error)}") from None
        for info in infos:
            if info["type"] == "file":
                full = filesystem.unstrip_protocol(info["name"])
                yield usable_file(full, int(info.get("size") or 0), _modified(info))

    def is_there(self, path: str, /) -> bool:
        try:
            filesystem, root = _filesystem(path)
            return bool(filesystem.exists(root))
        except (ValueError, VelibError) as error:
            raise OSError(errno.EIO, why(error)) from None

    def read(self, path: str, max_bytes: int, /) -> bytes:
        try:
            filesystem, root = _filesystem(path)
            with filesystem.open(root, "rb") as opened:
                data: bytes = opened.read(max_bytes + 1)
        except (OSError, ValueError, VelibError) as error:
            raise UnreadableFile("unreadable", why(error)) from None
        if len(data) > max_bytes:
            raise too_large("more", max_bytes)
        return data

    def read_range(self, path: str, start: int, most: int, /) -> bytes:
        raise _no_containers()

    def members(self, container: str, is_wanted: Callable[[str], bool], /) -> list[Member]:
        raise _no_containers()

    def is_folder(self, path: str, /) -> bool:
        return False

    def has_files(self, folder: str, /) -> bool:
        return True  # listing it says so

    def folders(self, folder: str, /) -> list[str]:
        raise VelibError(f"snapshots are written to folders here and to s3://, not to {folder}")

    def write_new(self, root: str, path: str, data: bytes, /) -> None:
        raise VelibError(f"snapshots are written to folders here and to s3://, not to {root}")


def _no_containers() -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, "containers are read in folders here and in s3:// only")


def _filesystem(path: str) -> tuple[Any, str]:
    import fsspec  # only where a path is not local: the import costs more than listing a thousand files

    try:
        filesystem, root = fsspec.core.url_to_fs(path)
    except (ImportError, ValueError, OSError) as error:
        raise VelibError(f"cannot open {path}: {why(error)}") from None
    return filesystem, root


def _modified(info: dict[str, Any]) -> int | None:
    for field in ("mtime", "LastModified", "last_modified", "updated", "created"):
        value = info.get(field)
        if isinstance(value, datetime):
            return round(value.timestamp() * 1_000_000) * 1000
        if isinstance(value, int | float):
            return int(value * 1_000_000_000)
    return None
