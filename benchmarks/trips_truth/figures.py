"""The figures: counts and shares of a comparison, errors of the estimates, sweeps of the thresholds, what a gap costs."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import NamedTuple

from benchmarks.trips_truth import rules
from benchmarks.trips_truth.matching import Comparison, Fate, Match, Row, Verdict, compare
from benchmarks.trips_truth.observer import observable, sights
from benchmarks.trips_truth.rules import DEFAULTS, Thresholds
from benchmarks.trips_truth.truth import World, parted, to_be_found

TYPES = ("trip", "round_trip", "boomerang", "rebalancing", "maintenance", "long", "flicker")
"""The true types; fct_trips has `gap` and `implausible` besides."""


@dataclass(frozen=True)
class Watched:
    """One world as a collector saw it at one cadence, and what the mart made of it."""

    minutes: int
    world: World = field(repr=False)
    times: Sequence[int] = field(repr=False)
    comparison: Comparison = field(repr=False)
    observable: int
    """True movements that a perfect observer of these snapshots could see."""
    in_brackets: int
    """Those of them that have a row of their stations with both true times in its brackets."""
    true_counts: Counter[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "true_counts", Counter(m.true_type for m, _, _ in self.comparison.fates))

    @property
    def matches(self) -> list[Match]:
        return self.comparison.matches


def watched(minutes: int, world: World, times: Sequence[int], rows: Sequence[Row]) -> Watched:
    """Compare; the rules written here are held against the mart's on the way."""
    rules.check(rows)
    comparison = compare(world, rows, to_be_found(world, times))
    rows_of: dict[tuple[str, int], Row] = {(row.bike_id, row.first_seen): row for row in rows}
    seen = found = 0
    for movement, brackets in observable(world, times):
        seen += 1
        row = rows_of.get((movement.bike_id, brackets.first_seen))
        found += row is not None and row.holds(movement)
    return Watched(minutes, world, times, comparison, seen, found)


def share(part: int, whole: int) -> float:
    """A share; of nothing it is 1, since nothing is wrong."""
    return part / whole if whole else 1.0


# -- what is found


def recall(seen: Watched, true_type: str) -> float:
    """The share of the true movements of a type that have a row of their own, whatever its type."""
    fates = seen.comparison.fates
    return share(
        sum(fate is Fate.FOUND for movement, fate, _ in fates if movement.true_type == true_type),
        seen.true_counts[true_type],
    )


def recall_of_type(seen: Watched, true_type: str) -> float:
    """The share of the true movements of a type that have a row of their own and of this type."""
    return share(
        sum(
            fate is Fate.FOUND and row is not None and row.trip_type == true_type
            for movement, fate, row in seen.comparison.fates
            if movement.true_type == true_type
        ),
        seen.true_counts[true_type],
    )


def precision(seen: Watched, trip_type: str) -> float:
    """The share of the rows of a type that are one true movement of that type."""
    own = [match for match in seen.matches if match.row.trip_type == trip_type]
    return share(sum(match.truth == trip_type for match in own), len(own))


def fates(seen: Watched) -> Counter[Fate]:
    return Counter(fate for _, fate, _ in seen.comparison.fates)


def verdicts(seen: Watched) -> Counter[Verdict]:
    return Counter(match.verdict for match in seen.matches)


class Customers(NamedTuple):
    """Rides: what is_customer_trip says of them."""

    true: int
    rows: int
    right: int
    """Rows that say so and are one true ride."""
    merged: int
    """Rows that say so and are several true movements, rides of customers all of them."""

    @property
    def recall(self) -> float:
        return share(self.right, self.true)

    @property
    def precision(self) -> float:
        return share(self.right, self.rows)


def customers(seen: Watched) -> Customers:
    own = [match for match in seen.matches if match.row.is_customer_trip]
    return Customers(
        sum(movement.is_customer for movement, _, _ in seen.comparison.fates),
        len(own),
        sum(match.verdict is Verdict.MOVEMENT and match.movements[0].is_customer for match in own),
        sum(match.verdict is Verdict.MERGED and all(m.is_customer for m in match.movements) for match in own),
    )


def confusion(seen: Watched) -> Counter[tuple[str, str]]:
    """(what a row truly is, its trip_type): how many rows."""
    return Counter((match.truth, match.row.trip_type) for match in seen.matches)


# -- how exact the times are


class Errors(NamedTuple):
    """An estimate minus the truth, in seconds."""

    bias: float
    median_absolute: float
    p95_absolute: float


def errors(differences: Sequence[float]) -> Errors:
    absolute = sorted(map(abs, differences))
    return Errors(fmean(differences), median(absolute), absolute[int(0.95 * (len(absolute) - 1))])


Estimate = Callable[[Row], tuple[float, float]]


def at(departure: float, arrival: float) -> Estimate:
    """The estimate at these shares of the two brackets."""
    return lambda row: (
        row.last_seen + departure * (row.first_missing - row.last_seen),
        row.last_missing + arrival * (row.first_seen - row.last_missing),
    )


THE_MART_S: Estimate = lambda row: (row.departed, row.arrived)  # noqa: E731 (one estimate among others)
ESTIMATES: list[tuple[str, Estimate]] = [
    ("fct_trips", THE_MART_S),
    ("first and last sighting (start, end)", at(0, 1)),
    ("first and last absence (end, start)", at(1, 0)),
    ("both starts", at(0, 0)),
    ("both ends", at(1, 1)),
]
ESTIMATES_OF_ONE_BRACKET: list[tuple[str, Estimate]] = [
    ("a quarter, three quarters (fct_trips)", THE_MART_S),
    ("a third, two thirds", at(1 / 3, 2 / 3)),
    ("a fifth, four fifths", at(0.2, 0.8)),
    ("the middle, both", at(0.5, 0.5)),
    ("its start and end", at(0, 1)),
]


