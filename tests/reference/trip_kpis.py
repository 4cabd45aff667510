"""The figures over trips, from the rows of fct_trips alone: by day, by duration, by route.

Durations are rounded down to seconds, distances to the nearest metre; days and months are the network's.
"""

from __future__ import annotations

import statistics
import struct
from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from reference.collection import CollectionRow
from reference.facts import TripRow
from reference.grouping import grouped
from reference.network import PARIS


class TripsOfDayRow(NamedTuple):
    """kpi_trips_daily."""

    date_day: date
    feed: str
    bike_type: str | None
    trip_type: str
    is_customer_trip: bool
    trips: int
    duration_seconds: int
    mean_duration_seconds: float
    median_duration_seconds: float
    trips_with_distance: int
    distance_m: int | None
    mean_distance_m: float | None


class DurationsRow(NamedTuple):
    """kpi_trip_duration_histogram."""

    date_day: date
    feed: str
    bike_type: str | None
    trip_type: str
    is_customer_trip: bool
    from_minutes: int
    to_minutes: int | None
    trips: int


class RouteOfDayRow(NamedTuple):
    """kpi_routes_daily."""

    date_day: date
    feed: str
    origin_station_code: str
    destination_station_code: str
    trips: int
    trips_mechanical: int
    trips_electric: int
    duration_seconds: int
    mean_duration_seconds: float


class RouteOfMonthRow(NamedTuple):
    """kpi_routes_monthly."""

    date_month: date
    feed: str
    origin_station_code: str
    destination_station_code: str
    trips: int
    trips_mechanical: int
    trips_electric: int
    duration_seconds: int
    mean_duration_seconds: float


def trips_of_days(trips: Sequence[TripRow]) -> list[TripsOfDayRow]:
    """Each local day's movements of one feed, type of bike and type of movement."""
    rows = []
    for (day, feed, bike_type, trip_type), group in grouped(
        trips, lambda trip: (_day(trip), trip.feed, trip.bike_type, trip.trip_type)
    ):
        seconds = [seconds_of(trip) for trip in group]
        metres = [metres_of(trip.distance_m) for trip in group if trip.distance_m is not None]
        rows.append(
            TripsOfDayRow(
                date_day=day,
                feed=feed,
                bike_type=bike_type,
                trip_type=trip_type,
                is_customer_trip=group[0].is_customer_trip,
                trips=len(group),
                duration_seconds=sum(seconds),
                mean_duration_seconds=sum(seconds) / len(seconds),
                median_duration_seconds=statistics.median(seconds),
                trips_with_distance=len(metres),
                distance_m=sum(metres) if metres else None,
                mean_distance_m=sum(metres) / len(metres) if metres else None,
            )
        )
    return rows


def durations(trips: Sequence[TripRow], collected: Sequence[CollectionRow]) -> list[DurationsRow]:
    """The same by stretches as wide as the day's snapshots were apart, up to three hours."""
    usual = {(row.feed, row.date_day): row.usual_seconds or 0 for row in collected}

    def width(feed: str, day: date) -> int:
        return next(minutes for minutes in (5, 10, 15, 20, 30, 60) if 60 * minutes >= usual[feed, day] or minutes == 60)

    rows = []
    for (day, feed, bike_type, trip_type, begin), group in grouped(
        trips,
        lambda trip: (
            _day(trip),
            trip.feed,
            trip.bike_type,
            trip.trip_type,
            _begin(trip, width(trip.feed, _day(trip))),
        ),
    ):
        end = begin + width(feed, day) if begin < 180 else None
        rows.append(DurationsRow(day, feed, bike_type, trip_type, group[0].is_customer_trip, begin, end, len(group)))
    return rows


def routes_of_days(trips: Sequence[TripRow]) -> list[RouteOfDayRow]:
    """The customers' trips of a local day between two stations."""
    return [RouteOfDayRow(*(*key, *_of_route(group))) for key, group in grouped(_rides(trips), _route)]


def routes_of_months(trips: Sequence[TripRow]) -> list[RouteOfMonthRow]:
    """The customers' trips of a local month between two stations."""
    return [
        RouteOfMonthRow(*(*key, *_of_route(group)))
        for key, group in grouped(_rides(trips), lambda trip: (_day(trip).replace(day=1), *_route(trip)[1:]))
    ]


def _rides(trips: Iterable[TripRow]) -> Iterable[TripRow]:
    return (trip for trip in trips if trip.is_customer_trip)


def _route(trip: TripRow) -> tuple[date, str, str, str]:
    return _day(trip), trip.feed, trip.origin_station_code, trip.destination_station_code


def _of_route(group: Sequence[TripRow]) -> tuple[int, int, int, int, float]:
    types = [trip.bike_type for trip in group]
    seconds = sum(seconds_of(trip) for trip in group)
    return len(group), types.count("mechanical"), types.count("electric"), seconds, seconds / len(group)


def _day(trip: TripRow) -> date:
    return trip.departed_at.astimezone(PARIS).date()


def seconds_of(trip: TripRow) -> int:
    return int(trip.duration_seconds)  # none is negative


def _begin(trip: TripRow, width: int) -> int:
    """The minutes with which its stretch begins."""
    return min(int(trip.duration_seconds // 60) // width * width, 180)


def metres_of(distance_m: float) -> int:
    """The mart keeps seven digits of a distance, as a number of four bytes."""
    (kept,) = struct.unpack("f", struct.pack("f", distance_m))
    return round(kept)
