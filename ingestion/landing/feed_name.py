"""The feed that a file's place names: a folder `feed=NAME` on its way, as Hive writes a partition."""

from __future__ import annotations

from urllib.parse import unquote


def from_path(path: str) -> str | None:
    """The name in the innermost folder `feed=NAME` of a path, percent-decoded; None where there is none that is a name."""
    for folder in reversed(path.split("/")[:-1]):
        key, separator, value = folder.partition("=")
        if separator and key == "feed":
            name = unquote(value)
            return name if name.strip() and name.isprintable() else None
    return None
