"""Change capture: what differs between two neighbouring snapshots of a feed.

A `NetworkState` holds one snapshot. `read` looks at the next payload without touching the state (so that a bad file
leaves no trace), `advance` moves the state to it and says what changed. Only the comparison of two snapshots belongs
here: no files, no database, no order of snapshots.

The rules (docs/architecture.md gives the reasons):

- an entry whose bytes are those of the snapshot before is not parsed again;
- a station that is missing from a snapshot is unobserved: none of its bikes changes; listed again, it states all its
  bikes anew;
- a bike listed at several stations counts at the one whose code sorts first, a bike in the street (no station) last;
- of two entries with one station code the first in the file counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from msgspec import Raw

from ingestion.formats import Format, FormatError
from ingestion.formats.cut import Cut
from ingestion.formats.model import Attributes, Bike, Entry, Station, Status

# More than this share of the stations that count bikes list none: the file contradicts itself.
# Why: docs/decisions/0004-acceptance-depends-on-the-file-alone.md.
CONTRADICTION_SHARE = 0.20

# The place of the bikes in the street: no station. A station code is never empty, so it is free as a key.
STREET = ""


class StationChange(NamedTuple):
    """A station whose status differs from the snapshot before, or that came into or dropped out of the snapshot."""

    station_code: str
    is_listed: bool  # False: in the snapshot before, not in this one
    is_relisted: bool  # True: in this snapshot, not in the one before; all its bikes are stated anew
    status: Status | None  # None when not listed, or when the feed states no status


class AttributeChange(NamedTuple):
    """A station whose attributes differ from the snapshot before."""

    station_code: str
    attributes: Attributes


class BikeChange(NamedTuple):
    """A bike that is somewhere else, or in another condition, than in the snapshot before; or that has left."""

    bike_id: str
    is_present: bool  # False: not listed any more, and its station still is
    station_code: str | None  # where it is, or which station it left; None: the street
    bike: Bike | None  # None when it has left


@dataclass
class ChangeSet:
    """What one snapshot changes against the one before it."""

    stations: list[StationChange] = field(default_factory=list)
    attributes: list[AttributeChange] = field(default_factory=list)
    bikes: list[BikeChange] = field(default_factory=list)


@dataclass(frozen=True)
class Counts:
    """What one snapshot lists, as it stands in raw.snapshots."""

    stations: int
    stations_without_code: int
    stations_listed_twice: int
    bikes: int
    bikes_in_street: int
    bikes_listed_twice: int


class Place(NamedTuple):
    """A station (or the street) as the state keeps it: the parsed entry and its bikes by id."""

    station: Station
    bikes: dict[str, Bike]


@dataclass
class Reading:
    """A payload that was read and found acceptable, not yet applied to the state."""

    format: Format
    entries: list[Entry]
    parsed: list[Place]  # parallel to entries
    places: dict[str, Place]  # by station code; STREET for the street
    stations_without_code: int
    stations_listed_twice: int
    counting: int  # stations that count bikes
    listing_none: int  # of these, stations that list none
    # The stations that may differ from the state it was read against, and the bikes that are not the same objects there; None:
    # any may differ, and some may have come or gone.
    changed: dict[str, set[str]] | None = None

    @classmethod
    def of_places(cls, snapshot_format: Format, places: dict[str, Place]) -> Reading:
        """A snapshot without its payload."""
        return cls(snapshot_format, [], [], places, 0, 0, 0, 0)

    @classmethod
    def of_stations(cls, snapshot_format: Format, stations: Iterable[Station]) -> Reading:
        """A snapshot whose file is gone, from its stations as the change sets tell them."""
        return cls.of_places(snapshot_format, {station.code or STREET: _place(station) for station in stations})


class NetworkState:
    """One snapshot of a feed, ready to be compared with the next. The empty state stands before a feed's first one."""

    def __init__(self, snapshot_format: Format) -> None:
        self.reading = Reading.of_places(snapshot_format, {})
        # Where each bike is listed: one place but for the few bikes listed twice. `_best` says which one counts. A dict as
        # a set: one bike may be listed at every station, and leave them all.
        self.listed_at: dict[str, dict[str, None]] = {}
        self.listed_twice: set[str] = set()

    def read(self, payload: bytes, snapshot_format: Format | None = None) -> Reading:
        """Parse what differs from this state and check the whole. `snapshot_format` where it is not the state's own.

        Raises FormatError when the payload is not of this format or contradicts itself.
        """
        before = self.reading
        snapshot_format = snapshot_format or before.format
        if snapshot_format is before.format and isinstance(before.entries, Cut):
            again = before.entries.again(payload)
            if again is not None and (reading := _read_again(before, again)) is not None:
                return reading
        entries = snapshot_format.split(payload)
        parsed = self._parse(entries, snapshot_format)
        places: dict[str, Place] = {}
        street: list[Place] = []
        without_code = twice = 0
        for place in parsed:
            code = place.station.code
            if code is None:
                if place.bikes:
                    street.append(place)
                else:
                    without_code += 1
            elif code in places:
                twice += 1
            else:
                places[code] = place
        if street:
            places[STREET] = self._street(street)
        counting = sum(bool(place.station.bikes_counted) for place in places.values())
        listing_none = sum(_lists_none(place) for place in places.values())
        _check_consistent(counting, listing_none)
        return Reading(snapshot_format, entries, parsed, places, without_code, twice, counting, listing_none)

    def advance(self, reading: Reading) -> tuple[ChangeSet, Counts]:
        """Make the reading, which was read against this state, the state. Returns what changed, and what the snapshot lists."""
        before, after = self.reading.places, reading.places
        changes = ChangeSet()
        # Every bike whose listing may differ. Unchanged entries were not parsed, so identity settles most of them; what is the
        # same in other words drops out at the end.
        touched: set[str] = set()
        relisted: set[str] = set()
        left: list[tuple[str, Iterable[str]]] = []
        came: list[tuple[str, Iterable[str]]] = []
        for code in after if reading.changed is None else reading.changed:
            old, place = before.get(code), after[code]
            if old is place:
                continue
            if code != STREET:
                _compare_station(code, old, place, changes)
            now = place.bikes
            if old is None:
                relisted.add(code)
                touched.update(now)
                came.append((code, now))
                continue
            was = old.bikes
            differ = _differing(old, place) if reading.changed is None else reading.changed[code]
            if differ:
                touched |= differ
                came.append((code, [bike_id for bike_id in differ if bike_id not in was]))
                left.append((code, [bike_id for bike_id in differ if bike_id not in now]))
        for code, place in before.items() if reading.changed is None else ():
            if code not in after:
                if code != STREET:
                    changes.stations.append(StationChange(code, is_listed=False, is_relisted=False, status=None))
                touched.update(place.bikes)
                left.append((code, place.bikes))
        relisted.discard(STREET)  # the street is never out of sight

        # A moment of sorting makes the change set a function of the two snapshots, whatever set order Python picks.
        was_at = {bike_id: _best(places) for bike_id in touched if (places := self.listed_at.get(bike_id))}
        for code, bike_ids in left:
            self._unlist(code, bike_ids)
        for code, bike_ids in came:
            self._list(code, bike_ids)
        for bike_id in sorted(touched):
            change = self._bike_change(bike_id, was_at.get(bike_id), before, after, relisted)
            if change is not None:
                changes.bikes.append(change)

        self.reading = reading
        return changes, self._counts(reading)

    def _counts(self, reading: Reading) -> Counts:
        """What the state's snapshot lists."""
        street = reading.places.get(STREET)
        return Counts(
            stations=len(reading.places) - (street is not None),
            stations_without_code=reading.stations_without_code,
            stations_listed_twice=reading.stations_listed_twice,
            bikes=len(self.listed_at),
            bikes_in_street=sum(self.listed_at[b].keys() == {STREET} for b in street.bikes) if street else 0,
            bikes_listed_twice=len(self.listed_twice),
        )

    def _parse(self, entries: Sequence[Entry], snapshot_format: Format) -> list[Place]:
        # What one format's entries say is nothing to another's parser.
        old = self.reading
        before, before_parsed = (old.entries, old.parsed) if snapshot_format is old.format else ([], [])
        parse, known = snapshot_format.parse, len(before)
        parsed: list[Place] = []
        same = [entry == old for entry, old in zip(entries, before, strict=False)]
        # Entries mostly keep their place in the list. Where one came or went, or the list has another order, the rest
        # has moved: look it up by content.
        moved: dict[Any, Place] | None = None
        for index, entry in enumerate(entries):
            if index < known and same[index]:
                parsed.append(before_parsed[index])
                continue
            if moved is None:
                moved = {}
                if known and (len(entries) != known or 2 * sum(same) < known):
                    moved = {_content(old): place for old, place in zip(before, before_parsed, strict=True)}
            place = moved.get(_content(entry)) if moved else None
            if place is None:
                try:
                    place = _place(parse(entry))
                except FormatError as error:
                    raise error.in_entry(index + 1) from None
            parsed.append(place)
        return parsed

    def _street(self, entries: Sequence[Place]) -> Place:
        bikes: dict[str, Bike] = {}
        for entry in entries:
            for bike_id, bike in entry.bikes.items():
                bikes.setdefault(bike_id, bike)
        old = self.reading.places.get(STREET)
        if old is not None and old.bikes == bikes:
            return old
        return Place(Station(None, None, None, tuple(bikes.values()), None), bikes)

    def _bike_change(
        self,
        bike_id: str,
        was_at: str | None,
        before: dict[str, Place],
        after: dict[str, Place],
        relisted: set[str],
    ) -> BikeChange | None:
        places = self.listed_at.get(bike_id)
        if places:
            here = _best(places)
            bike = after[here].bikes[bike_id]
            if here == was_at and here not in relisted and before[here].bikes.get(bike_id) == bike:
                return None
            return BikeChange(bike_id, True, here or None, bike)
        if was_at is None or (was_at != STREET and was_at not in after):
            return None  # its station is unobserved: nothing is known to have changed
        return BikeChange(bike_id, False, was_at or None, None)

    def _unlist(self, code: str, bike_ids: Iterable[str]) -> None:
        for bike_id in bike_ids:
            places = self.listed_at[bike_id]
            del places[code]
            if len(places) < 2:
                self.listed_twice.discard(bike_id)
            if not places:
                del self.listed_at[bike_id]

    def _list(self, code: str, bike_ids: Iterable[str]) -> None:
        for bike_id in bike_ids:
            places = self.listed_at.setdefault(bike_id, {})
            places[code] = None
            if len(places) > 1:
                self.listed_twice.add(bike_id)


