"""When a snapshot was captured, from its file name. What a payload states about its time is the formats' business.

The last `YYYYMMDD_HHMMSS` or `YYYYMMDDTHHMMSS` of the file name counts (folders do not), then optionally `_CEST`,
`_CET`, `_UTC` or `Z`, with or without the underscore. Without a suffix the time is local in the feed's zone:

- in the hour that October's clock change repeats, the first one (summer time) is meant: a collector that writes local
  times without a suffix overwrites that hour anyway, and its files keep their order up to the change;
- a time in the hour that March's change skips does not exist: None, as for any other invalid date. Never a guess.

A time before 2000 or after 2099 is a clock that was never set, or digits that are no date (`is_plausible`).
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)

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


def is_plausible(captured_at: datetime) -> bool:
    """Whether a snapshot can have been captured then."""
    return EARLIEST <= captured_at < LATEST


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
    except ValueError:
        return None
    except OverflowError:
        return local.replace(tzinfo=UTC)  # at an end of the calendar, where no time is plausible
    return instant
