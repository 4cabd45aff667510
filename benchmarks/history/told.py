"""What differs between two snapshots, from what the engine says has happened: the change sets that the loader finds in the files.

Only what the simulator's feed says in the format `velib_app` is here (`velib.simulator.payload` words it), in the loader's terms.
Stations that drop out and bikes listed twice are not: a history has none.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from operator import attrgetter
from typing import NamedTuple

from ingestion.capture.network_state import AttributeChange, BikeChange, ChangeSet, Counts, StationChange
from ingestion.formats.model import Attributes, Status
from ingestion.formats.model import Bike as BikeSeen
from velib.simulator.engine import Engine
from velib.simulator.fleet import AVAILABLE, BLOCKED, FLAT_BATTERY, TO_COLLECT_CAUSES
from velib.simulator.network import Bike, Station

# What a station counts of its bikes, as indexes into its list of counts.
MECHANICAL, ELECTRIC, OVERFLOW, ELECTRIC_OVERFLOW, TAKEN, PLAIN_TAKEN, TO_COLLECT, TO_FIX = range(8)

_new = tuple.__new__  # a NamedTuple's own constructor costs three times as much


class _Listing:
    """A bike as the last snapshot listed it: where, how, and what it counted for there."""

    __slots__ = ("counted", "seen", "station")

    def __init__(self, station: Station, seen: BikeSeen, counted: tuple[int, ...]) -> None:
        self.station, self.seen, self.counted = station, seen, counted


class Content(NamedTuple):
    """All that a snapshot says: where each bike is and how, and of each station, by its index, what it is."""

    bikes: dict[str, tuple[str, BikeSeen]]
    status: list[Status | None]
    attributes: list[Attributes | None]


class Told:
    """What the last snapshot said. Before the first one: nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._listings: dict[Bike, _Listing] = {}
        self._hidden: set[Bike] = set()
        self._counts = [[0] * 8 for _ in engine.stations]
        self._status: list[Status | None] = [None] * len(engine.stations)
        self._attributes: list[Attributes | None] = [None] * len(engine.stations)
        self._rated: dict[Bike, tuple[int, str]] = {}
        """The last rating's time as text: to word it costs more than all the rest of a bike."""

    def change_set(self, hidden: set[Bike]) -> tuple[ChangeSet, Counts]:
        """What a snapshot of this moment says anew, which leaves these bikes out. It is the last one then."""
        engine, changes = self._engine, ChangeSet()
        is_first = self._status[0] is None
        touched = engine.touched | hidden | self._hidden
        for bike in sorted(touched, key=attrgetter("name")):
            change = self._bike(bike, None if bike in hidden else bike.station)
            if change is not None:
                changes.bikes.append(change)
        for index in sorted(engine.dirty):
            self._station(engine.stations[index], is_first, changes)
        self._hidden = hidden
        engine.touched.clear()
        engine.dirty.clear()
        return changes, Counts(len(engine.stations), 0, 0, len(self._listings), 0, 0)

    def content(self) -> Content:
        """All that the last snapshot said."""
        bikes = {bike.name: (listing.station.code, listing.seen) for bike, listing in self._listings.items()}
        return Content(bikes, list(self._status), list(self._attributes))

    def back_to(self, earlier: Content) -> tuple[ChangeSet, Counts]:
        """What a snapshot would say anew that says just what an earlier one said. Nothing is noted of it here."""
        changes, now = ChangeSet(), self.content()
        for name in sorted(now.bikes.keys() | earlier.bikes.keys()):
            was, again = now.bikes.get(name), earlier.bikes.get(name)
            if again is not None and again != was:
                changes.bikes.append(BikeChange(name, True, *again))
            elif again is None and was is not None:
                changes.bikes.append(BikeChange(name, False, was[0], None))
        for station in self._engine.stations:
            status, attributes = earlier.status[station.index], earlier.attributes[station.index]
            if status != now.status[station.index]:
                changes.stations.append(StationChange(station.code, True, False, status))
            if attributes is not None and attributes != now.attributes[station.index]:
                changes.attributes.append(AttributeChange(station.code, attributes))
        return changes, Counts(len(self._engine.stations), 0, 0, len(earlier.bikes), 0, 0)

    def _bike(self, bike: Bike, here: Station | None) -> BikeChange | None:
        before = self._listings.get(bike)
        seen = None if here is None else self._seen(bike, here)
        if before is not None:
            if before.station is here and before.seen == seen:
                return None
            self._count(before.station, before.counted, -1)
        if here is None or seen is None:
            if before is None:
                return None
            del self._listings[bike]
            return BikeChange(bike.name, False, before.station.code, None)
        listing = self._listings[bike] = _Listing(here, seen, _counts_for(bike, here))
        self._count(here, listing.counted, 1)
        return BikeChange(bike.name, True, here.code, seen)

    def _count(self, station: Station, what: Iterable[int], by: int) -> None:
        counts = self._counts[station.index]
        for each in what:
            counts[each] += by
        self._engine.dirty.add(station.index)

    def _station(self, station: Station, is_first: bool, changes: ChangeSet) -> None:
        index, counts = station.index, self._counts[station.index]
        new_status = _status(station, counts)
        if new_status != self._status[index]:
            self._status[index] = new_status
            changes.stations.append(StationChange(station.code, True, is_first, new_status))
        known = self._attributes[index]
        active = _active(station, counts)
        if known is None or (known.state, known.kiosk_state, known.overflow_activation) != (
            station.state,
            station.kiosk,
            active,
        ):
            self._attributes[index] = attributes = _attributes(station, active)
            changes.attributes.append(AttributeChange(station.code, attributes))

    def _seen(self, bike: Bike, station: Station) -> BikeSeen:
        """The bike as the loader reads it."""
        cause = bike.cause
        values = (
            bike.name,
            bike.electric,
            AVAILABLE if cause is None else BLOCKED,
            str(bike.dock),
            None if bike.index % 29 == 5 else bike.battery,
            bike.rate,
            0 if bike.rate is None else bike.rates,
            None if bike.rate is None else self._rated_at(bike),
            cause if cause is not None else (None if station.omits_cause else ""),
            None,
            None,
        )
        return _new(BikeSeen, values)

    def _rated_at(self, bike: Bike) -> str:
        known = self._rated.get(bike)
        if known is None or known[0] != bike.last_rated:
            text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(bike.last_rated))
            known = self._rated[bike] = (bike.last_rated, text)
        return known[1]