def _best(places: dict[str, None]) -> str:
    """Of the places that list a bike the one that counts: the station whose code sorts first, the street last.

    Found when it is asked for: kept in order, a bike that ten thousand stations list would take minutes.
    """
    return next(iter(places)) if len(places) == 1 else min(places, key=lambda place: (place == STREET, place))


def _read_again(before: Reading, entries: Cut) -> Reading | None:
    """Read a payload that lists the stations of the one before in its order: only entries that are not the same are read.

    None where it does not, or an entry cannot be read: the payload has to be read as if nothing were known of it. Raises
    FormatError when it contradicts itself.
    """
    if before.stations_listed_twice or STREET in before.places:
        return None
    parsed, places, parse = before.parsed.copy(), before.places.copy(), before.format.parse
    counting, listing_none = before.counting, before.listing_none
    changed: dict[str, set[str]] = {}
    for index, (entry, old_entry) in enumerate(zip(entries, before.entries, strict=True)):
        if entry is old_entry:
            continue
        old = parsed[index]
        try:
            station = parse(entry, old.station)
        except FormatError:
            return None
        code = station.code
        if code is None or code != old.station.code:
            return None
        place, changed[code] = _place_again(old, station)
        parsed[index] = places[code] = place
        counting += bool(place.station.bikes_counted) - bool(old.station.bikes_counted)
        listing_none += _lists_none(place) - _lists_none(old)
    _check_consistent(counting, listing_none)
    return Reading(
        before.format, entries, parsed, places, before.stations_without_code, 0, counting, listing_none, changed
    )


