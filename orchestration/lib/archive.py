"""Which files of an archive are of which day."""

import glob
import os
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from ingestion.landing.capture_time import UnknownZoneError, from_name
from velib.core import settings
from velib.core.errors import VelibError


def paths_of_days(roots: Iterable[str], days: Sequence[str]) -> list[str]:
    """The folders date=DAY of these days (YYYY-MM-DD), and the files elsewhere that have the day in their names."""
    wanted, found = set(days), []
    compact = {day.replace("-", "") for day in days}
    for root in roots:
        folder = Path(root.removeprefix("file://"))
        if "://" in root or glob.has_magic(root) or not folder.is_dir():
            raise VelibError(f"an archive is loaded by day from a folder of this machine, and {root} is none")
        for place, folders, names in os.walk(folder):
            dated = [each for each in folders if each.startswith("date=")]
            found += [os.path.join(place, each) for each in dated if each.removeprefix("date=") in wanted]
            folders[:] = sorted(each for each in folders if each not in dated and not each.startswith("."))
            found += [
                os.path.join(place, each) for each in names if _is_snapshot(each) and _day_of(place, each) in compact
            ]
    return sorted(each for each in found if _holds_files(each))


def first_day(roots: Iterable[str]) -> str | None:
    """The day (YYYY-MM-DD) that these files begin with, by their folders and names; None where there are none with a day."""
    days = []
    for root in roots:
        for place, folders, names in os.walk(Path(root.removeprefix("file://"))):
            dated = [each for each in folders if each.startswith("date=")]
            days += [day for each in dated if (day := _as_day(each.removeprefix("date=").replace("-", "")))]
            folders[:] = [each for each in folders if each not in dated and not each.startswith(".")]
            days += [day for each in names if _is_snapshot(each) and (day := _as_day(_day_of(place, each) or ""))]
    return min(days, default=None)


def _as_day(digits: str) -> str | None:
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).isoformat()
    except ValueError:  # eight digits that are no day
        return None


def _is_snapshot(name: str) -> bool:
    from ingestion.landing.names import is_listed

    return is_listed(name)


def _day_of(folder: str, name: str) -> str | None:
    """The first eight digits in a row, where there are no more of them than that; else the UTC day of the time that is stated."""
    digits = ""
    for each in f"{name}.":
        if each.isdigit():
            digits += each
            continue
        if len(digits) == 8:
            return digits
        digits = ""
    try:
        at = from_name(os.path.join(folder, name), settings.time_zone(), settings.name_time())
    except UnknownZoneError:
        return None
    return f"{at:%Y%m%d}" if at else None


def _holds_files(path: str) -> bool:
    if not os.path.isdir(path):
        return True
    return any(_is_snapshot(name) for _, _, names in os.walk(path) for name in names)
