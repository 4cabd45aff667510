"""The mart agrees, row by row, with the brute-force reconstruction from the full snapshots in tests/reference."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from reference import archives
from reference.compare import FACTS, differences, mart_rows, reference_rows
from reference.network import read_archive

from ingestion.load import load
from warehouse.database import connect_to

pytestmark = pytest.mark.slow

TRIP_KPIS = ["kpi_trips_daily", "kpi_trip_duration_histogram", "kpi_routes_daily", "kpi_routes_monthly"]
STATION_KPIS = ["kpi_station_hourly", "kpi_station_daily", "kpi_network_hourly", "kpi_fill_heatmap"]


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
        if "fct_trips" in tables:
            cursor.execute("select count(*), count(distinct trip_id) from mart.fct_trips")
            rows, ids = cursor.fetchone()
            assert rows == ids, f"{rows} trips have {ids} ids"
    assert not any(found), "\n\n" + "\n".join(each for each in found if each)


@pytest.mark.parametrize(
    ("archive", "tables"),
    [
        ("nextbike_mainz", ["fct_trips", "fct_bike_locations", "fct_station_status", *TRIP_KPIS, *STATION_KPIS]),
        ("velib_opendata", ["fct_station_status", *STATION_KPIS]),
        ("simulated", ["fct_trips", "fct_bike_locations", "fct_station_status", *TRIP_KPIS, *STATION_KPIS]),
    ],
)
def test_the_mart_agrees_with_the_reference(
    archive: str, tables: list[str], fresh_database: str, velib_build: Callable[..., None], tmp_path: Path
) -> None:
    folder = archives.faulty_day(tmp_path / "day") if archive == "simulated" else archives.recording(archive)
    load([str(folder)])
    velib_build()
    compare(folder, fresh_database, tables)
