"""When a snapshot was captured, from its file name. What a payload states about its time is the formats' business.

What is read (docs/formats.md has examples): day and time of day in the file's name, compact or with `-`, `_`, `.` or `:`
between the parts, with or without seconds and fractions; the seconds or milliseconds since 1970; a day in the folders above
with a time of day as the name. Of several in one name the last counts. A pattern of the user's (strptime's) counts instead.

A zone that the name states counts: `Z`, `UTC`, `GMT`, `CET`, `CEST`, an offset such as `+0200`, and what the zone of the load
calls itself (`EDT` with America/New_York). Letters or a sign that may mean a zone and are not understood are an
UnknownZoneError: no time is ever guessed. Without a zone the time is local in the load's zone:

- in the hour that October's clock change repeats, the first one (summer time) is meant: a collector that writes local
  times without a suffix overwrites that hour anyway, and its files keep their order up to the change;
- a time in the hour that March's change skips does not exist: None, as for any other invalid date.

A time before 2000 or after 2099 is a clock that was never set, or digits that are no date (`is_plausible`).
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)

# What is read, for whoever has to be told.
READ = (
    "20260602_083000, 20260602083000, 2026-06-02T08:30:00Z, 2026-06-02_08-30, seconds or milliseconds since 1970, "
    "or a folder 2026-06-02 with 08-30-00 in it"
)

_DAY = r"(?P<year>[0-9]{4})(?P<between>[-_.]?)(?P<month>[0-9]{2})(?P=between)(?P<day>[0-9]{2})"
_CLOCK = (
    r"(?P<hour>[0-9]{2})(?:"
    r"(?P<apart>[-_.:]?)(?P<minute>[0-9]{2})(?:(?P=apart)(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    r"|[hH](?P<minute_of_h>[0-9]{2})(?:[mM:]?(?P<second_of_h>[0-9]{2})[sS]?)?)(?![0-9])"
)
# With nothing between day and time both have to be compact: 14 digits, or 12.
_JOINED = r"(?:[ _.-]?[Tt][ _.-]?|[ _.-]{1,3}|(?<=[0-9]{8})(?=[0-9]{4}(?:[0-9]{2})?(?![0-9])))"
_STAMP = re.compile(rf"(?<![0-9]){_DAY}(?P<joined>{_JOINED}){_CLOCK}")
# What most names are, known at one look: a load looks at a million of them.
_PLAIN = re.compile(r"(?:.*[^0-9])?([0-9]{8})[_T]([0-9]{6})(?:_?(CEST|CET|UTC|Z))?\.json(?:\.gz)?", re.IGNORECASE)
_EPOCH = re.compile(
    r"(?<![0-9])(?:(?P<seconds>[0-9]{10})(?:[.,](?P<fraction>[0-9]{1,9}))?|(?P<milliseconds>[0-9]{13}))(?![0-9])"
)
# In a name that has no day: all of the name, or its parts apart, as compact digits may count anything.
_CLOCK_ALONE = re.compile(rf"T?{_CLOCK}")
_CLOCK_APART = re.compile(
    r"(?<![0-9])(?P<hour>[0-9]{2})(?P<apart>[-_.:])(?P<minute>[0-9]{2})(?P=apart)(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?(?![0-9])"
)
_FOLDER_DAY = re.compile(rf"(?:(?:date|day|dt|ds)=)?{_DAY}")
_FOLDER_HOUR = re.compile(r"(?:hour|hh|h|hr)=([0-9]{1,2})|([0-9]{2})")
_FOLDER_PARTS = re.compile(
    r"(?:year|y)=([0-9]{4})/(?:month|m)=([0-9]{1,2})/(?:day|d)=([0-9]{1,2})|([0-9]{4})/([0-9]{2})/([0-9]{2})"
)

_OFFSET = re.compile(r"[ _.]?(?P<sign>[+-])(?P<hours>[0-9]{2})(?P<colon>[:.]?)(?P<minutes>[0-9]{2})?(?![0-9])")
_OF_UTC = re.compile(
    r"[ _.-]?(?:UTC|GMT)(?P<sign>[+-])(?P<hours>[0-9]{1,2})(?::?(?P<minutes>[0-9]{2}))?(?![0-9])", re.IGNORECASE
)
_LETTERS = re.compile(r"[ _.-]?(?P<letters>[A-Za-z]{1,5})(?![A-Za-z0-9])")
# What turns a time into another one as well: an offset whose sign is missing, or the half of a day.
_NOT_A_ZONE = re.compile(r"[ _.-]?(?:(?:UTC|GMT)[0-9]+|[AP]M(?![A-Za-z0-9]))", re.IGNORECASE)
_EVERYWHERE = {
    "Z": UTC,
    "UTC": UTC,
    "UT": UTC,
    "GMT": UTC,
    "CET": timezone(timedelta(hours=1)),
    "CEST": timezone(timedelta(hours=2)),
}
_EXTENSIONS = re.compile(
    r"(?:\.(?:json|jsonl|ndjson|geojson|csv|xml|parquet|txt|gz|xz|zst|bz2|zip|tar|tgz|snapshots))+\Z", re.IGNORECASE
)
# What the directives of strptime may stand for in a name. The rest of a pattern is taken as it is.
_DIRECTIVES = {
    "Y": r"[0-9]{4}", "y": r"[0-9]{2}", "m": r"[0-9]{1,2}", "d": r"[0-9]{1,2}", "j": r"[0-9]{1,3}",
    "H": r"[0-9]{1,2}", "I": r"[0-9]{1,2}", "M": r"[0-9]{1,2}", "S": r"[0-9]{1,2}", "f": r"[0-9]{1,6}",
    "p": r"[AaPp][Mm]", "b": r"[^\W\d_]{3,4}", "B": r"[^\W\d_]+", "a": r"[^\W\d_]{2,4}", "A": r"[^\W\d_]+",
    "z": r"Z|[+-][0-9]{2}:?[0-9]{2}", "Z": r"[A-Za-z]{1,5}",
}  # fmt: skip


class UnknownZoneError(ValueError):
    """A name states a zone, or what may be one, and it cannot be said which."""


class Stated(NamedTuple):
    """The time that a name states: aware, in UTC. `has_zone`: the name says so itself, else it was taken for local."""

    at: datetime
    has_zone: bool


def is_plausible(captured_at: datetime) -> bool:
    """Whether a snapshot can have been captured then."""
    return EARLIEST <= captured_at < LATEST


def from_name(path: str, zone: ZoneInfo = PARIS, pattern: str | None = None) -> datetime | None:
    """The capture time (aware, UTC) that the name of the file at `path` states, or None. Raises UnknownZoneError."""
    found = stated(path, zone, pattern)
    return None if found is None else found.at


def stated(path: str, zone: ZoneInfo = PARIS, pattern: str | None = None) -> Stated | None:
    """What the name of the file at `path` states of its capture time, by `pattern` if one is given. Raises UnknownZoneError."""
    folders, _, name = path.replace(os.sep, "/").rpartition("/")
    if pattern is not None:
        return _by_pattern(path.replace(os.sep, "/"), pattern, zone)
    if plain := _PLAIN.fullmatch(name):
        day, clock, letters = plain.groups()
        parts = int(day[:4]), int(day[4:6]), int(day[6:]), int(clock[:2]), int(clock[2:4]), int(clock[4:])
        return _moment(parts, _EVERYWHERE[letters.upper()] if letters else None, zone)
    if "%3" in name:
        name = unquote(name)
    stem = _EXTENSIONS.sub("", name)
    if stamps := list(_STAMP.finditer(stem)):
        return _local(stamps[-1], _parts(stamps[-1]), stem, zone)
    if epochs := list(_EPOCH.finditer(stem)):
        return _since_1970(epochs[-1])
    return _in_folders(folders, stem, zone)


def check_pattern(pattern: str) -> None:
    """Raises ValueError where no time can be read by it."""
    letters = re.findall(r"%(.?)", pattern.replace("%%", ""), re.DOTALL)
    if "" in letters:
        raise ValueError("it ends with half a directive")
    if twice := [letter for letter in letters if letters.count(letter) > 1]:
        raise ValueError(f"%{twice[0]} is there twice")
    if unknown := [letter for letter in letters if letter not in _DIRECTIVES]:
        raise ValueError(f"%{unknown[0]} is not known")
    has_day = {"Y", "m", "d"} <= {*letters} or {"Y", "j"} <= {*letters} or {"y", "m", "d"} <= {*letters}
    has_day = has_day or ({"Y", "d"} <= {*letters} and not {"b", "B"}.isdisjoint(letters))
    if not has_day or {"H", "I"}.isdisjoint(letters):
        raise ValueError("a day and an hour are needed, for instance %Y%m%d_%H%M%S")


_Parts = tuple[int, int, int, int, int, int, int]


def _parts(match: re.Match[str]) -> _Parts:
    day = int(match["year"]), int(match["month"]), int(match["day"])
    return (*day, *_clock(match))


def _clock(match: re.Match[str]) -> tuple[int, int, int, int]:
    found = match.groupdict()
    minute = found["minute"] or found.get("minute_of_h")
    second = found["second"] or found.get("second_of_h") or "0"
    return int(found["hour"]), int(minute or 0), int(second), _microseconds(found["fraction"])


def _microseconds(fraction: str | None) -> int:
    return int(f"{fraction:0<6}"[:6]) if fraction else 0


def _local(stamp: re.Match[str], parts: _Parts, stem: str, zone: ZoneInfo) -> Stated | None:
    """The moment of a stamp in the zone that follows it, else in the load's."""
    try:
        local = datetime(*parts)  # noqa: DTZ001 (its zone follows)
    except ValueError:
        return None
    offset = _stated_zone(stem, stamp.end(), "t" in (stamp.groupdict().get("joined") or "").lower(), local, zone)
    return _in_zone(local, offset, zone)


