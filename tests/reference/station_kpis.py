"""The figures over stations: by the hour from the rows of fct_station_status and fct_trips, all others from the hours.

Lengths are from the whole second in which a stretch begins to that in which it ends.
Of rides nothing is known on days before the feed first listed a bike, and after it last did: then they are None.
Bikes and docks of a station out of service cannot be used, so it is neither empty nor full then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

from reference.facts import StationStatusRow, TripRow, station_status, trips
from reference.grouping import grouped
from reference.network import PARIS, FullSnapshot

HOUR = timedelta(hours=1)
SATURATED = Fraction(9, 10)
RIDES = tuple(f"{end}{kind}" for end in ("departures", "arrivals") for kind in ("", "_mechanical", "_electric"))


class HourRow(NamedTuple):
    """kpi_station_hourly."""

    feed: str
    station_code: str
    hour_at: datetime
    date_day: date
    hour_of_day: int
    bike_seconds: int = 0
    dock_seconds: int = 0
    mechanical_bike_seconds: int = 0
    electric_bike_seconds: int = 0
    observed_seconds: int = 0
    in_service_seconds: int = 0
    empty_seconds: int = 0
    full_seconds: int = 0
    saturated_seconds: int = 0
    typed_seconds: int = 0
    departures: int | None = None
    departures_mechanical: int | None = None
    departures_electric: int | None = None
    arrivals: int | None = None
    arrivals_mechanical: int | None = None
    arrivals_electric: int | None = None
    fill_rate: float | None = None
    fill_rate_min: float | None = None
    fill_rate_max: float | None = None
    empty_share: float | None = None
    saturated_minutes: float = 0.0
    bikes_electric: float | None = None
    net_flow: int | None = None


class DayRow(NamedTuple):
    """kpi_station_daily."""

    feed: str
    station_code: str
    date_day: date
    bike_seconds: int
    dock_seconds: int
    observed_seconds: int
    empty_seconds: int
    saturated_seconds: int
    departures_electric: int | None
    arrivals: int | None
    fill_rate: float | None
    fill_rate_min: float | None
    fill_rate_max: float | None


class NetworkHourRow(NamedTuple):
    """kpi_network_hourly."""

    feed: str
    hour_at: datetime
    date_day: date
    hour_of_day: int
    stations_observed: int
    observed_seconds: int
    empty_seconds: int
    mechanical_bike_seconds: int
    departures: int | None
    arrivals_electric: int | None


class CellRow(NamedTuple):
    """kpi_fill_heatmap."""

    feed: str
    station_code: str
    date_month: date
    day_of_week: int
    hour_of_day: int
    bike_seconds: int
    dock_seconds: int
    observed_seconds: int
    full_seconds: int
    fill_rate: float | None


def station_hours(snapshots: Sequence[FullSnapshot]) -> list[HourRow]:
    """Each station's hours in which it was observed, or in which a ride began or ended there; of one feed."""
    last_at = snapshots[-1].captured_at
    pieces: dict[tuple[str, datetime], list[tuple[int, StationStatusRow]]] = defaultdict(list)
    for row in station_status(snapshots):
        for hour_at, seconds in cut(row.valid_from, min(row.valid_to, last_at)):
            pieces[row.station_code, hour_at].append((seconds, row))
    departed: dict[tuple[str, datetime], list[TripRow]] = defaultdict(list)
    arrived: dict[tuple[str, datetime], list[TripRow]] = defaultdict(list)
    for trip in trips(snapshots):
        if trip.is_customer_trip:
            departed[trip.origin_station_code, _hour(trip.departed_at)].append(trip)
            arrived[trip.destination_station_code, _hour(trip.arrived_at)].append(trip)
    rows = [
        _hour_row(
            snapshots[0].feed, code, hour_at, pieces[code, hour_at], departed[code, hour_at], arrived[code, hour_at]
        )
        for code, hour_at in sorted({*pieces, *departed, *arrived})
    ]
    with_bikes = [snapshot.captured_at.astimezone(PARIS).date() for snapshot in snapshots if snapshot.bikes]
    unknown: dict[str, Any] = dict.fromkeys(("net_flow", *RIDES))
    return [
        row if with_bikes and with_bikes[0] <= row.date_day <= with_bikes[-1] else row._replace(**unknown)
        for row in rows
    ]


