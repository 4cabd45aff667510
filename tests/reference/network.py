"""Whole snapshots: what one file says about the network, and the snapshots of an archive in time order.

Here belong the rules that look at one file, or at two files of one capture time. What changes over time is in facts.py.
"""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import xxhash

from ingestion.formats import FormatError, detect, read
from ingestion.formats.model import Bike, Station
from ingestion.landing import capture_time
from velib.core import settings

PARIS = ZoneInfo("Europe/Paris")
# docs/decisions/0004-acceptance-depends-on-the-file-alone.md: a file contradicts itself where more than this share
# of the stations that count bikes list none.
MOST_CONTRADICTING = 0.20
# A capture time in another year (in UTC) is a clock that nobody had set.
YEARS = range(2000, 2100)
CONTAINERS = "*.snapshots.zip"


class UnacceptableError(Exception):
    """A file that cannot be read, or that says nothing that can be believed."""


class FullSnapshot(NamedTuple):
    """Everything that one file says."""

    feed: str
    captured_at: datetime
    stations: dict[str, Station]
    """The stations that this file lists. One that is not in here is unobserved."""
    street: dict[str, Bike]
    """The bikes that stand in the street, whether or not a station lists them too."""
    bikes: dict[str, tuple[str | None, Bike]]
    """Each bike listed, at the one place that counts: a station's code, or None for the street."""
    format_name: str = ""
    """The format by which the file was read: its own, whatever the feed's other files are."""


class Place(NamedTuple):
    """Where a snapshot says that a bike is."""

    station_code: str | None  # None: the street


def place_of(snapshot: FullSnapshot, bike_id: str) -> Place | None:
    """Where the bike is listed; None where it is not listed, which does not yet mean that it has left."""
    if bike_id not in snapshot.bikes:
        return None
    return Place(snapshot.bikes[bike_id][0])


def is_known_not_at(snapshot: FullSnapshot, bike_id: str, place: Place) -> bool:
    """Whether the snapshot says that the bike is not there: it is elsewhere, or the place is listed without it.

    The street is always observed. A station that is not listed is not, and then nothing is known of its bikes.
    """
    listed = place_of(snapshot, bike_id)
    if listed is not None:
        return listed != place
    return place.station_code is None or place.station_code in snapshot.stations


def full_snapshot(feed: str, captured_at: datetime, entries: Iterable[Station]) -> FullSnapshot:
    """Put a file's entries together. Raises UnacceptableError."""
    stations: dict[str, Station] = {}
    street: dict[str, Bike] = {}
    for entry in entries:
        if entry.code is not None:
            stations.setdefault(entry.code, entry)  # two entries with one code: the first one counts
        else:
            for bike in entry.bikes:
                street.setdefault(bike.bike_id, bike)
    bikes: dict[str, tuple[str | None, Bike]] = {}
    for code in sorted(stations):  # a bike listed twice: the station whose code sorts first
        for bike in stations[code].bikes:
            bikes.setdefault(bike.bike_id, (code, bike))
    for bike_id, bike in street.items():  # the street last
        bikes.setdefault(bike_id, (None, bike))

    counting = [station for station in stations.values() if station.bikes_counted]
    contradicting = [station for station in counting if not station.bikes]
    if len(contradicting) > MOST_CONTRADICTING * len(counting):
        raise UnacceptableError(f"{len(contradicting)} of {len(counting)} stations count bikes and list none")
    return FullSnapshot(feed, captured_at, stations, street, bikes)


def listed_more_than_once(snapshot: FullSnapshot) -> set[str]:
    """The bikes that the file lists at several places: stations, or a station and the street."""
    places = Counter(
        bike_id for station in snapshot.stations.values() for bike_id in {bike.bike_id for bike in station.bikes}
    )
    places.update(snapshot.street.keys())
    return {bike_id for bike_id, count in places.items() if count > 1}


def named_feed(path: Path) -> str | None:
    """The feed that a folder `feed=NAME` above the file names, the nearest one; None where none does."""
    names = [unquote(folder.removeprefix("feed=")) for folder in path.parts[:-1] if folder.startswith("feed=")]
    return names[-1] if names else None


