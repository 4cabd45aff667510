"""The operator's people: trucks that rebalance, the workshop's vans, battery swappers, and stations that close.

How many there are follows from the fleet: their paces were set so that a Paris of 15,000 bikes moves some 4,000 bikes
a day by truck and collects some 300 broken ones, and so that the share of blocked bikes stays level from day to day.
"""

from __future__ import annotations

from datetime import datetime

from velib.simulator.chance import below, between, exponential, lognormal, pick, stream
from velib.simulator.config import PARIS
from velib.simulator.engine import Engine
from velib.simulator.fleet import FLAT_BATTERY, TO_COLLECT_CAUSES
from velib.simulator.network import OPERATIVE, Bike, Station
from velib.simulator.truth import Kind

BIKES_PER_TRUCK = 1_000
BIKES_PER_VAN = 2_500
BIKES_PER_SWAPPER = 500
WAITS_SECONDS = 30 * 3_600
"""So long a broken bike stands before a van comes for it."""
LOW_PERCENT = 35
"""Below it a battery is swapped."""
LOOKED_AT = 40
"""A dispatcher compares so many stations, not all: the choice is good, not perfect."""
CLOSURES_PER_STATION_AND_DAY = 0.02
PASSING_STATES = ("Close", "Close", "Close", "Work in progress", "Neutralised")
KIOSK_CHANGES_PER_STATION_AND_DAY = 0.02


def is_working_time(now: int, first: int, last: int) -> bool:
    """Whether it is between these hours in Paris."""
    return first <= datetime.fromtimestamp(now, PARIS).hour < last