def _hour(moment: datetime) -> datetime:
    """The hour's begin: local hours begin where those of UTC do, in the zones of the tests."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def cut(begin: datetime, end: datetime) -> Iterable[tuple[datetime, int]]:
    """The hours of a stretch, with the seconds in each."""
    begin, end = begin.replace(microsecond=0), end.replace(microsecond=0)
    while begin < end:
        until = min(end, _hour(begin) + HOUR)
        yield _hour(begin), int((until - begin).total_seconds())
        begin = until


def _hour_row(
    feed: str,
    code: str,
    hour_at: datetime,
    pieces: Sequence[tuple[int, StationStatusRow]],
    departed: Sequence[TripRow],
    arrived: Sequence[TripRow],
) -> HourRow:
    local = hour_at.astimezone(PARIS)
    in_service = [(seconds, row) for seconds, row in pieces if row.is_in_service]
    rated = [(seconds, row, docks) for seconds, row in in_service if (docks := row.docks_usable)]
    typed = [
        (seconds, row.bikes_mechanical, row.bikes_electric)
        for seconds, row in pieces
        if row.bikes_mechanical is not None and row.bikes_electric is not None
    ]
    rates = [row.bikes_available / docks for _, row, docks in rated if row.bikes_available is not None]
    bike_seconds = sum(seconds * (row.bikes_available or 0) for seconds, row, _ in rated)
    dock_seconds = sum(seconds * docks for seconds, _, docks in rated)
    service_seconds = sum(seconds for seconds, _ in in_service)
    empty_seconds = sum(seconds for seconds, row in in_service if row.bikes_available == 0)
    saturated_seconds = sum(seconds for seconds, row in in_service if _is_saturated(row))
    typed_seconds = sum(seconds for seconds, _, _ in typed)
    electric = sum(seconds * bikes for seconds, _, bikes in typed)
    return HourRow(
        feed=feed,
        station_code=code,
        hour_at=hour_at,
        date_day=local.date(),
        hour_of_day=local.hour,
        bike_seconds=bike_seconds,
        dock_seconds=dock_seconds,
        mechanical_bike_seconds=sum(seconds * bikes for seconds, bikes, _ in typed),
        electric_bike_seconds=electric,
        observed_seconds=sum(seconds for seconds, _ in pieces),
        in_service_seconds=service_seconds,
        empty_seconds=empty_seconds,
        full_seconds=sum(seconds for seconds, row in in_service if row.docks_free == 0),
        saturated_seconds=saturated_seconds,
        typed_seconds=typed_seconds,
        departures=len(departed),
        departures_mechanical=sum(trip.bike_type == "mechanical" for trip in departed),
        departures_electric=sum(trip.bike_type == "electric" for trip in departed),
        arrivals=len(arrived),
        arrivals_mechanical=sum(trip.bike_type == "mechanical" for trip in arrived),
        arrivals_electric=sum(trip.bike_type == "electric" for trip in arrived),
        fill_rate=_ratio(bike_seconds, dock_seconds),
        fill_rate_min=min(rates, default=None),
        fill_rate_max=max(rates, default=None),
        empty_share=_ratio(empty_seconds, service_seconds),
        saturated_minutes=saturated_seconds / 60,
        bikes_electric=_ratio(electric, typed_seconds),
        net_flow=len(arrived) - len(departed),
    )


def _is_saturated(row: StationStatusRow) -> bool:
    docks = row.docks_usable
    return row.docks_free == 0 or (docks is not None and (row.bikes_available or 0) >= SATURATED * docks)


def station_days(hours: Sequence[HourRow]) -> list[DayRow]:
    """The sums over local days."""
    rows = []
    for (feed, code, day), group in grouped(hours, lambda row: (row.feed, row.station_code, row.date_day)):
        bikes, docks = total(group, "bike_seconds"), total(group, "dock_seconds")
        rows.append(
            DayRow(
                feed=feed,
                station_code=code,
                date_day=day,
                bike_seconds=bikes,
                dock_seconds=docks,
                observed_seconds=total(group, "observed_seconds"),
                empty_seconds=total(group, "empty_seconds"),
                saturated_seconds=total(group, "saturated_seconds"),
                departures_electric=total(group, "departures_electric"),
                arrivals=total(group, "arrivals"),
                fill_rate=_ratio(bikes, docks),
                fill_rate_min=min((row.fill_rate_min for row in group if row.fill_rate_min is not None), default=None),
                fill_rate_max=max((row.fill_rate_max for row in group if row.fill_rate_max is not None), default=None),
            )
        )
    return rows


def network_hours(hours: Sequence[HourRow]) -> list[NetworkHourRow]:
    """The sums over a feed's stations."""
    return [
        NetworkHourRow(
            feed=feed,
            hour_at=hour_at,
            date_day=group[0].date_day,
            hour_of_day=group[0].hour_of_day,
            stations_observed=sum(row.observed_seconds > 0 for row in group),
            observed_seconds=total(group, "observed_seconds"),
            empty_seconds=total(group, "empty_seconds"),
            mechanical_bike_seconds=total(group, "mechanical_bike_seconds"),
            departures=total(group, "departures"),
            arrivals_electric=total(group, "arrivals_electric"),
        )
        for (feed, hour_at), group in grouped(hours, lambda row: (row.feed, row.hour_at))
    ]


def heatmap_cells(hours: Sequence[HourRow]) -> list[CellRow]:
    """The sums by month, day of the week and hour of the day, of what was observed."""
    rows = []
    for (feed, code, month, weekday, hour), group in grouped(
        [row for row in hours if row.observed_seconds],
        lambda row: (
            row.feed,
            row.station_code,
            row.date_day.replace(day=1),
            row.date_day.isoweekday(),
            row.hour_of_day,
        ),
    ):
        bikes, docks = total(group, "bike_seconds"), total(group, "dock_seconds")
        rows.append(
            CellRow(
                feed=feed,
                station_code=code,
                date_month=month,
                day_of_week=weekday,
                hour_of_day=hour,
                bike_seconds=bikes,
                dock_seconds=docks,
                observed_seconds=total(group, "observed_seconds"),
                full_seconds=total(group, "full_seconds"),
                fill_rate=_ratio(bikes, docks),
            )
        )
    return rows


def total(rows: Sequence[HourRow], column: str) -> Any:
    """The sum of what is known; None where nothing is."""
    known = [value for row in rows if (value := getattr(row, column)) is not None]
    return sum(known) if known else None


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
