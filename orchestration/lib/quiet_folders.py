"""Folders of a landing zone that need not be listed to see whether anything in them is new: those of days that are over.

A file that is written in the usual way (under another name, and then renamed) gives its folder a new time stamp. So of the folders
date=YYYY-MM-DD of past days, in the root or in a folder feed=NAME, two levels of time stamps say what a list of their files would:
a year of a minutely feed is 9,000 folders and half a million files. A file of a past day that is changed in place is not noticed
here; `velib load` finds it.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from ingestion.landing.names import LISTED
from ingestion.landing.store import store_of

# Of time zones, of clocks, and of whoever writes late.
_LIVELY = timedelta(days=2)
_DATED = re.compile(r"date=(\d{4}-\d{2}-\d{2})")


@dataclass
class Divided:
    """The paths to list, and what stands for the rest: each folder with its time stamp."""

    to_list: list[str] = field(default_factory=list)
    quiet: list[tuple[str, int]] = field(default_factory=list)


def divide(paths: list[str], today: date) -> Divided:
    """What of the paths is to be listed today. What is no folder of this machine, or holds no past days, is listed as it is."""
    found = Divided()
    for path in paths:
        root = path.removeprefix("file://")
        before = len(found.quiet)
        lively = list(_lively(root, today - _LIVELY, found)) if "://" not in root and os.path.isdir(root) else []
        found.to_list += [path] if len(found.quiet) == before else lively
    return found


def _lively(folder: str, before: date, found: Divided, depth: int = 0) -> Iterator[str]:
    """What of a folder is to be listed; what is not goes into `found`."""
    for entry in sorted(os.scandir(folder), key=lambda each: each.name):
        if entry.name.startswith("."):
            continue
        if not entry.is_dir():
            if entry.name.endswith(LISTED):
                yield entry.path
        elif _is_over(entry.name, before):
            found.quiet.append((entry.path, entry.stat().st_mtime_ns))
            found.quiet += [(each.path, each.stat().st_mtime_ns) for each in sorted_folders(entry.path)]
        elif depth == 0 and entry.name.startswith("feed="):
            yield from _lively(entry.path, before, found, depth + 1)
        elif store_of(entry.path).has_files(entry.path):
            yield entry.path


def _is_over(name: str, before: date) -> bool:
    dated = _DATED.fullmatch(name)
    try:
        return dated is not None and date.fromisoformat(dated[1]) < before
    except ValueError:
        return False


def sorted_folders(folder: str) -> "list[os.DirEntry[str]]":
    return sorted((each for each in os.scandir(folder) if each.is_dir()), key=lambda each: each.name)