class Operations:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._rng = stream(engine.config.seed, "operations")

    def start(self, now: int) -> None:
        """Send everybody out, at different minutes."""
        rng, bikes = self._rng, len(self.engine.bikes)
        for handler, each in (
            (self._truck, BIKES_PER_TRUCK),
            (self._van, BIKES_PER_VAN),
            (self._swapper, BIKES_PER_SWAPPER),
        ):
            for _ in range(max(1, round(bikes / each))):
                self.engine.at(now + below(rng, 1_200), handler)
        self._schedule_closure(now)
        self._schedule_kiosk(now)
        for station in self.engine.stations:
            if station.state == "Work in progress":  # it opens one day; other closed stations stay as they are
                self.engine.at(now + int(between(rng, 0.2, 20) * 86_400), self._reopen, station)

    # -- trucks

    def _truck(self, now: int, _: None) -> None:
        rng = self._rng
        if not is_working_time(now, 6, 23) and rng.random() < 0.8:
            self.engine.at(now + 1_800 + below(rng, 1_800), self._truck)
            return
        looked_at = [pick(rng, self.engine.stations) for _ in range(LOOKED_AT)]
        fullest = max(looked_at, key=lambda s: (len(self._movable(s, now)) / s.capacity, s.index))
        emptiest = min(looked_at, key=lambda s: (1 - len(s.free) / s.capacity if s.is_open else 2, s.index))
        load = self._movable(fullest, now)[: 5 + below(rng, 16)]
        load = load[: len(emptiest.free)]
        if len(load) < 5 or fullest is emptiest or not emptiest.is_open:
            self.engine.at(now + 600, self._truck)
            return
        arrival = now + 400 + below(rng, 500) + int(fullest.distance_m(emptiest) * 1.4 / (20 / 3.6))
        for bike in load:
            number = self.engine.depart(bike, Kind.rebalancing, now)
            self.engine.at(arrival, self.engine.arrive, (number, bike, emptiest, None))
        self.engine.at(arrival + 300 + below(rng, 900), self._truck)

    @staticmethod
    def _movable(station: Station, now: int) -> list[Bike]:
        if not station.is_open:
            return []
        return [bike for bike in station.bikes if bike.held_until < now and bike.cause is None]

    # -- the workshop

    def _van(self, now: int, _: None) -> None:
        rng = self._rng
        if is_working_time(now, 6, 20):
            # those that wait longest go first, all of one station at once
            waiting = sorted(self.engine.to_collect.items(), key=lambda item: (item[1], item[0].index))
            first = next((bike.station for bike, since in waiting if now - since > WAITS_SECONDS), None)
            for bike in [bike for bike, _ in waiting if bike.station is first and bike.held_until < now]:
                self._collect(bike, int(min(max(lognormal(rng, 30, 0.7), 7), 120) * 3_600), now)
            if rng.random() < 0.4:
                self._collect_flat(now)
        self.engine.at(now + 500 + below(rng, 700), self._van)

    def _collect_flat(self, now: int) -> None:
        """Electric bikes with an empty battery that nobody swapped go to be charged, for some hours."""
        station = pick(self._rng, self.engine.stations)
        for bike in list(station.bikes):
            if bike.battery is not None and bike.battery < 25 and bike.held_until < now:
                self._collect(bike, int(between(self._rng, 2, 8) * 3_600), now)

    def _collect(self, bike: Bike, seconds: int, now: int) -> None:
        back = now + seconds
        if not is_working_time(back, 6, 22):
            back += 8 * 3_600
        number = self.engine.depart(bike, Kind.maintenance, now)
        self.engine.at(back, self._bring_back, (number, bike))

    def _bring_back(self, now: int, movement: tuple[int, Bike]) -> None:
        number, bike = movement
        stations = [pick(self._rng, self.engine.stations) for _ in range(5)]
        station = max(stations, key=lambda s: (len(s.free) if s.is_open else -1, s.index))
        self.engine.release(bike)
        if bike.battery is not None:
            bike.battery = 92 + below(self._rng, 9)
        self.engine.arrive(now, (number, bike, station, None))

    # -- repairs at the station

    def _swapper(self, now: int, _: None) -> None:
        """Goes where most batteries are low, swaps them, and mends on the spot what can be mended so."""
        rng = self._rng
        if is_working_time(now, 6, 21):
            looked_at = [pick(rng, self.engine.stations) for _ in range(LOOKED_AT)]
            neediest = max(looked_at, key=lambda s: (self._urgency(s), s.index))
            for bike in neediest.bikes:
                if self._needs_swap(bike):
                    bike.battery = 95 + below(rng, 6)
                    if bike.cause == FLAT_BATTERY:
                        self.engine.release(bike)
                    self.engine.changed(bike)
                if bike.cause is not None and bike.cause not in TO_COLLECT_CAUSES and rng.random() < 0.5:
                    self.engine.release(bike)
        self.engine.at(now + 420 + below(rng, 600), self._swapper)

    @staticmethod
    def _needs_swap(bike: Bike) -> bool:
        return bike.battery is not None and bike.battery < LOW_PERCENT

    @staticmethod
    def _urgency(station: Station) -> int:
        """A blocked bike counts three times a low battery. In one expression: it looks at a tenth of the city a minute."""
        return sum(
            [
                3 if bike.cause == FLAT_BATTERY else 1
                for bike in station.bikes
                if bike.battery is not None and (bike.battery < LOW_PERCENT or bike.cause == FLAT_BATTERY)
            ]
        )

    # -- stations

    def _schedule_closure(self, now: int) -> None:
        mean = 86_400 / (CLOSURES_PER_STATION_AND_DAY * len(self.engine.stations))
        self.engine.at(now + 1 + int(exponential(self._rng, mean)), self._close)

    def _close(self, now: int, _: None) -> None:
        rng = self._rng
        station = pick(rng, self.engine.stations)
        if station.is_open:
            station.state = pick(rng, PASSING_STATES)
            self.engine.dirty.add(station.index)
            reopened = now + int(min(max(lognormal(rng, 5_400, 0.9), 600), 172_800))
            self.engine.at(reopened, self._reopen, station)
        self._schedule_closure(now)

    def _reopen(self, _: int, station: Station) -> None:
        station.state = OPERATIVE
        self.engine.dirty.add(station.index)

    def _schedule_kiosk(self, now: int) -> None:
        mean = 86_400 / (KIOSK_CHANGES_PER_STATION_AND_DAY * len(self.engine.stations))
        self.engine.at(now + 1 + int(exponential(self._rng, mean)), self._kiosk)

    def _kiosk(self, now: int, _: None) -> None:
        station = pick(self._rng, self.engine.stations)
        station.kiosk = "no" if station.kiosk == "yes" else "yes"
        self.engine.dirty.add(station.index)
        self._schedule_kiosk(now)