def _moment(parts: tuple[int, ...], offset: timezone | None, zone: ZoneInfo) -> Stated | None:
    try:
        return _in_zone(datetime(*parts), offset, zone)  # type: ignore[arg-type] # noqa: DTZ001 (its zone follows)
    except ValueError:
        return None


def _in_zone(local: datetime, offset: timezone | None, zone: ZoneInfo) -> Stated | None:
    try:
        if offset is not None:
            return Stated(local.replace(tzinfo=offset).astimezone(UTC), has_zone=True)
        instant = local.replace(tzinfo=zone).astimezone(UTC)
        if instant.astimezone(zone).replace(tzinfo=None) != local:
            return None  # skipped by a clock change
    except OverflowError:
        return Stated(
            local.replace(tzinfo=UTC), has_zone=False
        )  # at an end of the calendar, where no time is plausible
    return Stated(instant, has_zone=False)


def _stated_zone(stem: str, end: int, is_iso: bool, local: datetime, zone: ZoneInfo) -> timezone | None:
    """The offset that the name states from `end` on; None where nothing there can be meant as one."""
    if found := _OF_UTC.match(stem, end):
        return _offset(found, found[0])
    if found := _OFFSET.match(stem, end):
        # `-04` may be the fourth file of that second as well, unless all of it is ISO 8601.
        if found["minutes"] is None and found["sign"] == "-" and not is_iso:
            raise UnknownZoneError(f"{found[0]!r} may be an offset or a number")
        return _offset(found, found[0])
    if found := _NOT_A_ZONE.match(stem, end):
        raise UnknownZoneError(f"{found[0]!r} is no zone")
    found = _LETTERS.match(stem, end)
    if found is None:
        return None
    letters = found["letters"]
    known = _EVERYWHERE.get(letters.upper())
    if known is None:
        known = _abbreviations(zone, local.year).get(letters.upper())
    if known is None and (letters.isupper() or letters.upper() in _abbreviated_anywhere()):
        raise UnknownZoneError(f"{letters!r} is no zone that {zone.key} has")
    return known


