"""The rules for the type of a trip with other thresholds: what each would call right and wrong.

The rules of dbt_project/macros/figures/trips.sql, written once more so that thresholds can be tried without a build; that both
agree on every row is checked whenever this is used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from benchmarks.trips_truth.matching import Match, Row


class Thresholds(NamedTuple):
    """The defaults of dbt_project.yml."""

    flicker_seconds: float = 180
    maintenance_seconds: float = 86_400
    maintenance_battery_points: float = 10
    rebalancing_bikes: float = 3
    implausible_kmh: float = 30
    long_seconds: float = 10_800
    boomerang_seconds: float = 300


DEFAULTS = Thresholds()


def is_flicker(row: Row, thresholds: Thresholds = DEFAULTS) -> bool:
    return row.is_return and row.origin_dock == row.destination_dock and row.duration_max <= thresholds.flicker_seconds


def was_away_for_days(row: Row, thresholds: Thresholds = DEFAULTS) -> bool:
    return row.duration_min > thresholds.maintenance_seconds


def was_repaired(row: Row, thresholds: Thresholds = DEFAULTS) -> bool:
    return row.origin_status == "indisponible" and row.destination_status == "disponible"


def was_charged(row: Row, thresholds: Thresholds = DEFAULTS) -> bool:
    return (
        row.origin_battery is not None
        and row.destination_battery is not None
        and row.destination_battery - row.origin_battery >= thresholds.maintenance_battery_points
    )


def was_on_a_truck(row: Row, thresholds: Thresholds = DEFAULTS) -> bool:
    return not row.is_return and row.together >= thresholds.rebalancing_bikes


def is_too_fast(row: Row, thresholds: Thresholds = DEFAULTS) -> bool:
    return row.speed_min_kmh is not None and row.speed_min_kmh > thresholds.implausible_kmh


def is_long(row: Row, thresholds: Thresholds = DEFAULTS) -> bool:
    return row.duration > thresholds.long_seconds


def is_boomerang(row: Row, thresholds: Thresholds = DEFAULTS) -> bool:
    return row.is_return and row.duration <= thresholds.boomerang_seconds


Rule = Callable[[Row, Thresholds], bool]
RULES: list[tuple[str, Rule]] = [
    ("flicker", is_flicker),
    ("maintenance", was_away_for_days),
    ("maintenance", was_repaired),
    ("maintenance", was_charged),
    ("rebalancing", was_on_a_truck),
    ("implausible", is_too_fast),
    ("long", is_long),
    ("boomerang", is_boomerang),
]
"""In the order in which they are asked, after `gap`."""


def trip_type(row: Row, thresholds: Thresholds = DEFAULTS) -> str:
    """The first rule that holds."""
    if row.has_gap:
        return "gap"
    for name, rule in RULES:
        if rule(row, thresholds):
            return name
    return "round_trip" if row.is_return else "trip"


def check(rows: Iterable[Row]) -> None:
    """The mart's types are those of the rules here; else every figure of them would be of something else."""
    differing = [row for row in rows if trip_type(row) != row.trip_type]
    if differing:
        raise AssertionError(f"{len(differing)} rows are not typed so by the rules here, the first: {differing[0]}")


class Caught(NamedTuple):
    """What one rule with one threshold catches among the rows that no rule before it took."""

    of: Counter[str]
    """The rows that come to it, by what they truly are."""
    caught: Counter[str]
    """Those of them it holds for."""


def caught_by(matches: Sequence[Match], number: int, thresholds: Thresholds) -> Caught:
    """The rule of that number in RULES, with these thresholds for itself; the rules before it keep the defaults."""
    _, rule = RULES[number]
    before = [earlier for _, earlier in RULES[:number]]
    found = Caught(Counter(), Counter())
    for match in matches:
        if match.row.has_gap or any(earlier(match.row, DEFAULTS) for earlier in before):
            continue
        found.of[match.truth] += 1
        if rule(match.row, thresholds):
            found.caught[match.truth] += 1
    return found
