"""The customers: they take a bike where they are, ride, put it back, sometimes rate it, and find out what is broken."""

from __future__ import annotations

from velib.simulator.chance import below, between, moments, pick, stream
from velib.simulator.demand import ROUND_TRIP_SHARE, Demand, Purpose
from velib.simulator.engine import FLAT_PERCENT, Engine
from velib.simulator.fleet import FLAT_BATTERY, TO_COLLECT_CAUSES, TO_FIX_CAUSES
from velib.simulator.network import Bike, Station
from velib.simulator.truth import Kind

ELECTRIC_PREFERRED = 0.6
"""Share of the riders who take an electric bike where there is one."""
WALK_M = 400
"""So far a rider walks to another station when the first has no bike."""
BREAKS = 0.005
"""Chance that a ride leaves the bike broken: at the workshop's pace some 4 % of the bikes stand blocked."""
RETURNS_FAULTY = 0.9
"""Chance that a rider who got a broken bike puts it back within minutes."""
REPORTS_FAULTY = 0.5
"""Chance that such a return blocks the bike."""
CHANGES_MIND = 0.008
"""Share of rides given up at once though the bike is well."""
RATES = 0.15
"""Share of rides that are rated."""
KEEPS_LONG = 0.0004
"""Share of rides on which the bike is not put back for hours."""
BATTERY_PER_KM = 1.7


class Riders:
    """Rides as they come, minute by minute."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.demand = Demand(engine.stations, len(engine.bikes), engine.config.seed)
        self.turned_away = 0
        """Riders who found no bike."""
        self._rng = stream(engine.config.seed, "riders")

    def start(self, now: int) -> None:
        self.engine.at(now, self._minute)

    def _minute(self, now: int, _: None) -> None:
        for purpose, expected in zip(Purpose, self.demand.per_minute(now), strict=True):
            for when in moments(self._rng, now, 60, expected):
                self.engine.at(when, self._ride, purpose)
        self.engine.at(now + 60, self._minute)

    def _ride(self, now: int, purpose: Purpose) -> None:
        rng = self._rng
        origin = self.demand.origin(rng, purpose)
        bike = self._choose(origin, now)
        if bike is None:
            for near in origin.neighbours[:3]:
                if origin.distance_m(near) < WALK_M and (bike := self._choose(near, now)) is not None:
                    origin = near
                    break
            else:
                self.turned_away += 1
                return
        assert bike is not None
        if rng.random() < (RETURNS_FAULTY if bike.faulty else CHANGES_MIND):
            # under 300 s: the design's threshold for a boomerang
            arrival = now + 40 + below(rng, 240)
            number = self.engine.depart(bike, Kind.boomerang, now)
            self.engine.at(arrival, self.engine.arrive, (number, bike, origin, self._put_back))
            return
        if rng.random() < ROUND_TRIP_SHARE[purpose]:
            kind, goal, seconds = Kind.round_trip, origin, self.demand.round_seconds(rng)
            km = between(rng, 0.3, 0.9) * seconds / 3600 * 12
        else:
            kind, goal = Kind.trip, self.demand.goal(rng, purpose, origin)
            seconds = self.demand.ride_seconds(rng, origin, goal, bike.electric)
            km = origin.distance_m(goal) * 1.25 / 1000
        if rng.random() < KEEPS_LONG:
            seconds += int(between(rng, 10_800, 40_000))
        number = self.engine.depart(bike, kind, now)
        if bike.battery is not None:
            bike.battery = max(1, bike.battery - round(km * BATTERY_PER_KM * between(rng, 0.6, 1.5)))
        self.engine.at(now + seconds, self.engine.arrive, (number, bike, goal, self._ridden))

    def _choose(self, station: Station, now: int) -> Bike | None:
        """The better rated of two bikes that may be taken, of the kind the rider likes where there is one."""
        if not station.is_open:
            return None
        bikes = [bike for bike in station.bikes if bike.cause is None and bike.held_until < now]
        if not bikes:
            return None
        electric = self._rng.random() < ELECTRIC_PREFERRED
        liked = [bike for bike in bikes if bike.electric is electric] or bikes
        one, other = pick(self._rng, liked), pick(self._rng, liked)
        return one if (one.rate or 3) >= (other.rate or 3) else other

    def _put_back(self, now: int, bike: Bike) -> None:
        if bike.faulty and self._rng.random() < REPORTS_FAULTY:
            self.engine.block(bike, self._cause(), now)

    def _ridden(self, now: int, bike: Bike) -> None:
        rng = self._rng
        if rng.random() < RATES:
            bike.rates += 1
            bike.rate = 1 + below(rng, 2) if bike.faulty else 1 + max(below(rng, 5), below(rng, 4))
            bike.last_rated = now
        if rng.random() < BREAKS:
            bike.faulty = True
            if rng.random() < 0.3:
                self.engine.block(bike, self._cause(), now)
        if bike.battery is not None and bike.battery < FLAT_PERCENT and bike.cause is None:
            self.engine.block(bike, FLAT_BATTERY, now)

    def _cause(self) -> str:
        return pick(self._rng, TO_COLLECT_CAUSES if self._rng.random() < 0.6 else TO_FIX_CAUSES)