def has_one_bracket(row: Row) -> bool:
    """Departure and arrival lie between the same two snapshots."""
    return (row.last_seen, row.first_missing) == (row.last_missing, row.first_seen)


def rides(seen: Watched, wanted: Callable[[Row], bool] = lambda row: True) -> list[Match]:
    """The rows that are one ride of a customer."""
    return [
        match
        for match in seen.matches
        if match.verdict is Verdict.MOVEMENT and match.movements[0].is_customer and wanted(match.row)
    ]


def errors_of(matches: Iterable[Match], estimate: Estimate) -> tuple[Errors, Errors, Errors]:
    """Of departures, arrivals and durations."""
    departures, arrivals, durations = [], [], []
    for match in matches:
        departed, arrived = estimate(match.row)
        movement = match.movements[0]
        assert movement.arrived is not None
        departures.append(departed - movement.departed)
        arrivals.append(arrived - movement.arrived)
        durations.append(arrivals[-1] - departures[-1])
    return errors(departures), errors(arrivals), errors(durations)


# -- the rules


class Sweep(NamedTuple):
    """A rule, the threshold to vary, and the truths for which it is meant."""

    title: str
    rule: int
    """Its number in rules.RULES."""
    threshold: str | None
    values: tuple[float, ...]
    meant: tuple[str, ...]


SWEEPS = [
    Sweep("flicker: away at most … seconds", 0, "flicker_seconds", (60, 120, 180, 300, 600, 1800), ("flicker",)),
    Sweep("maintenance: away at least … hours", 1, "maintenance_seconds", (6, 12, 24, 36), ("maintenance",)),
    Sweep("maintenance: blocked, then not", 2, None, (), ("maintenance",)),
    Sweep("maintenance: battery + … points", 3, "maintenance_battery_points", (2, 5, 10, 20, 50), ("maintenance",)),
    Sweep("rebalancing: at least … bikes", 4, "rebalancing_bikes", (2, 3, 4, 5), ("rebalancing",)),
    Sweep("long: over … hours", 6, "long_seconds", (1, 2, 3, 4), ("long",)),
    Sweep("boomerang: at most … seconds", 7, "boomerang_seconds", (180, 240, 300, 330, 600, 900), ("boomerang",)),
]
IMPLAUSIBLE = Sweep("over … km/h", 5, "implausible_kmh", (15, 20, 25, 30, 40), ("phantom", "wrong"))
"""It is meant for what did not happen, so it is judged in the faulty feed."""
IN_HOURS = ("maintenance_seconds", "long_seconds")


class Caught(NamedTuple):
    """What a rule takes: what it is meant for, other movements, merged ones; and what of the former passes it by."""

    right: int
    wrong: int
    merged: int
    missed: int


def swept(seen: Watched, sweep: Sweep, value: float | None) -> Caught:
    thresholds = DEFAULTS
    if sweep.threshold is not None and value is not None:
        seconds = value * 3600 if sweep.threshold in IN_HOURS else value
        # a snapshot may be a few seconds late: 120 s are two minutes
        jitter = 5 if sweep.threshold == "flicker_seconds" and value != DEFAULTS.flicker_seconds else 0
        thresholds = DEFAULTS._replace(**{sweep.threshold: seconds + jitter})
    return _caught(rules.caught_by(seen.matches, sweep.rule, thresholds), sweep.meant)


def _caught(found: rules.Caught, meant: Iterable[str]) -> Caught:
    right = sum(found.caught[name] for name in meant)
    merged = found.caught[Verdict.MERGED.value]
    total = sum(found.caught.values())
    return Caught(right, total - right - merged, merged, sum(found.of[name] for name in meant) - right)


def workshop_with_least_absence(seen: Watched, least_seconds: float) -> Caught:
    """The two rules that read status and battery, for bikes only that were away for so long at least."""

    def rule(row: Row, _: Thresholds) -> bool:
        signs = rules.was_repaired(row) or rules.was_charged(row)
        return rules.was_away_for_days(row) or (signs and row.duration_min >= least_seconds)

    found = rules.Caught(Counter(), Counter())
    for match in seen.matches:
        if match.row.has_gap or rules.is_flicker(match.row):
            continue
        found.of[match.truth] += 1
        if rule(match.row, DEFAULTS):
            found.caught[match.truth] += 1
    return _caught(found, ("maintenance",))


# -- gaps


class Bridged(NamedTuple):
    """The rows across the gaps of an archive."""

    rows: int
    single: int
    rides: int
    """Of those that are single: rides of customers."""


def across_gaps(world: World, times: Sequence[int], seconds: int, every: int = 6 * 3600) -> Bridged:
    """The movements across gaps of that length, put into an archive at regular times of day."""
    windows = []
    for start in range(times[0] + every // 2, times[-1] - seconds, max(every, 2 * seconds) + 3600):
        first = times[bisect_left(times, start)]
        windows.append((first, first + seconds))
    starts = [first for first, _ in windows]
    rows = single = customer = 0
    for sight in sights(world, parted(times, windows)):
        number = bisect_left(starts, sight.last_seen)
        if number < len(windows) and windows[number][1] <= sight.first_seen:
            rows += 1
            if len(sight.movements) == 1:
                single += 1
                customer += sight.movements[0].is_customer
    return Bridged(rows, single, customer)
