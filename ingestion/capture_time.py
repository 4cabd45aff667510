"""When a snapshot was captured, from its file name. What a payload states about its time is the formats' business.

The last `YYYYMMDD_HHMMSS` or `YYYYMMDDTHHMMSS` of the file name counts (folders do not), then optionally `_CEST`,
`_CET`, `_UTC` or `Z`, with or without the underscore. Without a suffix the time is local in the feed's zone:

- in the hour that October's clock change repeats, the first one (summer time) is meant: a collector that writes local
  times without a suffix overwrites that hour anyway, and its files keep their order up to the change;
- a time in the hour that March's change skips does not exist: None, as for any other invalid date. Never a guess.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")

_STAMP = re.compile(
    r"(?<![0-9])([0-9]{8})[_T]([0-9]{6})(?![0-9])(?:_?(CEST|CET|UTC|Z)(?![A-Za-z0-9]))?",
    re.IGNORECASE,
)
_OFFSETS = {
    "CEST": timezone(timedelta(hours=2)),
    "CET": timezone(timedelta(hours=1)),
    "UTC": UTC,
    "Z": UTC,
}


def from_name(path: str, zone: ZoneInfo = PARIS) -> datetime | None:
    """The capture time (aware, UTC) that the name of the file at `path` states, or None."""
    name = path.rsplit("/", 1)[-1].rsplit(os.sep, 1)[-1]
    stamps = _STAMP.findall(name)
    if not stamps:
        return None
    day, clock, suffix = stamps[-1]
    try:
        date = int(day[:4]), int(day[4:6]), int(day[6:])
        local = datetime(*date, int(clock[:2]), int(clock[2:4]), int(clock[4:]))  # noqa: DTZ001 (its zone follows)
        if suffix:
            return local.replace(tzinfo=_OFFSETS[suffix.upper()]).astimezone(UTC)
        instant = local.replace(tzinfo=zone).astimezone(UTC)
        if instant.astimezone(zone).replace(tzinfo=None) != local:
            return None  # skipped by a clock change
    except (ValueError, OverflowError):
        return None
    return instant
