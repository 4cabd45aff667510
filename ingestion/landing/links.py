"""Symbolic links in what is listed: which are followed, and what is said of those that are not."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence

from ingestion.landing.names import local_path


class Links:
    """Symbolic links within what is listed. One that leads out of it is refused, unless told otherwise: who may write to the
    landing zone is not meant to have any file of the machine read. What is named outright is taken for what it is.
    """

    def __init__(self, paths: Sequence[str], follow: bool) -> None:
        self.refused: dict[str, None] = {}  # each once, however it was come by
        self._zones = () if follow else tuple(_real(root_of(path)) for path in paths if local_path(path) is not None)
        self._follow = follow
        self._stays: dict[str, bool] = {}  # of folders

    def stays(self, path: str) -> bool:
        """Whether a link leads to somewhere within."""
        if self._follow or _real(path).startswith(self._zones):
            return True
        self.refused[path] = None
        return False

    def match_stays(self, path: str) -> bool:
        """The same of what a pattern has matched, through links or not."""
        folder = os.path.dirname(path)
        if folder not in self._stays:
            self._stays[folder] = self._follow or _real(folder).startswith(self._zones)
        return (self._stays[folder] and not os.path.islink(path)) or self.stays(path)


def what_is_refused(links: Sequence[str]) -> str:
    """One line on links that were not followed."""
    more = f" and {len(links) - 1:,} more" if len(links) > 1 else ""
    return f"links that lead out of the landing zone, which are not followed without --follow-links: {links[0]}{more}"


def root_of(path: str) -> str:
    """The folder that all that a path names lies in, with a slash at its end. Of a file, or an object, as if it were one."""
    local = local_path(path)
    while glob.has_magic(path if local is None else local) and not (local and os.path.exists(local)):
        path = os.path.dirname(path)
        local = local_path(path)
    return f"{path.rstrip('/')}/" if local is None else os.path.join(os.path.abspath(local), "")


def _real(path: str) -> str:
    try:
        return os.path.join(os.path.realpath(path), "")
    except (OSError, ValueError):  # no path at all
        return os.path.join(path, "")
