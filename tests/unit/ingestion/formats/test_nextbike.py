"""nextbike: stations, bikes in the street, and the file-level rule that says which bikes are electric."""

from __future__ import annotations

from typing import Any

import pytest

from ingestion.formats import FORMATS, FormatError, detect, read
from ingestion.formats.model import Bike, Station

from .samples import NEXTBIKE_STATION, NEXTBIKE_STREET, encode, nextbike, varied

FORMAT = FORMATS["nextbike"]


def one(**changes: Any) -> Station:
    return read(FORMAT, encode(nextbike(varied(NEXTBIKE_STATION, **changes))))[0]


def bike(number: str, electric: bool, status: str = "disponible", battery: int | None = None) -> Bike:
    return Bike(number, electric, status, battery_percent=battery)


def test_a_station() -> None:
    payload = encode(nextbike(NEXTBIKE_STATION))
    assert detect(payload) is FORMAT
    assert FORMAT.feed(payload) == "nextbike"
    station = one()
    assert station.code == "42500"
    assert station.attributes is not None
    assert station.status is not None
    assert {k: v for k, v in station.attributes._asdict().items() if v is not None} == {
        "name": "Dyckerhoffstraße",
        "latitude": 50.03,
        "longitude": 8.26,
        "capacity": 8,
        "state": "Operative",
        "city_name": "Mainz",
    }
    assert {k: v for k, v in station.status._asdict().items() if v is not None} == {
        "state": "Operative",
        "bikes_available": 3,
        "bikes_mechanical": 1,
        "bikes_electric": 2,
        "docks_free": 5,
        "docks_total": 8,
    }
    assert station.bikes_counted == 3
    assert station.bikes == (
        bike("555583", False),
        bike("556068", True, battery=58),
        bike("556069", True, "indisponible"),
    )


def test_files_with_the_same_electric_types_share_them() -> None:
    """Of each entry they are compared with another's: one object is equal to itself at once."""
    one, other = (FORMAT.split(encode(nextbike(varied(NEXTBIKE_STATION, bikes=n))))[0] for n in (3, 4))
    assert one.electric_types
    assert one.electric_types is other.electric_types


def test_a_bike_in_the_street() -> None:
    street = read(FORMAT, encode(nextbike(NEXTBIKE_STREET)))[0]
    expected = bike("556330", False, "indisponible")._replace(latitude=50.01, longitude=8.21)
    assert street == Station(None, None, None, (expected,), 1)


def test_electric_types_are_a_rule_of_the_file() -> None:
    """One bike that states a battery makes all of its type electric, so no entry may pass as unchanged."""
    silent = varied(NEXTBIKE_STREET)
    speaking = varied(NEXTBIKE_STREET)
    speaking["bike_list"][0]["pedelec_battery"] = 5
    before, after = (FORMAT.split(encode(nextbike(NEXTBIKE_STATION, place))) for place in (silent, speaking))
    assert before[0] != after[0]
    assert FORMAT.parse(before[0]).bikes[0].is_electric is False
    assert FORMAT.parse(after[0]).bikes[0].is_electric is True
    assert FORMAT.split(encode(nextbike(NEXTBIKE_STATION, silent))) == before


def test_a_battery_of_zero_without_a_pack_is_none() -> None:
    plain = {"number": "1", "bike_type": 20, "pedelec_battery": 0}
    empty = {"number": "2", "bike_type": 21, "pedelec_battery": 0, "battery_pack": {"percentage": 0}}
    assert one(bike_list=[plain, empty]).bikes == (bike("1", False), bike("2", True, battery=0))


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"maintenance": True}, "Work in progress"),
        ({"maintenance": True, "active_place": 0}, "Work in progress"),
        ({"active_place": 0}, "Close"),
        ({"active_place": False}, "Close"),
        ({"active_place": ..., "maintenance": ...}, "Operative"),
    ],
)
def test_state(changes: dict[str, Any], state: str) -> None:
    station = one(**changes)
    assert station.status is not None
    assert station.status.state == state


def test_without_a_bike_list() -> None:
    station = one(bike_list=...)
    assert station.status is not None
    assert (station.bikes, station.bikes_counted) == ((), 3)
    assert (station.status.bikes_mechanical, station.status.bikes_electric) == (None, None)


def test_several_countries_and_cities() -> None:
    whole = nextbike(NEXTBIKE_STATION)
    other = nextbike(varied(NEXTBIKE_STATION, number="7", bike_list=[]), city="Köln")
    whole["countries"] += other["countries"] + [{"cities": []}]
    stations = read(FORMAT, encode(whole))
    assert [(s.code, s.attributes and s.attributes.city_name) for s in stations] == [("42500", "Mainz"), ("7", "Köln")]


@pytest.mark.parametrize("field", ["number", "bikes"])
def test_required(field: str) -> None:
    with pytest.raises(FormatError, match=f"field `{field}` is missing in entry 1"):
        one(**{field: ...})


def test_a_place_that_is_neither_is_an_error() -> None:
    with pytest.raises(FormatError, match="field `spot` is missing"):
        one(spot=..., bike=...)
