"""The figures over bikes: how much each was used, from the rows of fct_trips, and what is wrong with it, from the snapshots too.

The thresholds are the defaults of the vars in dbt_project.yml.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from ingestion.formats.model import Bike
from reference.facts import OPEN, BikeLocationRow, TripRow
from reference.grouping import grouped
from reference.network import PARIS, FullSnapshot
from reference.trip_kpis import metres_of, seconds_of

MISSING = timedelta(hours=24)
GONE = timedelta(days=60)
IDLE = timedelta(days=7)
BOOMERANGS, BOOMERANGS_OF = 3, timedelta(days=7)
SLOW_SHARE, SLOW_TRIPS = 0.7, 30
DAY = 86400

PERIODS: dict[str, Callable[[date], date]] = {
    "day": lambda day: day,
    "week": lambda day: day - timedelta(days=day.weekday()),
    "month": lambda day: day.replace(day=1),
    "year": lambda day: day.replace(month=1, day=1),
}


class BikeUsageRow(NamedTuple):
    """kpi_bike_usage."""

    feed: str
    bike_id: str
    bike_type: str | None
    period: str
    period_start: date
    trips: int
    duration_seconds: int
    hours_ridden: float
    trips_with_distance: int
    distance_m: int | None
    stations_visited: int
    boomerangs: int
    boomerang_share: float


class BikeHealthRow(NamedTuple):
    """kpi_bike_health, but for what it repeats of dim_bike and dim_station."""

    bike_id: str
    as_of_at: datetime
    severity: int
    reasons: str | None
    is_missing: bool
    is_gone: bool
    is_blocked: bool
    has_boomerangs: bool
    is_slow: bool
    is_idle: bool
    last_seen_at: datetime
    unseen_days: float
    block_cause: str | None
    blocked_since_at: datetime | None
    blocked_days: float | None
    boomerangs: int
    measured_trips: int
    speed_kmh: float | None
    network_speed_kmh: float | None
    speed_ratio: float | None
    last_trip_at: datetime | None
    idle_since_at: datetime | None
    idle_days: float | None
    current_station_code: str | None
    last_station_code: str | None
    last_dock: str | None
    last_since_at: datetime | None


def bike_usage(trips: Iterable[TripRow]) -> list[BikeUsageRow]:
    """Each bike's trips and boomerangs by local day, ISO week, month and year."""
    used = [trip for trip in trips if trip.is_customer_trip or trip.trip_type == "boomerang"]
    rows = []
    for period, begin in PERIODS.items():
        groups = grouped(used, lambda trip, begin=begin: (trip.feed, trip.bike_id, begin(_day(trip))))  # type: ignore[misc]
        for (feed, bike_id, start), group in groups:
            rides = [trip for trip in group if trip.is_customer_trip]
            seconds = sum(seconds_of(trip) for trip in rides)
            metres = [metres_of(trip.distance_m) for trip in rides if trip.distance_m is not None]
            rows.append(
                BikeUsageRow(
                    feed=feed,
                    bike_id=bike_id,
                    bike_type=_type_of_most(group),
                    period=period,
                    period_start=start,
                    trips=len(rides),
                    duration_seconds=seconds,
                    hours_ridden=seconds / 3600,
                    trips_with_distance=len(metres),
                    distance_m=sum(metres) if metres else None,
                    stations_visited=len(
                        {trip.origin_station_code for trip in rides} | {trip.destination_station_code for trip in rides}
                    ),
                    boomerangs=len(group) - len(rides),
                    boomerang_share=(len(group) - len(rides)) / len(group),
                )
            )
    return rows


class Seen(NamedTuple):
    """How a feed saw a bike last."""

    feed: str
    first_at: datetime
    last_at: datetime
    status: str | None
    block_cause: str | None
    open_place: BikeLocationRow | None
    """Where it stands, as far as is known; None where it has left."""
    last_place: BikeLocationRow


