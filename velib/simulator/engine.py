"""The clock of the city and the only two ways a bike changes place: `take` and `put`.

Who moves bikes, and why, is in `riders` and `operations`; both schedule their doings here. Events run in the order of
their time, those of one second in the order in which they were scheduled, so a run depends on nothing but its config.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

from velib.simulator.chance import Weighted, below, pick, stream
from velib.simulator.config import CityConfig
from velib.simulator.fleet import AVAILABLE, BLOCKED, FLAT_BATTERY, TO_FIX_CAUSES, build_fleet
from velib.simulator.network import Bike, Station, build_network
from velib.simulator.truth import Kind, Truth

Handler = Callable[[int, Any], None]
WALKING_M_PER_S = 3.0
"""How fast a rider reaches the next station when the first is full."""
FLAT_PERCENT = 8
"""Below it an electric bike blocks itself."""


class Engine:
    """Bikes, stations, the truth, and the events to come."""

    def __init__(self, config: CityConfig) -> None:
        self.config = config
        self.stations = build_network(config)
        self.bikes = build_fleet(config)
        self.truth = Truth(self.bikes, self.stations)
        self.dirty: set[int] = set(range(len(self.stations)))
        """Indexes of stations whose entry in the feed has changed since somebody last emptied this set."""
        self.touched: set[Bike] = set(self.bikes)
        """Bikes that have moved or changed since somebody last emptied this set."""
        self.to_collect: dict[Bike, int] = {}
        """Blocked bikes that wait for the workshop's van, with the time from which on."""
        self.now = 0
        self._events: list[tuple[int, int, Handler, Any]] = []
        self._order = count()
        self._docking = stream(config.seed, "docking")

    # -- the clock

    def at(self, when: int, handler: Handler, subject: Any = None) -> None:
        """Have `handler(when, subject)` called at that time."""
        heapq.heappush(self._events, (when, next(self._order), handler, subject))

    def advance(self, until: int) -> None:
        """Let everything happen up to and including that second."""
        events = self._events
        while events and events[0][0] <= until:
            when, _, handler, subject = heapq.heappop(events)
            self.now = when
            handler(when, subject)
        self.now = until

    # -- places

    def populate(self, rng: Random, now: int) -> None:
        """Spread the fleet over the stations as at night: more of it where people live."""
        where = Weighted(s.capacity * (0.3 + s.home) if s.is_open else 0.0 for s in self.stations)
        for bike in self.bikes:
            station = self.stations[where.draw(rng)]
            while not station.has_room():
                station = pick(rng, self.stations)
            self.put(bike, station, now)
            if bike.cause is not None and bike.cause not in TO_FIX_CAUSES:
                self.to_collect[bike] = now - below(rng, 120_000)

    def take(self, bike: Bike) -> Station:
        """Take a bike out of its station."""
        station = bike.station
        assert station is not None, f"bike {bike.name} is in no station"
        station.bikes.remove(bike)
        (station.free if bike.dock <= station.capacity else station.free_overflow).append(bike.dock)
        bike.station = None
        bike.json = None
        self.to_collect.pop(bike, None)
        self.dirty.add(station.index)
        self.touched.add(bike)
        return station

    def put(self, bike: Bike, station: Station, now: int, overflow: bool = False) -> None:
        """Put a bike into some free dock of a station, or into its overflow."""
        free = station.free_overflow if overflow else station.free
        last = free.pop()
        if free:  # any free dock is as good as another: swap, then pop, to stay O(1)
            i = below(self._docking, len(free) + 1)
            if i < len(free):
                free[i], last = last, free[i]
        bike.dock = last
        bike.station = station
        bike.since = now
        bike.json = None
        station.bikes.append(bike)
        self.dirty.add(station.index)
        self.touched.add(bike)

    def changed(self, bike: Bike) -> None:
        """A bike changed where it stands."""
        bike.json = None
        self.touched.add(bike)
        if bike.station is not None:
            self.dirty.add(bike.station.index)

    def open_station_near(self, station: Station) -> Station:
        """The nearest station with room, else any with room, else one whose overflow has some."""
        for other in station.neighbours:
            if other.has_room():
                return other
        return max(self.stations, key=lambda s: (s.is_open, len(s.free), len(s.free_overflow)))

    # -- movements

    def depart(self, bike: Bike, kind: Kind, now: int) -> int:
        """A bike leaves its station: the number of its movement."""
        return self.truth.open(bike, self.take(bike), now, kind)

    def arrive(self, now: int, movement: tuple[int, Bike, Station, Handler | None]) -> None:
        """A bike reaches a station; where that has no room it goes on to the next one."""
        number, bike, station, after = movement
        overflow = False
        if not station.has_room():
            overflow = station.is_open and bool(station.free_overflow) and self._docking.random() < 0.35
            if not overflow:
                other = self.open_station_near(station)
                if other.has_room():
                    later = now + 45 + int(station.distance_m(other) / WALKING_M_PER_S)
                    self.at(later, self.arrive, (number, bike, other, after))
                    return
                if not other.free_overflow:  # not a dock left in the whole city: ride round the block
                    self.at(now + 300, self.arrive, movement)
                    return
                station, overflow = other, True
        self.put(bike, station, now, overflow)
        self.truth.close(number, station, now)
        if after is not None:
            after(now, bike)

    # -- states of bikes

    def block(self, bike: Bike, cause: str, now: int) -> None:
        """A bike turns `indisponible`."""
        bike.cause = cause
        bike.faulty = False
        if cause != FLAT_BATTERY and cause not in TO_FIX_CAUSES:
            self.to_collect[bike] = now
        self.changed(bike)

    def release(self, bike: Bike) -> None:
        """A bike is well again."""
        bike.cause = None
        bike.faulty = False
        self.to_collect.pop(bike, None)
        self.changed(bike)


def status(bike: Bike) -> str:
    """The bike's status as the feed words it."""
    return AVAILABLE if bike.cause is None else BLOCKED
