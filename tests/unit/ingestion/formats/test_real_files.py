"""Every recorded file is read, and says what a plain reading of its JSON says."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ingestion.formats import FormatError, detect, read
from ingestion.landing import capture_time
from ingestion.landing.files import LandingFile
from ingestion.landing.landing_zone import list_files
from ingestion.landing.landing_zone import read as read_file

DATA = Path(os.environ.get("VELIB_SHARED_DATA") or Path(__file__).parents[5] / "shared" / "data")
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no recorded files at {DATA}")


def some(folder: str, every: int) -> list[LandingFile]:
    return list_files([str(DATA / folder)])[::every]


def test_opendata() -> None:
    for file in some("velib_opendata", 8):
        payload = read_file(file, 1 << 26)
        form = detect(payload)
        assert form.name == "velib_opendata"
        rows: list[dict[str, Any]] = json.loads(payload)
        if not any(row["stationcode"] for row in rows):  # six of them are so
            with pytest.raises(FormatError, match="`stationcode` is missing in every entry"):
                read(form, payload)
            continue
        stations = read(form, payload)
        assert [station.code for station in stations] == [row["stationcode"] for row in rows]
        for station, row in zip(stations, rows, strict=True):
            if station.status is not None and station.attributes is not None:
                assert station.status.bikes_available == row["numbikesavailable"]
                assert station.status.bikes_electric == row["ebike"]
                assert station.attributes.name == row["name"]
                geo = row["coordonnees_geo"] or {"lat": None, "lon": None}
                assert (station.attributes.latitude, station.attributes.longitude) == (geo["lat"], geo["lon"])


def test_mainz() -> None:
    for file in some("nextbike_mainz", 12):
        payload = read_file(file, 1 << 26)
        form = detect(payload)
        assert form.name == "nextbike"
        places = json.loads(payload)["countries"][0]["cities"][0]["places"]
        stations = read(form, payload)
        powered = {b["bike_type"] for p in places for b in p["bike_list"] if b["pedelec_battery"] is not None}
        assert len(stations) == len(places)
        for station, place in zip(stations, places, strict=True):
            assert station.code == (str(place["number"]) if place["spot"] else None)
            listed = [(b["number"], b["bike_type"] in powered) for b in place["bike_list"]]
            assert [(bike.bike_id, bike.is_electric) for bike in station.bikes] == listed
            assert all((bike.latitude is None) == place["spot"] for bike in station.bikes)


@pytest.mark.parametrize(("folder", "zone"), [("velib_opendata", "Europe/Paris"), ("nextbike_mainz", "Europe/Berlin")])
def test_every_name_has_a_time(folder: str, zone: str) -> None:
    times = [capture_time.from_name(file.path, ZoneInfo(zone)) for file in some(folder, 1)]
    assert None not in times
    assert times == sorted(set(times))  # type: ignore[type-var]