def bike_health(
    feeds: Mapping[str, Sequence[FullSnapshot]], locations: Sequence[BikeLocationRow], trips: Sequence[TripRow]
) -> list[BikeHealthRow]:
    """Each bike, as of the newest snapshot of its feed."""
    now = {feed: snapshots[-1].captured_at for feed, snapshots in feeds.items()}
    movements = dict(grouped(trips, lambda trip: (trip.feed, trip.bike_id)))
    measured = {key: _measured(group, now[key[0]]) for key, group in movements.items()}
    network = dict(
        grouped(
            ((key, _type_of_most(_in_months(group, now[key[0]]))) for key, group in movements.items()),
            lambda item: (item[0][0], item[1]),
        )
    )
    rows = []
    for bike_id, seen in _seen(feeds, locations).items():
        home = max(seen, key=lambda each: (now[each.feed], each.feed))
        last = max(seen, key=lambda each: (each.last_at, each.feed))
        as_of = now[home.feed]
        of_bike = movements.get((home.feed, bike_id), [])
        mine = measured.get((home.feed, bike_id), [])
        kind = _type_of_most(_in_months(of_bike, as_of))
        others = [ride for key, _ in network.get((home.feed, kind), []) for ride in measured[key]]
        speed, usual = _speed(mine), _speed(others)
        if not _in_months(of_bike, as_of):
            speed = usual = None
        ratio = speed / usual if speed is not None and usual else None
        rides = [trip for trip in of_bike if trip.is_customer_trip]
        last_trip_at = max(rides, key=lambda trip: trip.first_seen_at).arrived_at if rides else None
        idle_since = last_trip_at or min(each.first_at for each in seen)
        unseen = as_of - last.last_at
        is_there = last.open_place is not None
        boomerangs = sum(trip.trip_type == "boomerang" and as_of - trip.departed_at < BOOMERANGS_OF for trip in of_bike)
        wrong = {
            "missing": MISSING < unseen <= GONE,
            "blocked": is_there and last.status == "indisponible",
            "boomerangs": boomerangs >= BOOMERANGS,
            "slow": len(mine) >= SLOW_TRIPS and ratio is not None and ratio < SLOW_SHARE,
            "idle": is_there and as_of - idle_since >= IDLE,
        }
        reasons = [] if unseen > GONE else [reason for reason, holds in wrong.items() if holds]
        grave = {"missing": 3, "blocked": 3, "boomerangs": 2, "slow": 1, "idle": 1}
        blocked_since = home.last_place.valid_from if wrong["blocked"] else None
        rows.append(
            BikeHealthRow(
                bike_id=bike_id,
                as_of_at=as_of,
                severity=max((grave[reason] for reason in reasons), default=0),
                reasons=", ".join(reasons) or None,
                is_missing=wrong["missing"],
                is_gone=unseen > GONE,
                is_blocked=wrong["blocked"],
                has_boomerangs=wrong["boomerangs"],
                is_slow=wrong["slow"],
                is_idle=wrong["idle"],
                last_seen_at=last.last_at,
                unseen_days=unseen.total_seconds() / DAY,
                block_cause=last.block_cause if wrong["blocked"] else None,
                blocked_since_at=blocked_since,
                blocked_days=(as_of - blocked_since).total_seconds() / DAY if blocked_since else None,
                boomerangs=boomerangs,
                measured_trips=len(mine),
                speed_kmh=speed,
                network_speed_kmh=usual,
                speed_ratio=ratio,
                last_trip_at=last_trip_at,
                idle_since_at=idle_since if is_there else None,
                idle_days=(as_of - idle_since).total_seconds() / DAY if is_there else None,
                current_station_code=last.open_place.station_code if last.open_place else None,
                last_station_code=None if is_there else home.last_place.station_code,
                last_dock=None if is_there else home.last_place.dock,
                last_since_at=None if is_there else home.last_place.valid_from,
            )
        )
    return rows


def _seen(feeds: Mapping[str, Sequence[FullSnapshot]], locations: Sequence[BikeLocationRow]) -> dict[str, list[Seen]]:
    """Of each bike how each of its feeds saw it last."""
    latest = {}
    for row in locations:  # in the order of time
        latest[row.feed, row.bike_id] = row
    found: dict[str, list[Seen]] = {}
    for feed, snapshots in feeds.items():
        first: dict[str, datetime] = {}
        last: dict[str, tuple[datetime, Bike]] = {}
        for snapshot in snapshots:
            for bike_id, (_, bike) in snapshot.bikes.items():
                first.setdefault(bike_id, snapshot.captured_at)
                last[bike_id] = (snapshot.captured_at, bike)
        for bike_id, (at, bike) in last.items():
            place = latest[feed, bike_id]
            found.setdefault(bike_id, []).append(
                Seen(
                    feed=feed,
                    first_at=first[bike_id],
                    last_at=at,
                    status=bike.status,
                    block_cause=bike.block_cause,
                    open_place=place if place.valid_to == OPEN else None,
                    last_place=place,
                )
            )
    return found


def _in_months(trips: Iterable[TripRow], now: datetime) -> list[TripRow]:
    """The trips and boomerangs of this local month and the last."""
    this = now.astimezone(PARIS).date().replace(day=1)
    begin = (this - timedelta(days=1)).replace(day=1)
    return [
        trip
        for trip in trips
        if (trip.is_customer_trip or trip.trip_type == "boomerang")
        and begin <= _day(trip)
        and _day(trip).replace(day=1) <= this
    ]


def _measured(trips: Iterable[TripRow], now: datetime) -> list[tuple[int, int]]:
    """Metres and seconds of the trips that say how fast a bike is."""
    return [
        (metres_of(trip.distance_m), seconds_of(trip))
        for trip in _in_months(trips, now)
        if trip.trip_type == "trip" and trip.distance_m
    ]


def _speed(rides: Sequence[tuple[int, int]]) -> float | None:
    metres, seconds = sum(ride[0] for ride in rides), sum(ride[1] for ride in rides)
    return 3.6 * metres / seconds if seconds else None


def _type_of_most(trips: Sequence[TripRow]) -> str | None:
    types = [trip.bike_type for trip in trips]
    electric, mechanical = types.count("electric"), types.count("mechanical")
    if electric and electric >= mechanical:
        return "electric"
    return "mechanical" if mechanical else None


def _day(trip: TripRow) -> date:
    return trip.departed_at.astimezone(PARIS).date()
