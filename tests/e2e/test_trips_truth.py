"""A simulated day every 1, 5 and 15 minutes, from files to fct_trips, against what truly happened.

The day is the same in each run, so the floors leave a point for a change of the simulator, and nothing for one of the marts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.trips_truth import figures, world
from benchmarks.trips_truth.figures import Watched, watched
from benchmarks.trips_truth.matching import Row, read_rows
from benchmarks.trips_truth.observer import observable
from benchmarks.trips_truth.truth import read_world
from ingestion.loading.load import LoadOptions, load
from velib.postgres.connections import connect_to

pytestmark = pytest.mark.slow

SIZE = {"stations": 50, "bikes": 400, "days": 1, "seed": 7}

# By minutes and true type: the least share that has a row of its own, and the least share of the rows of that type that are right.
FLOORS = {
    1: {
        "trip": (0.957, 0.974),
        "round_trip": (0.978, 0.945),
        "boomerang": (0.901, 0.920),
        "rebalancing": (0.976, 0.99),
    },
    5: {
        "trip": (0.860, 0.923),
        "round_trip": (0.899, 0.811),
        "boomerang": (0.545, 0.847),
        "rebalancing": (0.953, 0.99),
    },
    15: {
        "trip": (0.710, 0.847),
        "round_trip": (0.728, 0.667),
        "boomerang": (0.101, 0.0),
        "rebalancing": (0.939, 0.939),
    },
}
# Rides: found and called so; rows called so that are one.
CUSTOMERS = {1: (0.955, 0.973), 5: (0.857, 0.919), 15: (0.700, 0.840)}


def test_fct_trips_has_what_snapshots_can_show_of_the_truth(
    fresh_database: str, velib_build: Callable[..., None], tmp_path: Path
) -> None:
    archive = world.simulate(tmp_path / "archive", **SIZE, dropouts=25, twice=0.02)
    folders = world.cadences(archive)
    for minutes, folder in folders.items():
        load([str(folder)], LoadOptions(feed=world.feed_of(minutes), workers=1))
    velib_build("--no-tests")
    truth = read_world(archive)
    assert min(len(truth.dropouts), len(truth.doubles)) > 10
    with contextlib.closing(connect_to(fresh_database, "velib tests")) as connection:
        for minutes, folder in folders.items():
            rows = read_rows(connection, world.feed_of(minutes))
            seen = watched(minutes, truth, world.capture_times(folder), rows)
            assert_in_brackets(seen, rows)
            assert_floors(seen)


def assert_in_brackets(seen: Watched, rows: list[Row]) -> None:
    """Every movement that a perfect observer could see has its row, with the brackets that the observer would give it."""
    assert seen.observable > 2000
    assert seen.in_brackets == seen.observable
    brackets_of = {(row.bike_id, row.first_seen): (row.origin, row.destination, row.brackets) for row in rows}
    for movement, brackets in observable(seen.world, seen.times):
        assert brackets_of[movement.bike_id, brackets.first_seen] == (movement.origin, movement.destination, brackets)


def assert_floors(seen: Watched) -> None:
    fallen = []
    for true_type, (least_recall, least_precision) in FLOORS[seen.minutes].items():
        for name, figure, least in (
            ("recall", figures.recall(seen, true_type), least_recall),
            ("precision", figures.precision(seen, true_type), least_precision),
        ):
            if figure < least:
                fallen.append(f"every {seen.minutes} min: {name} of {true_type} {figure:.3f} < {least}")
    rides = figures.customers(seen)
    least_recall, least_precision = CUSTOMERS[seen.minutes]
    if rides.recall < least_recall or rides.precision < least_precision:
        fallen.append(f"every {seen.minutes} min: rides {rides.recall:.3f}, {rides.precision:.3f}")
    assert not fallen
