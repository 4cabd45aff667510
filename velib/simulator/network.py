"""Stations and bikes: what they are. Of the stations also where they stand, how many docks they have, what they are like.

A station also knows what stands in it now (`bikes`, `free` docks); moving bikes is the engine's business.
"""

from __future__ import annotations

import math
from random import Random

from velib.simulator.chance import below, between, lognormal, pick, stream
from velib.simulator.config import CityConfig
from velib.simulator.geography import AREAS, EXCEPTIONS, HILLS, METRES_PER_DEGREE, Area, distance_m
from velib.simulator.names import station_names

OPERATIVE = "Operative"
CLOSED_STATES = ("Close", "Work in progress", "Neutralised", "Dismantle")
DOCKS_PER_STATION = 31
"""The real network's mean capacity."""
DOCKS_PER_BIKE = 2.2
"""What a city gets at least: the real network has about 46,000 docks for its 15,000–19,000 bikes."""


class Bike:
    """One bike. `json` caches its text in the feed and is dropped whenever that changes."""

    __slots__ = (
        "battery", "cause", "dock", "electric", "faulty", "held_until", "index", "json", "last_rated", "name", "rate",
        "rates", "since", "station",
    )  # fmt: skip

    def __init__(self, index: int, name: str) -> None:
        self.index = index
        self.name = name
        self.electric = False
        self.battery: int | None = None
        self.cause: str | None = None
        """Why it is blocked; None: it is not."""
        self.faulty = False
        """Broken, though nobody has found out yet."""
        self.rate: int | None = None
        self.rates = 0
        self.last_rated = 0
        self.station: Station | None = None
        self.dock = 0
        self.since = 0
        self.held_until = 0
        """Nobody takes it until then: the feed is about to leave it out of one snapshot (a flicker)."""
        self.json: str | None = None

    def copy(self) -> Bike:
        """A double of it, for a feed that lists it twice."""
        twin = Bike(self.index, self.name)
        for field in Bike.__slots__:
            setattr(twin, field, getattr(self, field))
        twin.json = None
        return twin


