"""The mart agrees, row by row, with the brute-force reconstruction from the full snapshots in tests/reference."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from reference import archives
from reference.compare import FACTS, differences, mart_rows, reference_rows
from reference.network import FullSnapshot, read_archive
from reference.station_kpis import HourRow
from reference.station_now import critical_at

from ingestion.loading.load import load
from velib.postgres.connections import connect_to

pytestmark = pytest.mark.slow

ALL_FACTS = ["fct_trips", "fct_bike_locations", "fct_station_status"]
TRIP_KPIS = ["kpi_trips_daily", "kpi_trip_duration_histogram", "kpi_routes_daily", "kpi_routes_monthly"]
STATION_KPIS = [
    *("kpi_station_hourly", "kpi_station_daily", "kpi_station_weekly", "kpi_station_monthly", "kpi_station_flow_daily"),
    *("kpi_network_hourly", "kpi_network_daily", "kpi_network_weekly", "kpi_network_monthly"),
    *("kpi_fill_heatmap", "kpi_station_now", "kpi_critical_stations"),
]
# Of Mainz no districts are known.
DISTRICT_KPIS = ["kpi_district_hourly", "kpi_district_daily", "kpi_district_weekly", "kpi_district_monthly"]
TRUCK_KPIS = ["kpi_rebalancing_daily"]
BIKE_KPIS = ["kpi_bike_usage", "kpi_bike_health"]
COLLECTION = "kpi_collection_daily"


def compare(archive: Path, database: str, tables: Sequence[str]) -> None:
    """Each table in turn; all of them are compared before the test fails."""
    found = []
    made: dict[str, Sequence[Any]] = {}
    feeds = read_archive([archive])
    with contextlib.closing(connect_to(database, "velib tests")) as connection, connection.cursor() as cursor:
        for table in tables:
            fact = FACTS[table]
            reference = reference_rows(table, feeds, made)
            assert reference, f"the reference has no {table}: there is nothing to compare"
            found.append(differences(fact, mart_rows(cursor, fact), reference))
        found += critical_as_of(cursor, feeds, reference_rows("kpi_station_hourly", feeds, made))
        if "fct_trips" in tables:
            cursor.execute("select count(*), count(distinct trip_id) from mart.fct_trips")
            rows, ids = cursor.fetchone()
            assert rows == ids, f"{rows} trips have {ids} ids"
    assert not any(found), "\n\n" + "\n".join(each for each in found if each)


def critical_as_of(cursor: Any, feeds: Mapping[str, Sequence[FullSnapshot]], hours: Sequence[HourRow]) -> list[str]:
    """mart.critical_stations within the archive, at its begin, and when it is over; as the role that is to use it."""
    fact = FACTS["kpi_critical_stations"]
    cursor.execute("set role velib_reader")
    found = []
    for feed, snapshots in feeds.items():
        first, middle, last = (snapshots[n].captured_at for n in (0, len(snapshots) // 2, -1))
        for as_of in (first, middle, middle + timedelta(seconds=100.5), last + timedelta(minutes=50)):
            cursor.execute(f"select {', '.join(fact.row._fields)} from mart.critical_stations(%s)", [as_of])
            rows = [fact.row(*row) for row in cursor.fetchall()]
            assert rows or as_of == first, f"nothing is critical at {as_of}: there is nothing to compare"
            found.append(differences(fact, rows, critical_at(feeds, feed, hours, as_of)))
    cursor.execute("reset role")
    return found


@pytest.mark.parametrize(
    ("archive", "tables"),
    [
        ("nextbike_mainz", [*ALL_FACTS, *TRIP_KPIS, *STATION_KPIS, *TRUCK_KPIS, *BIKE_KPIS, COLLECTION]),
        ("velib_opendata", ["fct_station_status", *STATION_KPIS, *DISTRICT_KPIS, COLLECTION]),
        ("simulated", [*ALL_FACTS, *TRIP_KPIS, *STATION_KPIS, *DISTRICT_KPIS, *TRUCK_KPIS, *BIKE_KPIS, COLLECTION]),
    ],
)
def test_the_mart_agrees_with_the_reference(
    archive: str, tables: list[str], fresh_database: str, velib_build: Callable[..., None], tmp_path: Path
) -> None:
    folder = archives.faulty_day(tmp_path / "day") if archive == "simulated" else archives.recording(archive)
    load([str(folder)])
    velib_build()
    compare(folder, fresh_database, tables)
