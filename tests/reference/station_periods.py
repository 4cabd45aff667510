"""The sums of station hours: districts and the network, days, weeks and months; and what rides and trucks left of a day."""

from __future__ import annotations

from collections import Counter, namedtuple
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple, cast

from reference.facts import TripRow
from reference.grouping import grouped
from reference.network import PARIS, FullSnapshot
from reference.station_kpis import HourRow, total
from reference.stations import districts

SUMS = tuple(
    name for name in HourRow._fields if name.endswith("_seconds") or name.startswith(("departures", "arrivals"))
)
DERIVED = ("fill_rate", "empty_share", "saturated_minutes", "bikes_electric", "net_flow")

Feeds = Mapping[str, Sequence[FullSnapshot]]


class FlowRow(NamedTuple):
    """kpi_station_flow_daily."""

    feed: str
    station_code: str
    date_day: date
    departures: int | None
    arrivals: int | None
    net_flow: int | None
    net_flow_mechanical: int | None
    net_flow_electric: int | None
    imbalance: float | None


class TrucksRow(NamedTuple):
    """kpi_rebalancing_daily."""

    date_day: date
    feed: str
    moves: int
    bikes: int
    bikes_mechanical: int
    bikes_electric: int
    bikes_per_move: float
    stations_emptied: int
    stations_filled: int


def sums_row(*key: str) -> type[Any]:
    """A table of sums: its key, the sums, and what follows from them."""
    make: Any = namedtuple  # whose fields mypy would have written out
    return cast("type[Any]", make("SumsRow", (*key, *SUMS, *DERIVED)))


def week_of(row: HourRow) -> date:
    """The Monday of its ISO week."""
    return row.date_day - timedelta(days=row.date_day.weekday())


def month_of(row: HourRow) -> date:
    """The first day of its month."""
    return row.date_day.replace(day=1)


def by_station(period: Callable[[HourRow], date]) -> Callable[[Sequence[HourRow]], list[Any]]:
    """The sums of each station over periods."""
    return lambda hours: _sums(hours, lambda row: (row.feed, row.station_code, period(row)))


def of_network(period: Callable[[HourRow], date]) -> Callable[[Sequence[HourRow]], list[Any]]:
    """The sums over all stations of a feed."""
    return lambda hours: _sums(hours, lambda row: (row.feed, period(row)))


def by_district(period: Callable[[HourRow], Hashable]) -> Callable[[Feeds, Sequence[HourRow]], list[Any]]:
    """The sums over the stations of each district; those without one are in none."""

    def make(feeds: Feeds, hours: Sequence[HourRow]) -> list[Any]:
        district = districts(feeds)
        return _sums(
            [row for row in hours if row.station_code in district],
            lambda row: (row.feed, district[row.station_code], period(row)),
        )

    return make


def _sums(hours: Sequence[HourRow], key: Callable[[HourRow], tuple[Any, ...]]) -> list[Any]:
    rows = []
    for of, group in grouped(hours, key):
        sums = {name: total(group, name) for name in SUMS}
        derived = (
            _ratio(sums["bike_seconds"], sums["dock_seconds"]),
            _ratio(sums["empty_seconds"], sums["in_service_seconds"]),
            sums["saturated_seconds"] / 60,
            _ratio(sums["electric_bike_seconds"], sums["typed_seconds"]),
            _less(sums["arrivals"], sums["departures"]),
        )
        rows.append((*of, *sums.values(), *derived))
    return rows


def _ratio(part: int | None, whole: int | None) -> float | None:
    return part / whole if part is not None and whole else None


def _less(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one - other


def flows(hours: Sequence[HourRow]) -> list[FlowRow]:
    """Each station's rides of a local day, and what they left there."""
    rows = []
    for (feed, code, day), group in grouped(hours, lambda row: (row.feed, row.station_code, row.date_day)):
        came, went = total(group, "arrivals"), total(group, "departures")
        rows.append(
            FlowRow(
                feed=feed,
                station_code=code,
                date_day=day,
                departures=went,
                arrivals=came,
                net_flow=_less(came, went),
                net_flow_mechanical=_less(total(group, "arrivals_mechanical"), total(group, "departures_mechanical")),
                net_flow_electric=_less(total(group, "arrivals_electric"), total(group, "departures_electric")),
                imbalance=None if came is None else _ratio(came - went, came + went),
            )
        )
    return rows


def trucks(trips: Sequence[TripRow]) -> list[TrucksRow]:
    """What trucks moved on each local day."""
    rows = []
    for (day, feed), group in grouped(
        [trip for trip in trips if trip.trip_type == "rebalancing"],
        lambda trip: (trip.departed_at.astimezone(PARIS).date(), trip.feed),
    ):
        brought = Counter(trip.destination_station_code for trip in group)
        brought.subtract(trip.origin_station_code for trip in group)
        moves = {
            (trip.origin_station_code, trip.destination_station_code, trip.last_seen_at, trip.first_seen_at)
            for trip in group
        }
        types = [trip.bike_type for trip in group]
        rows.append(
            TrucksRow(
                date_day=day,
                feed=feed,
                moves=len(moves),
                bikes=len(group),
                bikes_mechanical=types.count("mechanical"),
                bikes_electric=types.count("electric"),
                bikes_per_move=len(group) / len(moves),
                stations_emptied=sum(balance < 0 for balance in brought.values()),
                stations_filled=sum(balance > 0 for balance in brought.values()),
            )
        )
    return rows