class Station:
    """One station and what stands in it."""

    __slots__ = (
        "area", "bikes", "capacity", "code", "credit_card", "density", "due_date", "edocks", "free", "free_overflow",
        "home", "id", "index", "is_high", "kiosk", "latitude", "leisure", "longitude", "max_overflow", "name",
        "neighbours", "omits_bikes", "omits_cause", "omits_counts", "overflows", "plain_docks", "state",
        "station_type", "work",
    )  # fmt: skip

    def __init__(self, index: int, code: str, name: str, area: Area) -> None:
        self.index = index
        self.id = 0
        self.code = code
        self.name = name
        self.area = area
        self.state = OPERATIVE
        self.bikes: list[Bike] = []
        self.free: list[int] = []
        self.free_overflow: list[int] = []
        self.neighbours: list[Station] = []
        self.kiosk = "yes"

    @property
    def is_open(self) -> bool:
        return self.state == OPERATIVE

    def has_room(self) -> bool:
        return self.is_open and bool(self.free)

    def distance_m(self, other: Station) -> float:
        return distance_m(self.latitude, self.longitude, other.latitude, other.longitude)

    def place(self, rng: Random) -> None:
        """Put it somewhere in its area, evenly over the disc."""
        angle = between(rng, 0, 2 * math.pi)
        radius = self.area.radius_m * math.sqrt(rng.random()) / METRES_PER_DEGREE
        self.latitude = round(self.area.latitude + radius * math.sin(angle), 6)
        self.longitude = round(
            self.area.longitude + radius * math.cos(angle) / math.cos(math.radians(self.area.latitude)), 6
        )

    def equip(self, rng: Random, docks_per_station: float) -> None:
        """Give it docks, a character and the habits of its entry in the feed."""
        size = min(max(lognormal(rng, 0.95, 0.32), 0.45), 2.3)
        self.capacity = max(8, round(docks_per_station * size))
        # most stations of the real feed have electric docks only; the older ones have both
        self.plain_docks = 0 if rng.random() < 0.8 else below(rng, self.capacity // 2 + 1)
        self.edocks = self.capacity - self.plain_docks
        self.overflows = rng.random() < 0.55
        self.max_overflow = self.capacity if self.overflows else 0
        self.free = list(range(1, self.capacity + 1))
        self.free_overflow = list(range(self.capacity + 1, self.capacity + self.max_overflow + 1))
        popularity = size * lognormal(rng, 1.0, 0.35)
        self.home = self.area.home * popularity * lognormal(rng, 1.0, 0.2)
        self.work = self.area.work * popularity * lognormal(rng, 1.0, 0.2)
        self.leisure = self.area.leisure * popularity * lognormal(rng, 1.0, 0.5)
        self.is_high = self.area.prefix in HILLS and rng.random() < 0.7
        self.density = 1 + below(rng, 3)
        self.credit_card = "yes" if rng.random() < 0.4 else "no"
        self.kiosk = "yes" if rng.random() < 0.93 else "no"
        # opening days from January 2018 on, in epoch seconds at midnight UTC
        self.due_date = 1_514_764_800 + 86_400 * below(rng, 2_500)
        # the kinds are made up, the absences are those the real feed has
        self.station_type = None if rng.random() < 0.08 else ("STATION" if rng.random() < 0.9 else "STATION_PLUS")
        self.omits_bikes = rng.random() < 0.3
        self.omits_cause = rng.random() < 0.3
        self.omits_counts = rng.random() < 0.06


def _share_out(count: int) -> list[Area]:
    """The area of each of `count` stations, in the real network's proportions (largest remainders)."""
    total = sum(area.stations for area in AREAS)
    quotas = [area.stations * count / total for area in AREAS]
    counts = [int(quota) for quota in quotas]
    by_remainder = sorted(range(len(AREAS)), key=lambda i: (counts[i] - quotas[i], i))
    for i in by_remainder[: count - sum(counts)]:
        counts[i] += 1
    return [area for area, n in zip(AREAS, counts, strict=True) for _ in range(n)]


def _codes(rng: Random, areas: list[Area]) -> list[str]:
    """A code for each station, its number drawn within the area as the real ones are, with holes."""
    taken: set[int] = set(EXCEPTIONS)
    codes = []
    for area in areas:
        base, room = (area.prefix * 1000, 130) if area.prefix < 21 else (area.prefix * 100, 60)
        while True:
            room = min(room + 1, 999 if area.prefix < 21 else 99)
            code = base + 1 + below(rng, room)
            if code not in taken:
                break
        taken.add(code)
        codes.append(str(code))
    return codes


def _settle_neighbours(stations: list[Station], nearest: int = 8) -> None:
    """Each station's nearest others, found over a grid of about 600 m so that 1,485 stations take no time."""
    cells: dict[tuple[int, int], list[Station]] = {}
    for station in stations:
        cells.setdefault((int(station.latitude / 0.006), int(station.longitude / 0.009)), []).append(station)
    wanted = min(nearest, len(stations) - 1)
    for station in stations:
        row, column = int(station.latitude / 0.006), int(station.longitude / 0.009)
        reach = 1
        while True:
            near = [
                other
                for i in range(row - reach, row + reach + 1)
                for j in range(column - reach, column + reach + 1)
                for other in cells.get((i, j), ())
                if other is not station
            ]
            if len(near) >= wanted:
                break
            reach *= 2
        station.neighbours = sorted(near, key=lambda other: (station.distance_m(other), other.index))[:wanted]


def build_network(config: CityConfig) -> list[Station]:
    """The stations of a city, in the order in which the feed lists them."""
    rng = stream(config.seed, "network")
    areas = _share_out(config.stations)
    codes = _codes(rng, areas)
    # one temporary station, whose code is not a number: whoever reads codes as numbers falls over it at once
    relay = next((i for i, area in enumerate(areas) if area.prefix == 310), len(areas) - 1)
    areas[relay] = next(area for area in AREAS if area.prefix == 310)
    codes[relay] = "31024_relais"
    names = station_names(rng, config.stations)
    stations = [Station(0, *fields) for fields in zip(codes, names, areas, strict=True)]
    docks_per_station = max(DOCKS_PER_STATION, DOCKS_PER_BIKE * config.bikes / config.stations)
    for station in stations:
        station.place(rng)
        station.equip(rng, docks_per_station)
    stations[relay].station_type = None
    for i in range(len(stations) - 1, 0, -1):  # the feed's order is nobody's
        j = below(rng, i + 1)
        stations[i], stations[j] = stations[j], stations[i]
    for index, station in enumerate(stations):
        station.index = index
        station.id = 54_000_000 + index * 611 + below(rng, 600)
    _settle_neighbours(stations)
    _close_some(rng, stations)
    return stations


def _close_some(rng: Random, stations: list[Station]) -> None:
    """About 1.2 % of the stations are out of use from the start; a city large enough has each of the states."""
    count = round(0.012 * len(stations))
    if len(stations) >= 40:
        count = max(count, len(CLOSED_STATES))
    for i in range(count):
        station = pick(rng, stations)
        if station.is_open:
            station.state = CLOSED_STATES[i % len(CLOSED_STATES)]
