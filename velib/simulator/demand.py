"""When people ride, from where, where to, and how long it takes.

The curves are trips a minute in a city of 15,000 bikes, at each full hour, local time. They are estimates, held
against the changes of bike counts in the open data of 4 to 6 November 2024: where an hour has six pairs of files or more
(9 to 17, 20 and 21) its share agrees within about a quarter. Five pairs at 19 h show twice as much as here; 8 and 18 h,
nights and weekends have no such check.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from datetime import date, datetime, timedelta
from enum import IntEnum
from random import Random

from velib.simulator.chance import Weighted, between, lognormal, stream
from velib.simulator.config import PARIS
from velib.simulator.geography import distance_m
from velib.simulator.network import Station

BIKES_OF_THE_CURVES = 15_000


class Purpose(IntEnum):
    TO_WORK = 0
    TO_HOME = 1
    ERRAND = 2
    LEISURE = 3


WEEKDAY = (
    # 0h  1   2   3   4   5   6   7   8    9   10  11  12  13  14  15  16  17  18   19  20  21  22  23
    (0, 0, 0, 0, 1, 7, 24, 72, 130, 85, 30, 18, 12, 18, 12, 8, 6, 5, 4, 3, 2, 1, 0, 0),
    (6, 4, 2, 1, 1, 1, 2, 4, 6, 6, 8, 10, 24, 18, 14, 18, 36, 78, 105, 82, 52, 34, 24, 14),
    (10, 6, 4, 3, 2, 4, 8, 17, 25, 26, 30, 37, 54, 50, 46, 42, 40, 40, 44, 46, 44, 36, 24, 16),
    (6, 3, 2, 2, 1, 0, 1, 2, 4, 6, 9, 12, 16, 15, 16, 14, 14, 16, 22, 26, 30, 30, 24, 15),
)
SATURDAY = (
    (0, 0, 0, 0, 1, 3, 6, 8, 10, 10, 6, 4, 3, 3, 2, 1, 1, 1, 0, 0, 0, 0, 0, 0),
    (18, 14, 10, 7, 4, 2, 1, 1, 1, 2, 3, 4, 6, 7, 8, 9, 11, 13, 14, 13, 11, 10, 12, 14),
    (12, 9, 6, 4, 3, 3, 5, 8, 16, 28, 42, 52, 52, 46, 44, 46, 46, 46, 46, 42, 32, 24, 20, 16),
    (18, 15, 11, 8, 4, 2, 1, 2, 4, 8, 16, 24, 30, 36, 42, 46, 48, 46, 42, 40, 36, 34, 30, 26),
)
SUNDAY = (
    (0, 0, 0, 0, 1, 2, 3, 4, 4, 4, 3, 2, 2, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0),
    (22, 18, 13, 9, 6, 3, 1, 1, 1, 1, 2, 3, 4, 5, 6, 8, 11, 14, 15, 13, 10, 8, 6, 4),
    (12, 10, 7, 5, 3, 2, 3, 5, 9, 18, 34, 44, 40, 30, 28, 30, 32, 32, 30, 26, 20, 14, 10, 6),
    (22, 18, 13, 9, 5, 2, 1, 2, 4, 9, 18, 28, 34, 42, 52, 58, 58, 52, 42, 32, 24, 18, 14, 9),
)

KERNEL_KM = 1.05
"""Rides of this length are the likeliest choice among equally attractive goals; together with the goals' growing
number this gives a median of about 2.2 km as the crow flies and of 15 minutes."""
DETOUR = 1.25
"""Streets are that much longer than the straight line."""
SPEED_KMH = {False: (12.0, 14.5), True: (14.0, 16.0)}
"""Door to door, mechanical and electric."""
ROUND_TRIP_SHARE = {Purpose.TO_WORK: 0.002, Purpose.TO_HOME: 0.003, Purpose.ERRAND: 0.04, Purpose.LEISURE: 0.08}


def easter(year: int) -> date:
    """Easter Sunday (Gauss, in the form of Butcher's)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    month, day = divmod(h + m - 7 * ((a + 11 * h + 22 * m) // 451) + 114, 31)
    return date(year, month, day + 1)


def is_holiday(day: date) -> bool:
    """A French public holiday: the city behaves as on a Sunday."""
    if (day.month, day.day) in {(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)}:
        return True
    return (day - easter(day.year)) in {timedelta(days=n) for n in (1, 39, 50)}


def liking(metres: float) -> float:
    """How gladly people ride so far, from 0 to 1."""
    x = metres / 1000 / KERNEL_KM
    return x * math.exp(1 - x)


def _balanced(stations: list[Station], origins: list[float], goals: list[float]) -> list[float]:
    """Goal weights that bring each area its share of arrivals.

    Distance alone would draw everybody to the middle of the map, and the outskirts would run dry. Proportional
    fitting between areas (not stations: 63 are quick in plain Python, whose floats are the same on every machine)
    makes up for it.
    """
    areas = {station.area.prefix: station.area for station in stations}
    leaving, wanted = dict.fromkeys(areas, 0.0), dict.fromkeys(areas, 0.0)
    for station, origin, goal in zip(stations, origins, goals, strict=True):
        leaving[station.area.prefix] += origin
        wanted[station.area.prefix] += goal
    scale = sum(leaving.values()) / sum(wanted.values())
    pull = {
        a: {
            b: liking(
                distance_m(area.latitude, area.longitude, other.latitude, other.longitude)
                if a != b
                else 0.9 * area.radius_m
            )
            for b, other in areas.items()
        }
        for a, area in areas.items()
    }
    factors = dict.fromkeys(areas, 1.0)
    for _ in range(12):
        arriving = dict.fromkeys(areas, 0.0)
        for a, row in pull.items():
            weights = {b: factors[b] * wanted[b] * row[b] for b in areas}
            total = sum(weights.values())
            for b, weight in weights.items():
                arriving[b] += leaving[a] * weight / total
        for b in areas:
            factors[b] = min(max(factors[b] * wanted[b] * scale / arriving[b], 0.05), 20.0)
    return [goal * factors[station.area.prefix] for station, goal in zip(stations, goals, strict=True)]


class Demand:
    """Draws rides for one network."""

    def __init__(self, stations: list[Station], bikes: int, seed: int) -> None:
        self._stations = stations
        self._scale = bikes / BIKES_OF_THE_CURVES
        self._seed = seed
        self._curves_of_day: dict[date, tuple[tuple[float, ...], ...]] = {}
        home = [s.home for s in stations]
        work = [s.work for s in stations]
        fun = [s.leisure for s in stations]
        mix = [0.35 * h + 0.35 * w + 0.3 * f for h, w, f in zip(home, work, fun, strict=True)]
        out = [0.5 * h + 0.5 * f for h, f in zip(home, fun, strict=True)]
        # nobody rides uphill as gladly as down
        uphill = [0.9 if s.is_high else 1.0 for s in stations]
        goals = [[w * u for w, u in zip(weights, uphill, strict=True)] for weights in (work, home, mix, out)]
        origins = (home, work, mix, out)
        self._origins = [Weighted(weights) for weights in origins]
        self._goals = [Weighted(_balanced(stations, from_, to)) for from_, to in zip(origins, goals, strict=True)]
        # A ride tries some nine goals, and over days the same pairs of stations come again.
        self._likings: list[list[float | None]] = [[None] * len(stations) for _ in stations]

    def per_minute(self, epoch: int) -> tuple[float, ...]:
        """The expected number of departures in the minute from `epoch` on, by purpose."""
        local = datetime.fromtimestamp(epoch, PARIS)
        curves = self._curves(local.date())
        hour, share = local.hour, local.minute / 60
        following = (hour + 1) % 24
        return tuple((curve[hour] * (1 - share) + curve[following] * share) * self._scale for curve in curves)

    def _curves(self, day: date) -> tuple[tuple[float, ...], ...]:
        """The day's curves: those of its kind, times how the weather is that day."""
        if day not in self._curves_of_day:
            curves = WEEKDAY
            if day.weekday() == 6 or is_holiday(day):
                curves = SUNDAY
            elif day.weekday() == 5:
                curves = SATURDAY
            weather = min(lognormal(stream(self._seed, "weather", day), 1.0, 0.07), 1.15)
            self._curves_of_day[day] = tuple(tuple(weather * rate for rate in curve) for curve in curves)
        return self._curves_of_day[day]

    def origin(self, rng: Random, purpose: Purpose) -> Station:
        return self._stations[self._origins[purpose].draw(rng)]

    def goal(self, rng: Random, purpose: Purpose, origin: Station) -> Station:
        """Another station, attractive for the purpose and at a distance people ride (rejection sampling)."""
        goals, likings, here = self._goals[purpose], self._likings[origin.index], origin.index
        cumulated, total, random = goals.cumulated, goals.total, rng.random
        goal = here
        for _ in range(60):
            candidate = bisect_right(cumulated, random() * total)  # Weighted.draw, in line: this is what rides cost
            if candidate == here:
                continue
            goal = candidate
            likes = likings[goal]
            if likes is None:
                likes = likings[goal] = liking(origin.distance_m(self._stations[goal]))
            if random() < likes:
                break
        return self._stations[goal] if goal != here else origin.neighbours[0]

    def ride_seconds(self, rng: Random, origin: Station, goal: Station, electric: bool) -> int:
        """How long a ride between two stations takes, from undocking to docking."""
        slow, fast = SPEED_KMH[electric]
        riding = DETOUR * origin.distance_m(goal) / (between(rng, slow, fast) / 3.6)
        return int(riding * lognormal(rng, 1.0, 0.13) + between(rng, 40, 150))

    def round_seconds(self, rng: Random) -> int:
        """How long a ride takes that ends where it began."""
        return int(min(max(lognormal(rng, 1_900, 0.5), 600), 10_000))
