"""The landing zone as Dagster sees it: where it is, and what it holds, in one fingerprint."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import dagster as dg

from ingestion.landing.bucket import objects
from ingestion.landing.files import LandingFile
from ingestion.landing.landing_zone import is_empty_folder, list_files
from ingestion.landing.store import is_in_bucket
from orchestration.lib.quiet_folders import divide
from velib.core import settings

LANDING = "VELIB_LANDING"
ARCHIVE = "VELIB_ARCHIVE"
SEPARATOR = ","


@dataclass(frozen=True)
class LandingState:
    """What the landing zone held at one moment."""

    fingerprint: str
    files: int
    bytes: int
    newest_modified_ns: int | None
    newest_path: str | None
    quiet_folders: int = 0

    @property
    def has_files(self) -> bool:
        return self.files > 0 or self.quiet_folders > 0

    def metadata(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"files": self.files, "bytes": self.bytes}
        if self.newest_modified_ns is not None:
            shown["newest_file_written_at"] = dg.MetadataValue.timestamp(
                datetime.fromtimestamp(self.newest_modified_ns / 1e9, UTC)
            )
        if self.quiet_folders:
            shown["folders_of_past_days"] = self.quiet_folders  # whose files are not counted
        if self.newest_path is not None:
            shown["newest_file"] = self.newest_path
        return shown


class LandingZone(dg.ConfigurableResource):
    """$VELIB_LANDING: folders, globs or URLs, with commas between them; by default `landing` in the warehouse's home.

    Read when it is needed and not when the code is loaded, so that one code location serves whatever is configured.
    """

    def paths(self) -> list[str]:
        if not (configured := _configured(LANDING)):
            _default().mkdir(parents=True, exist_ok=True)
        return configured or [str(_default())]

    def archive(self) -> list[str]:
        """$VELIB_ARCHIVE: what is loaded day by day; else the landing zone. Makes nothing."""
        return _configured(ARCHIVE) or _configured(LANDING) or [str(_default())]

    def paths_with_files(self) -> list[str]:
        """The paths without the folders that hold no snapshot yet: nothing to load is no error here."""
        return [path for path in self.paths() if not is_empty_folder(path)]

    def scan(self) -> LandingState:
        divided = divide(self.paths_with_files(), datetime.now(UTC).date())
        here = [path for path in divided.to_list if not is_in_bucket(path)]
        in_buckets = [objects(path) for path in divided.to_list if is_in_bucket(path)]
        return summarise(chain(list_files(here), *in_buckets), divided.quiet)


def _default() -> Path:
    return settings.velib_home() / "landing"


def _configured(variable: str) -> list[str]:
    return [path.strip() for path in os.environ.get(variable, "").split(SEPARATOR) if path.strip()]


def summarise(files: Iterable[LandingFile], quiet: Sequence[tuple[str, int]] = ()) -> LandingState:
    """Any file that comes, goes, grows or is written anew makes another fingerprint, and so does any change of a quiet folder."""
    digest = hashlib.blake2b(digest_size=16)
    for path, modified_ns in quiet:
        digest.update(f"{path}\0{modified_ns}\n".encode())
    count = size = 0
    newest: LandingFile | None = None
    for file in files:
        digest.update(f"{file.path}\0{file.size}\0{file.modified_ns}\n".encode())
        count, size = count + 1, size + file.size
        newest = max(newest or file, file, key=lambda each: (each.modified_ns or 0, each.path))
    return LandingState(
        fingerprint=digest.hexdigest(),
        files=count,
        bytes=size,
        newest_modified_ns=newest.modified_ns if newest else None,
        newest_path=newest.path if newest else None,
        quiet_folders=len(quiet),
    )