def _offset(found: re.Match[str], text: str) -> timezone:
    hours, minutes = int(found["hours"]), int(found["minutes"] or 0)
    # Behind these digits no place's clock goes: 0015 counts something else.
    if hours > 14 or minutes not in (0, 30, 45) or (minutes and not hours):
        raise UnknownZoneError(f"{text!r} is no offset from UTC")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if found["sign"] == "-" else offset)


@lru_cache(maxsize=256)
def _abbreviations(zone: ZoneInfo, year: int) -> dict[str, timezone]:
    """What a zone calls itself in the course of a year, where that means one offset."""
    found: dict[str, set[timedelta]] = {}
    for month in range(1, 13):
        moment = datetime(min(max(year, 2), 9998), month, 15, tzinfo=UTC).astimezone(zone)
        name, offset = moment.tzname(), moment.utcoffset()
        if name and name.isalpha() and offset is not None:
            found.setdefault(name.upper(), set()).add(offset)
    return {name: timezone(offsets.pop()) for name, offsets in found.items() if len(offsets) == 1}


@lru_cache(maxsize=1)
def _abbreviated_anywhere() -> frozenset[str]:
    """The abbreviations of large zones: what is meant as one even in small letters."""
    keys = (
        "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Anchorage", "America/Halifax",
        "America/St_Johns", "Pacific/Honolulu", "Europe/London", "Europe/Lisbon", "Europe/Athens", "Europe/Moscow", "Asia/Kolkata",
        "Asia/Tokyo", "Asia/Seoul", "Asia/Shanghai", "Asia/Jerusalem", "Australia/Sydney", "Australia/Adelaide", "Australia/Perth",
        "Pacific/Auckland", "Africa/Johannesburg", "Africa/Lagos", "Africa/Nairobi",
    )  # fmt: skip
    return frozenset(name for key in keys for name in _abbreviations(ZoneInfo(key), 2025))


