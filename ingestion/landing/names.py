"""Which names count: what a folder is looked through for, and what in it is hidden or not yet finished. No file is touched."""

from __future__ import annotations

from ingestion.landing import containers

SUFFIXES = (".json", ".json.gz")
# What a folder of the landing zone is looked through for.
LISTED = (*SUFFIXES, containers.SUFFIX)
TEMPORARY = (".tmp", ".part")


def is_snapshot(name: str) -> bool:
    """Whether a file of this name is taken for a snapshot where it is not named outright."""
    return name.endswith(SUFFIXES) and not name.startswith(".")


def is_passing(name: str) -> bool:
    """Hidden, or not yet finished: a collector writes to such a name first."""
    return name.startswith(".") or name.endswith(TEMPORARY)


def is_listed(relative: str, suffixes: tuple[str, ...] = LISTED) -> bool:
    """Whether a file at this place below a folder counts: by its suffix, and with nothing hidden on its way."""
    parts = relative.split("/")
    return parts[-1].endswith(suffixes) and not any(part.startswith(".") for part in parts)


def local_path(path: str) -> str | None:
    """The local form of a path; None where it is not local."""
    if path.startswith("file://"):
        return path.removeprefix("file://")
    return None if "://" in path else path
