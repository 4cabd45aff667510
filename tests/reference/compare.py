"""Rows of the mart against rows of the reference, in both directions, with the first differences readable."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from reference.bike_kpis import BikeHealthRow, BikeUsageRow, bike_health, bike_usage
from reference.collection import CollectionRow, collection_days
from reference.facts import BikeLocationRow, StationStatusRow, TripRow, bike_locations, station_status, trips
from reference.network import FullSnapshot
from reference.station_kpis import (
    CellRow,
    DayRow,
    HourRow,
    NetworkHourRow,
    heatmap_cells,
    network_hours,
    station_days,
    station_hours,
)
from reference.station_now import CriticalRow, NowRow, critical_now, stations_now
from reference.station_periods import (
    FlowRow,
    TrucksRow,
    by_district,
    by_station,
    flows,
    month_of,
    of_network,
    sums_row,
    trucks,
    week_of,
)
from reference.trip_kpis import (
    DurationsRow,
    RouteOfDayRow,
    RouteOfMonthRow,
    TripsOfDayRow,
    durations,
    routes_of_days,
    routes_of_months,
    trips_of_days,
)

Row = TypeVar("Row", bound=tuple[Any, ...])


class Fact(NamedTuple):
    """A table of the mart, what identifies a row of it, and how the reference makes it.

    A fact is made from a feed's snapshots; a figure from the rows of other tables, all feeds' together, or from all snapshots.
    """

    table: str
    row: type[Any]
    key: tuple[str, ...]
    make: Callable[..., Sequence[Any]]
    made_of: tuple[str, ...] = ()


# In place of a table: the snapshots of all feeds.
FEEDS = "feeds"
HOURS = ("kpi_station_hourly",)
PERIODS = {
    "daily": ("date_day", lambda row: row.date_day),
    "weekly": ("date_week", week_of),
    "monthly": ("date_month", month_of),
}


def _sums_over_periods() -> list[Fact]:
    """What is added up from kpi_station_hourly, by station, district and for the network."""
    key = ("feed", "district_code", "hour_at")
    facts = [Fact("kpi_district_hourly", sums_row(*key), key, by_district(lambda row: row.hour_at), (FEEDS, *HOURS))]
    for name, (column, period) in PERIODS.items():
        if name != "daily":
            key = ("feed", "station_code", column)
            facts.append(Fact(f"kpi_station_{name}", sums_row(*key), key, by_station(period), HOURS))
        key = ("feed", "district_code", column)
        facts.append(Fact(f"kpi_district_{name}", sums_row(*key), key, by_district(period), (FEEDS, *HOURS)))
        network_key = ("feed", column)
        facts.append(Fact(f"kpi_network_{name}", sums_row(*network_key), network_key, of_network(period), HOURS))
    return facts


FACTS = {
    fact.table: fact
    for fact in (
        Fact("fct_station_status", StationStatusRow, ("feed", "station_code", "valid_from"), station_status),
        Fact("fct_bike_locations", BikeLocationRow, ("feed", "bike_id", "valid_from"), bike_locations),
        Fact("fct_trips", TripRow, ("feed", "bike_id", "last_seen_at"), trips),
        Fact(
            "kpi_trips_daily",
            TripsOfDayRow,
            ("date_day", "feed", "bike_type", "trip_type"),
            trips_of_days,
            ("fct_trips",),
        ),
        Fact(
            "kpi_trip_duration_histogram",
            DurationsRow,
            ("date_day", "feed", "bike_type", "trip_type", "from_minutes"),
            durations,
            ("fct_trips", "kpi_collection_daily"),
        ),
        Fact(
            "kpi_routes_daily",
            RouteOfDayRow,
            ("date_day", "feed", "origin_station_code", "destination_station_code"),
            routes_of_days,
            ("fct_trips",),
        ),
        Fact(
            "kpi_routes_monthly",
            RouteOfMonthRow,
            ("date_month", "feed", "origin_station_code", "destination_station_code"),
            routes_of_months,
            ("fct_trips",),
        ),
        Fact("kpi_station_hourly", HourRow, ("feed", "station_code", "hour_at"), station_hours),
        Fact("kpi_station_daily", DayRow, ("feed", "station_code", "date_day"), station_days, ("kpi_station_hourly",)),
        Fact("kpi_network_hourly", NetworkHourRow, ("feed", "hour_at"), network_hours, ("kpi_station_hourly",)),
        Fact(
            "kpi_fill_heatmap",
            CellRow,
            ("feed", "station_code", "date_month", "day_of_week", "hour_of_day"),
            heatmap_cells,
            ("kpi_station_hourly",),
        ),
        *_sums_over_periods(),
        Fact("kpi_station_flow_daily", FlowRow, ("feed", "station_code", "date_day"), flows, HOURS),
        Fact("kpi_rebalancing_daily", TrucksRow, ("date_day", "feed"), trucks, ("fct_trips",)),
        Fact("kpi_bike_usage", BikeUsageRow, ("feed", "bike_id", "period", "period_start"), bike_usage, ("fct_trips",)),
        Fact("kpi_bike_health", BikeHealthRow, ("bike_id",), bike_health, (FEEDS, "fct_bike_locations", "fct_trips")),
        Fact("kpi_collection_daily", CollectionRow, ("feed", "date_day"), collection_days, (FEEDS,)),
        Fact("kpi_station_now", NowRow, ("feed", "station_code"), stations_now, (FEEDS, "fct_station_status")),
        Fact("kpi_critical_stations", CriticalRow, ("feed", "rank"), critical_now, (FEEDS, *HOURS)),
    )
}


def reference_rows(
    table: str, feeds: Mapping[str, Sequence[FullSnapshot]], made: dict[str, Sequence[Any]]
) -> Sequence[Any]:
    """The reference's rows of a table. `made` keeps what was made of these feeds before."""
    if table not in made:
        fact = FACTS[table]
        if fact.made_of:
            rows = fact.make(*(feeds if of == FEEDS else reference_rows(of, feeds, made) for of in fact.made_of))
            made[table] = [fact.row(*row) for row in rows]
        else:
            made[table] = [row for snapshots in feeds.values() for row in fact.make(snapshots)]
    return made[table]


