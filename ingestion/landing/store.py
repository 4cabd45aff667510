"""What every place of files can do, and which place a path belongs to: this is asked here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from ingestion.landing.bucket import BucketStore
from ingestion.landing.containers import Member
from ingestion.landing.files import LandingFile
from ingestion.landing.folder import FolderStore
from ingestion.landing.links import Links
from ingestion.landing.names import local_path
from ingestion.landing.object_store import SCHEME
from ingestion.landing.remote import RemoteStore


class Store(Protocol):
    """A place of files. What cannot be reached is an OSError: FileNotFoundError where nothing is, ConnectionError where the
    place itself does not answer, so that nothing is said of the file. What is wrong with a file is an UnreadableFile.
    """

    def files(self, path: str, links: Links, /) -> Iterator[LandingFile]:
        """The files at a path, which names a file, a folder or a pattern, those in containers too. Raises VelibError alone."""

    def is_there(self, path: str, /) -> bool:
        """Whether there is a file of its own at the path."""

    def read(self, path: str, max_bytes: int, /) -> bytes:
        """All of a file of its own. One that is larger is an UnreadableFile."""

    def read_range(self, path: str, start: int, most: int, /) -> bytes:
        """A file's bytes from `start` on, no more than `most` of them."""

    def members(self, container: str, is_wanted: Callable[[str], bool], /) -> list[Member]:
        """What is in a container, of wanted names. Raises BrokenContainerError too."""

    def is_folder(self, path: str, /) -> bool:
        """Whether a path is that of a folder that can be asked `has_files`. In object storage any may be one."""

    def has_files(self, folder: str, /) -> bool:
        """Whether a folder holds snapshot files, at any depth."""

    def folders(self, folder: str, /) -> list[str]:
        """The names of the folders in a folder."""

    def write_new(self, root: str, path: str, data: bytes, /) -> None:
        """Write a file below a root: visible when it is complete and safe. A FileExistsError where one is there."""


_FOLDER, _BUCKET, _REMOTE = FolderStore(), BucketStore(), RemoteStore()


def store_of(path: str) -> Store:
    """The store that a path or URL belongs to."""
    if is_in_bucket(path):
        return _BUCKET
    return _REMOTE if local_path(path) is None else _FOLDER


def is_in_bucket(path: str) -> bool:
    """Whether a path is a URL of object storage: a place that answers slowly, and is listed part by part."""
    return path.startswith(SCHEME)