def _lists_none(place: Place) -> bool:
    """Whether a station counts bikes and lists none of them."""
    return not place.bikes and bool(place.station.bikes_counted)


def _check_consistent(counting: int, listing_none: int) -> None:
    if listing_none > CONTRADICTION_SHARE * counting:
        raise FormatError(
            "contradicts_itself",
            f"{listing_none} of {counting} stations that count bikes list none of them",
        )


def _place(station: Station) -> Place:
    bikes = {bike.bike_id: bike for bike in station.bikes}
    if len(bikes) < len(station.bikes):  # of two entries of one bike the first counts
        bikes = {bike.bike_id: bike for bike in reversed(station.bikes)}
        bikes = dict(reversed(bikes.items()))
    return Place(station, bikes)


def _place_again(old: Place, station: Station) -> tuple[Place, set[str]]:
    """The place of a station that was `old`, and the bikes that differ in them. Most stand in the list as they stood."""
    was, now = old.station.bikes, station.bikes
    first, last = 0, min(len(was), len(now))
    while first < last and was[first] is now[first]:
        first += 1
    behind = 0
    while behind < last - first and was[-1 - behind] is now[-1 - behind]:
        behind += 1
    gone, come = was[first : len(was) - behind], now[first : len(now) - behind]
    bikes = old.bikes
    if gone or come:
        bikes = bikes.copy()
        for bike in gone:
            bikes.pop(bike.bike_id, None)
        for bike in come:
            bikes[bike.bike_id] = bike
        if len(bikes) != len(now):  # a bike listed twice
            place = _place(station)
            return place, _differing(old, place)
    return Place(station, bikes), {bike.bike_id for bike in gone} | {bike.bike_id for bike in come}


def _differing(old: Place, new: Place) -> set[str]:
    """The bikes that are not the same objects in two readings of a station."""
    was, now = old.bikes, new.bikes
    return {bike_id for bike_id, bike in now.items() if was.get(bike_id) is not bike} | (was.keys() - now.keys())


def _compare_station(code: str, old: Place | None, new: Place, changes: ChangeSet) -> None:
    """Note a change of status or attributes. A station that comes into the snapshot states both in full."""
    if old is None or old.station.status != new.station.status:
        changes.stations.append(StationChange(code, True, old is None, new.station.status))
    attributes = new.station.attributes
    if attributes is not None and (old is None or old.station.attributes != attributes):
        changes.attributes.append(AttributeChange(code, attributes))


def _content(entry: Entry) -> Any:
    """What an entry says, as a key: a raw piece of JSON compares but does not hash."""
    if isinstance(entry, tuple):
        return tuple(_content(part) for part in entry)
    return bytes(entry) if isinstance(entry, Raw) else entry