# Metres and kilometres an hour: the haversine formula may be written in several ways, and seven digits of a distance are kept.
# So are seven of the ends of a fill rate. Everything else is exact.
# What is usual and what failed are rounded to six decimals, which halves may be either way.
_INEXACT = {
    "distance_m": 1e-3,
    "speed_min_kmh": 1e-5,
    **dict.fromkeys(("speed_kmh", "network_speed_kmh", "speed_ratio"), 1e-9),
    "fill_rate_min": 1e-7,
    "fill_rate_max": 1e-7,
    **dict.fromkeys(("usual_departures", "usual_arrivals", "failed_departures", "failed_arrivals"), 2e-6),
    "score": 3e-5,
}
_DIGITS = 1e-7


def mart_rows(cursor: Any, fact: Fact) -> list[Any]:
    """The table's rows, as the reference would have made them."""
    cursor.execute(f"select {', '.join(fact.row._fields)} from mart.{fact.table}")
    return [fact.row(*values) for values in cursor.fetchall()]


def differences(fact: Fact, mart: Sequence[Any], reference: Sequence[Any], most: int = 8) -> str:
    """What differs, in a few lines; empty where nothing does."""
    ours, theirs = _by_key(fact, mart), _by_key(fact, reference)
    doubled = [key for key, count in Counter(_key(fact, row) for row in mart).items() if count > 1]
    # As text, since a part of a key may be null.
    missing = sorted(theirs.keys() - ours.keys(), key=_text)
    unexpected = sorted(ours.keys() - theirs.keys(), key=_text)
    unequal = [key for key in sorted(ours.keys() & theirs.keys(), key=_text) if _unequal(ours[key], theirs[key])]
    if not (doubled or missing or unexpected or unequal):
        return ""
    lines = [
        f"{fact.table}: {len(mart)} rows in the mart, {len(reference)} in the reference; {len(missing)} missing, "
        f"{len(unexpected)} unexpected, {len(unequal)} unequal, {len(doubled)} keys doubled"
    ]
    lines += [f"  doubled    {_text(key)}" for key in doubled[:most]]
    lines += [f"  missing    {_text(theirs[key])}" for key in missing[:most]]
    lines += [f"  unexpected {_text(ours[key])}" for key in unexpected[:most]]
    for key in unequal[:most]:
        lines.append(f"  unequal    {_text(key)}")
        for name in _unequal(ours[key], theirs[key]):
            mine, its = getattr(ours[key], name), getattr(theirs[key], name)
            lines.append(f"      {name}: {_text((mine,))} in the mart, {_text((its,))} in the reference")
    return "\n".join(lines)


def _key(fact: Fact, row: Any) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in fact.key)


def _by_key(fact: Fact, rows: Sequence[Row]) -> dict[tuple[Any, ...], Row]:
    return {_key(fact, row): row for row in rows}


def _unequal(mine: Any, its: Any) -> list[str]:
    return [name for name in mine._fields if not _same(name, getattr(mine, name), getattr(its, name))]


def _same(name: str, mine: Any, its: Any) -> bool:
    if name in _INEXACT and mine is not None and its is not None:
        return math.isclose(mine, its, rel_tol=_DIGITS, abs_tol=_INEXACT[name])
    return bool(mine == its)


def _text(values: Sequence[Any]) -> str:
    return " | ".join("∅" if v is None else v.isoformat() if hasattr(v, "isoformat") else str(v) for v in values)
