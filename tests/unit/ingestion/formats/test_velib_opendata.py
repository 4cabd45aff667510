"""velib_opendata: three envelopes, two kinds of position, rows without a code."""

from __future__ import annotations

from typing import Any

import pytest

from ingestion.formats import FORMATS, FormatError, detect, read
from ingestion.formats.model import Station

from .samples import OPENDATA, encode, varied

FORMAT = FORMATS["velib_opendata"]


def one(**changes: Any) -> Station:
    return read(FORMAT, encode([varied(OPENDATA, **changes)]))[0]


def test_every_field() -> None:
    station = one()
    assert station.code == "44015"
    assert station.attributes is not None
    assert station.status is not None
    assert station.bikes == ()
    assert station.bikes_counted is None
    told = {name: value for name, value in station.attributes._asdict().items() if value is not None}
    assert told == {
        "name": "Rouget de L'isle - Watteau",
        "latitude": 48.7781,
        "longitude": 2.3963,
        "capacity": 20,
        "state": "Operative",
        "insee_code": "94081",
        "city_name": "Vitry-sur-Seine",
    }
    told = {name: value for name, value in station.status._asdict().items() if value is not None}
    assert told == {
        "state": "Operative",
        "bikes_available": 17,
        "bikes_mechanical": 9,
        "bikes_electric": 8,
        "docks_free": 1,
        "docks_total": 20,
        "is_renting": True,
        "is_returning": True,
    }


@pytest.mark.parametrize(
    "payload",
    [
        [OPENDATA],
        {"total_count": 1, "results": [OPENDATA]},
        {
            "nhits": 1,
            "parameters": {"rows": 1},
            "records": [
                {
                    "recordid": "x",
                    "fields": varied(OPENDATA, coordonnees_geo=[48.7781, 2.3963]),
                    "geometry": {"type": "Point", "coordinates": [2.3963, 48.7781]},
                    "record_timestamp": "2024-11-03T23:20:00Z",
                }
            ],
        },
    ],
    ids=["v2.1 export", "v2.1 records", "v1 records"],
)
def test_envelopes(payload: Any) -> None:
    data = encode(payload)
    assert detect(data) is FORMAT
    assert read(FORMAT, data) == [one()]
    assert FORMAT.captured_at(data) is None
    assert FORMAT.feed(data) == "velib_opendata"


def test_null_attributes() -> None:
    station = one(name=None, capacity=None, coordonnees_geo=None, nom_arrondissement_communes=None)
    assert station.attributes is not None
    assert station.attributes[:4] == (None, None, None, None)


@pytest.mark.parametrize("code", [None, "", ...])
def test_a_row_without_a_code_is_no_station(code: object) -> None:
    row = varied(OPENDATA, stationcode=code, mechanical=None)
    stations = read(FORMAT, encode([OPENDATA, row]))
    assert [station.code for station in stations] == ["44015", None]
    assert stations[1].status is None


@pytest.mark.parametrize(
    ("flags", "state"),
    [
        (("OUI", "OUI", "OUI"), "Operative"),
        (("OUI", "NON", "OUI"), "Close"),
        (("NON", "NON", "NON"), "Close"),
        (("OUI", None, "OUI"), "Close"),
        ((1, True, "oui"), "Operative"),
        ((None, None, None), None),
    ],
)
def test_state(flags: tuple[Any, Any, Any], state: str | None) -> None:
    station = one(is_installed=flags[0], is_renting=flags[1], is_returning=flags[2])
    assert station.status is not None
    assert station.attributes is not None
    assert station.status.state == station.attributes.state == state


def test_duedate_makes_no_change() -> None:
    assert one() == one(duedate="2020-01-01T00:00:00+01:00")


@pytest.mark.parametrize("value", [None, ...])
def test_bikes_must_be_counted(value: object) -> None:
    with pytest.raises(FormatError, match="field `numbikesavailable` is missing in entry 1"):
        one(numbikesavailable=value)