def read_file(path: Path, zone: ZoneInfo = PARIS) -> tuple[FullSnapshot, str]:
    """One file's snapshot, and the hash that decides between two files of one time. Raises UnacceptableError."""
    return read_content(path, stored(path), zone)


def stored(path: Path) -> bytes:
    """The bytes of a file, which may lie in a container beside where it would be."""
    if path.exists():
        return path.read_bytes()
    for container in path.parent.glob(CONTAINERS):
        with zipfile.ZipFile(container) as archive:
            if path.name in archive.namelist():
                return archive.read(path.name)
    raise FileNotFoundError(path)


def read_content(path: Path, content: bytes, zone: ZoneInfo = PARIS) -> tuple[FullSnapshot, str]:
    """What a file of this name and content would be. Raises UnacceptableError."""
    if content.startswith(b"\x1f\x8b"):
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise UnacceptableError(f"broken gzip: {error}") from error
    try:
        payload_format = detect(content)
        entries = read(payload_format, content)
        captured_at = capture_time.from_name(str(path), zone) or payload_format.captured_at(content)
        feed = named_feed(path) or payload_format.feed(content)
    except (FormatError, capture_time.UnknownZoneError) as error:
        raise UnacceptableError(str(error)) from error
    if captured_at is None:
        raise UnacceptableError("neither its name nor its content says when it was captured")
    if captured_at.year not in YEARS:
        raise UnacceptableError(f"a clock that nobody had set: {captured_at}")
    if captured_at > datetime.now(UTC) + settings.max_ahead():
        raise UnacceptableError(f"yet to come: {captured_at}")
    snapshot = full_snapshot(feed, captured_at, entries)._replace(format_name=payload_format.name)
    return snapshot, xxhash.xxh3_128(content).hexdigest()


def files_of(paths: Iterable[Path]) -> list[Path]:
    """The files themselves, and the snapshot files below folders, hidden ones left out."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            below = {file for file in path.rglob("*") if file.name.endswith((".json", ".json.gz"))}
            for container in path.rglob(CONTAINERS):
                with zipfile.ZipFile(container) as archive:
                    below |= {container.with_name(name) for name in archive.namelist()}
            found += [file for file in below if not any(part.startswith(".") for part in file.relative_to(path).parts)]
        else:
            found.append(path)
    return sorted(found)


class Archive(NamedTuple):
    """What becomes of the files of an archive."""

    feeds: dict[str, list[FullSnapshot]]
    """The snapshots of each feed in time order."""
    claims: dict[tuple[str, datetime], dict[Path, str]]
    """The readable files of each feed and capture time, with their hashes: the smallest one counts."""
    unacceptable: dict[Path, str]
    """The files that cannot count, and why."""


def read_files(paths: Sequence[Path], zone: ZoneInfo = PARIS) -> Archive:
    """Read all files below the paths."""
    chosen: dict[tuple[str, datetime], tuple[str, FullSnapshot]] = {}
    claims: dict[tuple[str, datetime], dict[Path, str]] = {}
    unacceptable: dict[Path, str] = {}
    known: dict[Station, Station] = {}
    for path in files_of(paths):
        try:
            snapshot, digest = read_file(path, zone)
        except UnacceptableError as error:
            unacceptable[path] = str(error)
            continue
        # Only to hold less in memory: most stations are the same from one snapshot to the next.
        for code, station in snapshot.stations.items():
            snapshot.stations[code] = known.setdefault(station, station)
        key = (snapshot.feed, snapshot.captured_at)
        claims.setdefault(key, {})[path] = digest
        # Equal content has an equal hash, and then either will do.
        if key not in chosen or digest < chosen[key][0]:
            chosen[key] = (digest, snapshot)
    feeds: dict[str, list[FullSnapshot]] = {}
    for feed, captured_at in sorted(chosen):
        feeds.setdefault(feed, []).append(chosen[feed, captured_at][1])
    return Archive(feeds, claims, unacceptable)


def read_archive(paths: Sequence[Path], zone: ZoneInfo = PARIS) -> dict[str, list[FullSnapshot]]:
    """The snapshots of each feed in time order. Files that cannot be read are left out, as quarantine does."""
    return read_files(paths, zone).feeds
