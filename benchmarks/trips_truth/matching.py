"""The rows of fct_trips, and what each truly is."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from benchmarks.trips_truth.observer import Brackets
from benchmarks.trips_truth.truth import Movement, World


class Row(NamedTuple):
    """A row of fct_trips, with what its rules looked at."""

    bike_id: str
    origin: str
    destination: str
    last_seen: int
    first_missing: int
    last_missing: int
    first_seen: int
    departed: float
    arrived: float
    duration_min: float
    duration_max: float
    duration: float
    speed_min_kmh: float | None
    trip_type: str
    is_customer_trip: bool
    has_gap: bool
    together: int
    origin_dock: str | None
    destination_dock: str | None
    origin_status: str | None
    destination_status: str | None
    origin_battery: int | None
    destination_battery: int | None

    @property
    def brackets(self) -> Brackets:
        return Brackets(self.last_seen, self.first_missing, self.last_missing, self.first_seen)

    @property
    def is_return(self) -> bool:
        return self.origin == self.destination

    def holds(self, movement: Movement) -> bool:
        """Whether the row is that movement: its bike and stations, with both true times inside the brackets."""
        return (
            movement.arrived is not None
            and (self.origin, self.destination) == (movement.origin, movement.destination)
            and self.last_seen < movement.departed <= self.first_missing
            and self.last_missing < movement.arrived <= self.first_seen
        )


_ROWS = """
select
    trips.bike_id, trips.origin_station_code, trips.destination_station_code,
    extract(epoch from trips.last_seen_at)::bigint, extract(epoch from trips.first_missing_at)::bigint,
    extract(epoch from trips.last_missing_at)::bigint, extract(epoch from trips.first_seen_at)::bigint,
    extract(epoch from trips.departed_at)::float8, extract(epoch from trips.arrived_at)::float8,
    trips.duration_min_seconds, trips.duration_max_seconds, trips.duration_seconds, trips.speed_min_kmh,
    trips.trip_type, trips.is_customer_trip,
    exists (
        select 1 from mart.fct_snapshots as gap
        where
            gap.is_after_gap and gap.feed = trips.feed
            and gap.snapshot_at > trips.last_seen_at and gap.snapshot_at <= trips.first_seen_at
    ),
    count(*) over (
        partition by trips.origin_station_code, trips.destination_station_code, trips.last_seen_at, trips.first_seen_at
    ),
    origin.dock, destination.dock, origin.bike_status, destination.bike_status,
    origin.battery_percent, destination.first_battery_percent
from mart.fct_trips as trips
left join lateral (
    select locations.dock, locations.bike_status, locations.battery_percent
    from mart.fct_bike_locations as locations
    where
        locations.bike_id = trips.bike_id and locations.feed = trips.feed
        and locations.valid_from <= trips.last_seen_at and locations.station_code is not null
    order by locations.valid_from desc
    limit 1
) as origin on true
left join mart.fct_bike_locations as destination
    on
        trips.bike_id = destination.bike_id and trips.feed = destination.feed
        and trips.first_seen_at = destination.valid_from
where trips.feed = %s
"""


def read_rows(connection: Any, feed: str) -> list[Row]:
    """fct_trips of a feed."""
    with connection.cursor(f"rows_of_{feed}") as cursor:
        cursor.itersize = 20_000
        cursor.execute(_ROWS, [feed])
        return [Row(*values) for values in cursor]


class Verdict(StrEnum):
    """What a row truly is."""

    MOVEMENT = "movement"
    """One true movement, with its times in the brackets."""
    MERGED = "merged"
    """Several movements between two snapshots, seen as one from the first's origin to the last's destination."""
    PHANTOM = "phantom"
    """Nothing moved."""
    WRONG = "wrong"
    """Something moved, but not from there to there: the feed was wrong at one end."""


class Fate(StrEnum):
    """What became of a true movement."""

    FOUND = "found"
    MERGED = "merged"
    """It lies inside a row that is more than it."""
    UNSEEN = "unseen"
    """It lies inside a stay: the bike was back before the next snapshot."""


class Match(NamedTuple):
    """A row, what it is, and the movements that lie inside it; of a MOVEMENT the first is that movement."""

    row: Row
    verdict: Verdict
    movements: tuple[Movement, ...]

    @property
    def truth(self) -> str:
        """What it truly is in a word: a true type, or the verdict."""
        return self.movements[0].true_type if self.verdict is Verdict.MOVEMENT else self.verdict.value


class Comparison(NamedTuple):
    """A feed's rows against the truth."""

    matches: list[Match]
    fates: list[tuple[Movement, Fate, Row | None]]
    """Of the movements that were to be found, each with the row that it is or lies in."""


def compare(world: World, rows: Sequence[Row], wanted: Sequence[Movement]) -> Comparison:
    """Each row with what it is, each movement with what became of it."""
    rows_of: dict[str, list[Row]] = {}
    for row in rows:
        rows_of.setdefault(row.bike_id, []).append(row)
    for own in rows_of.values():
        own.sort(key=lambda row: row.first_seen)
    matches = [
        _match(row, world.bikes.get(bike_id, []), [m.departed for m in world.bikes.get(bike_id, [])])
        for bike_id, own in rows_of.items()
        for row in own
    ]
    ends = {bike_id: [row.first_seen for row in own] for bike_id, own in rows_of.items()}
    fates: list[tuple[Movement, Fate, Row | None]] = []
    for movement in wanted:
        around = _row_around(movement, rows_of.get(movement.bike_id, []), ends.get(movement.bike_id, []))
        fate = Fate.UNSEEN if around is None else Fate.FOUND if around.holds(movement) else Fate.MERGED
        fates.append((movement, fate, around))
    return Comparison(matches, fates)


def _match(row: Row, movements: Sequence[Movement], departures: Sequence[int]) -> Match:
    inside = []
    for number in range(bisect_left(departures, row.last_seen + 1), len(movements)):
        movement = movements[number]
        if movement.arrived is None or movement.arrived > row.first_seen:
            break
        inside.append(movement)
    held = [movement for movement in inside if row.holds(movement)]
    if held:
        return Match(row, Verdict.MOVEMENT, (held[0], *(m for m in inside if m is not held[0])))
    if not inside:
        return Match(row, Verdict.PHANTOM, ())
    joined = (inside[0].origin, inside[-1].destination) == (row.origin, row.destination)
    return Match(row, Verdict.MERGED if joined and len(inside) > 1 else Verdict.WRONG, tuple(inside))


def _row_around(movement: Movement, rows: Sequence[Row], ends: Sequence[int]) -> Row | None:
    """The bike's row between whose two sightings the movement lies."""
    assert movement.arrived is not None
    number = bisect_left(ends, movement.arrived)
    if number < len(rows) and rows[number].last_seen < movement.departed:
        return rows[number]
    return None
