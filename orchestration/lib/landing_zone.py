"""The landing zone as Dagster sees it: where it is, and what it holds, in one fingerprint."""

import glob
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from ingestion import object_store
from ingestion.landing import LISTED, LandingFile, list_files
from warehouse import settings

LANDING = "VELIB_LANDING"
SEPARATOR = ","


@dataclass(frozen=True)
class LandingState:
    """What the landing zone held at one moment."""

    fingerprint: str
    files: int
    bytes: int
    newest_modified_ns: int | None
    newest_path: str | None

    def metadata(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"files": self.files, "bytes": self.bytes}
        if self.newest_modified_ns is not None:
            shown["newest_file_written_at"] = dg.MetadataValue.timestamp(
                datetime.fromtimestamp(self.newest_modified_ns / 1e9, UTC)
            )
        if self.newest_path is not None:
            shown["newest_file"] = self.newest_path
        return shown


class LandingZone(dg.ConfigurableResource):
    """$VELIB_LANDING: folders, globs or URLs, with commas between them; by default `landing` in the warehouse's home.

    Read when it is needed and not when the code is loaded, so that one code location serves whatever is configured.
    """

    def paths(self) -> list[str]:
        configured = [path.strip() for path in os.environ.get(LANDING, "").split(SEPARATOR) if path.strip()]
        if configured:
            return configured
        default = settings.velib_home() / "landing"
        default.mkdir(parents=True, exist_ok=True)
        return [str(default)]

    def paths_with_files(self) -> list[str]:
        """The paths without the folders that hold no snapshot yet: nothing to load is no error here."""
        return [path for path in self.paths() if not _is_empty_folder(path)]

    def scan(self) -> LandingState:
        paths = self.paths_with_files()
        return summarise(list_files(paths) if paths else [])


def summarise(files: Sequence[LandingFile]) -> LandingState:
    """Any file that comes, goes, grows or is written anew makes another fingerprint."""
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        digest.update(f"{file.path}\0{file.size}\0{file.modified_ns}\n".encode())
    newest = max(files, key=lambda file: (file.modified_ns or 0, file.path), default=None)
    return LandingState(
        fingerprint=digest.hexdigest(),
        files=len(files),
        bytes=sum(file.size for file in files),
        newest_modified_ns=newest.modified_ns if newest else None,
        newest_path=newest.path if newest else None,
    )


def _is_empty_folder(path: str) -> bool:
    """True for a folder without snapshot files. Ends at the first file found, so it costs nothing where there are many."""
    if object_store.is_object(path):
        try:
            return not glob.has_magic(path) and not object_store.has_objects(f"{path.rstrip('/')}/")
        except OSError:  # for the loader to name
            return False
    folder = Path(path.removeprefix("file://"))
    if "://" in str(folder) or not folder.is_dir():
        return False
    names = (name for _, _, names in os.walk(folder) for name in names)
    return not any(name.endswith(LISTED) and not name.startswith(".") for name in names)