def _counts_for(bike: Bike, station: Station) -> tuple[int, ...]:
    cause = bike.cause
    if cause is None:
        condition: tuple[int, ...] = (ELECTRIC,) if bike.electric else (MECHANICAL,)
    elif cause in TO_COLLECT_CAUSES:
        condition = (TO_COLLECT,)
    else:
        condition = () if cause == FLAT_BATTERY else (TO_FIX,)
    if bike.dock > station.capacity:
        return (*condition, ELECTRIC_OVERFLOW if bike.electric else OVERFLOW)
    return (*condition, TAKEN, PLAIN_TAKEN) if bike.dock <= station.plain_docks else (*condition, TAKEN)


def _status(station: Station, counts: list[int]) -> Status:
    mechanical, electric, overflow, electric_overflow, taken, plain_taken, collect, fix = counts
    values = (
        station.state,
        mechanical + electric,
        mechanical,
        electric,
        station.plain_docks - plain_taken,
        station.edocks - taken + plain_taken,
        station.plain_docks,
        station.edocks,
        overflow,
        electric_overflow,
        None if station.omits_counts else collect,
        None if station.omits_counts else fix,
        station.density,
        None,
        None,
    )
    return _new(Status, values)


def _active(station: Station, counts: list[int]) -> str:
    if not station.overflows:
        return "no"
    return "yes" if counts[TAKEN] == station.capacity or counts[OVERFLOW] or counts[ELECTRIC_OVERFLOW] else "no"


def _attributes(station: Station, active: str) -> Attributes:
    """Of what is in it only the state, the kiosk and the overflow ever change."""
    values = (
        station.name,
        station.latitude,
        station.longitude,
        station.plain_docks + station.edocks,
        station.state,
        station.station_type,
        "yes",
        None,
        None,
        station.max_overflow,
        station.credit_card,
        station.kiosk,
        "yes" if station.overflows else "no",
        active,
        None if station.omits_counts else station.is_high,
    )
    return _new(Attributes, values)