def _since_1970(found: re.Match[str]) -> Stated | None:
    if found["milliseconds"]:
        return Stated(
            datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(found["milliseconds"])), has_zone=True
        )
    seconds = found["seconds"]
    # Ten digits may be a day and an hour too: never guessed. By then it is 2033.
    if _is_day_and_hour(seconds):
        return None
    at = datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=_microseconds(found["fraction"]))
    return Stated(at, has_zone=True)


def _is_day_and_hour(digits: str) -> bool:
    try:
        datetime(int(digits[:4]), int(digits[4:6]), int(digits[6:8]), int(digits[8:]))  # noqa: DTZ001
    except ValueError:
        return False
    return digits[:2] == "20"


def _in_folders(folders: str, stem: str, zone: ZoneInfo) -> Stated | None:
    """A day in the folders above, a time of day as the name."""
    found = _CLOCK_ALONE.match(stem)
    if found is None or not _ends_with_zone(stem, found.end()):
        apart = list(_CLOCK_APART.finditer(stem))
        found = apart[-1] if apart else None
    if found is None:
        return None
    above = folders.split("/")
    hour = _FOLDER_HOUR.fullmatch(above[-1]) if above else None
    if hour is not None and int(hour[1] or hour[2]) == int(found["hour"]) and _day_of(above[:-1]) is not None:
        above = above[:-1]
    elif above and re.match(r"(?:hour|hh|h|hr)=", above[-1]):
        return None  # the folder says another hour than the name
    day = _day_of(above)
    return None if day is None else _local(found, (*day, *_clock(found)), stem, zone)


def _ends_with_zone(stem: str, end: int) -> bool:
    """Whether nothing follows but what may be a zone."""
    if end == len(stem):
        return True
    return any(
        match is not None and match.end() == len(stem)
        for match in (each.match(stem, end) for each in (_OF_UTC, _OFFSET, _LETTERS))
    )


def _day_of(folders: list[str]) -> tuple[int, int, int] | None:
    """The day that the last of the folders names, alone or with the two above it."""
    if folders and (one := _FOLDER_DAY.fullmatch(folders[-1])):
        return int(one["year"]), int(one["month"]), int(one["day"])
    three = _FOLDER_PARTS.fullmatch("/".join(folders[-3:]))
    if three is None:
        return None
    year, month, day = (each for each in three.groups() if each is not None)
    return int(year), int(month), int(day)


def _by_pattern(path: str, pattern: str, zone: ZoneInfo) -> Stated | None:
    name = "/".join(path.split("/")[-1 - pattern.count("/") :])
    if not (matches := list(_pattern(pattern).finditer(name))):
        return None
    found = matches[-1]
    text, letters = found[0], found.groupdict().get("letters")
    if letters is not None:
        text = text[: found.start("letters") - found.start()] + text[found.end("letters") - found.start() :]
    try:
        read = datetime.strptime(text, pattern.replace("%Z", ""))  # noqa: DTZ007 (its zone follows)
    except ValueError:
        return None
    if read.tzinfo is not None:
        return Stated(read.astimezone(UTC), has_zone=True)
    offset = None if letters is None else _stated_zone(letters, 0, False, read, zone)
    if letters is not None and offset is None:
        raise UnknownZoneError(f"{letters!r} is no zone that {zone.key} has")
    return _in_zone(read, offset, zone)


@lru_cache(maxsize=16)
def _pattern(pattern: str) -> re.Pattern[str]:
    """The pattern as an expression to look for anywhere in a name, but not in the middle of a number."""
    parts = []
    for piece in re.split(r"(%.)", pattern):
        if piece == "%%":
            parts.append("%")
        elif piece == "%Z":
            parts.append(f"(?P<letters>{_DIRECTIVES['Z']})")
        elif piece.startswith("%") and len(piece) == 2:
            parts.append(f"(?:{_DIRECTIVES[piece[1]]})")
        else:
            parts.append(re.escape(piece))
    return re.compile(rf"(?<![0-9]){''.join(parts)}(?![0-9])")
