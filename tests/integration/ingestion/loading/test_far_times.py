"""Clocks that were wrong by decades: whatever capture time a file is accepted with, the marts are built, and can be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny import app, put, station

from ingestion.landing.capture_time import EARLIEST, LATEST
from ingestion.loading.load import load
from velib.core import settings

pytestmark = pytest.mark.slow

# So many movements of a century are more microseconds than a bigint holds.
BIKES = [f"b{number}" for number in range(4000)]
TIMES = [
    [f"{EARLIEST:%Y%m%d_%H%M%S}", f"{EARLIEST:%Y%m%d}_000500"],
    ["20240602_080000", "20240602_080500", "20240602_081000"],
    [f"{LATEST.year - 1}1231_230000", f"{LATEST.year - 1}1231_235959"],
]


def _snapshot(at_first: int) -> bytes:
    return app([station("1001", BIKES[:at_first]), station("1002", BIKES[at_first:])])


def test_a_build_fails_on_no_accepted_time(
    folder: Path, cursor: Any, raw: Any, velib_build: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.MAX_AHEAD, "1000000")
    for number, names in enumerate(TIMES):
        for at, name in enumerate(names):
            put(folder / f"{name}_UTC.json", _snapshot(4000 if (number + at) % 2 else 10))
        done = load([str(folder)])
        assert (done.new, done.quarantined) == (len(names), [])
        velib_build("--full" if number == len(TIMES) - 1 else "--no-tests")
    cursor.execute("select max(duration_seconds), sum(trips) from mart.kpi_trips_daily where trip_type = 'gap'")
    longest, movements = cursor.fetchone()
    assert longest > 2**31 * 100
    assert movements == 2 * 3990
    cursor.execute("select max(microseconds) from intermediate.int_movement_sums where subject = 'day'")
    assert cursor.fetchone()[0] > 2**63
    cursor.execute(
        "select format('%I.%I', table_schema, table_name) from information_schema.tables where table_schema in ('mart', 'compat')"
        # One row a snapshot and bike,: asked for a part, as their pages say.
        " and table_name not in ('localisation_velo', 'etat_station')"
    )
    for (relation,) in cursor.fetchall():
        cursor.execute(f"select count(*) from (select * from {relation} offset 0) as read")


def test_a_day_of_very_many_bikes(folder: Path, cursor: Any, raw: Any, velib_build: Callable[..., None]) -> None:
    """What a station's day adds up to may be more than an integer holds, with counts that are accepted."""
    for minute in range(0, 24 * 60, 40):
        full = [station("1001", ["b"], nbBike=32767, nbDock=16000, nbFreeDock=minute % 2, nbEDock=16000)]
        put(folder / f"20260602_{minute // 60:02}{minute % 60:02}00_UTC.json", app(full))
    assert load([str(folder)]).quarantined == []
    velib_build("--no-tests")
    cursor.execute("select bike_seconds, dock_seconds from mart.kpi_station_daily order by date_day limit 1")
    assert all(seconds > 2**31 for seconds in cursor.fetchone())
