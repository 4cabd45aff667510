"""velib_app: every field, the variants of real data, leniency."""

from __future__ import annotations

from typing import Any

import pytest

from ingestion.formats import FORMATS, FormatError, detect, read
from ingestion.formats.model import Attributes, Bike, Station, Status

from .samples import VELIB_APP, encode, varied

FORMAT = FORMATS["velib_app"]


def one(**changes: Any) -> Station:
    return read(FORMAT, encode([varied(VELIB_APP, **changes)]))[0]


def test_every_field() -> None:
    station = one()
    assert station._replace(pieces=()) == Station(
        code="16107",
        attributes=Attributes(
            name="Benjamin Godard - Victor Hugo",
            latitude=48.865983,
            longitude=2.275725,
            capacity=35,
            state="Operative",
            station_type="STATION",
            type="yes",
            max_overflow=35,
            credit_card="no",
            kiosk_state="yes",
            overflow="no",
            overflow_activation="yes",
            is_altitude=False,
        ),
        status=Status("Operative", 4, 3, 1, 0, 30, 0, 35, 0, 2, 4, 5, 1),
        bikes=(
            Bike("08047", True, "disponible", "12", 55, 4.5, 7, "2026-06-01T12:34:56.000Z"),
            Bike("60001", False, "indisponible", block_cause="PUNCTURE"),
        ),
        bikes_counted=4,
    )
    assert type(station.bikes[0]) is Bike
    assert type(station.bikes[0].battery_percent) is int


def test_detected_and_its_own_feed() -> None:
    payload = encode([VELIB_APP])
    assert detect(payload) is FORMAT
    assert FORMAT.matches(payload)
    assert FORMAT.feed(payload) == "velib_app"
    assert FORMAT.captured_at(payload) is None


@pytest.mark.parametrize(
    "field",
    [
        "station__stationType",
        "station__gps",
        "station__state",
        "station__name",
        "nbBikeBlockedToCollect",
        "nbBikeBlockedToFixInStation",
        "isAltitude",
        "nbDock",
        "creditCard",
    ],
)
def test_what_may_be_missing_or_null(field: str) -> None:
    assert one(**{field: ...}) == one(**{field: None})


def test_no_bikes_listed() -> None:
    assert one(bikes=...).bikes == one(bikes=None).bikes == one(bikes=[]).bikes == ()
    assert one(bikes=...).bikes_counted == 4


def test_a_field_that_ticks_makes_no_change() -> None:
    assert one() == one(station__dueDate=1) == one(somethingNew={"deep": [1]})


@pytest.mark.parametrize(
    ("changes", "path", "expected"),
    [
        ({"nbBike": "12"}, "status.bikes_mechanical", 12),
        ({"nbBike": 12.0}, "status.bikes_mechanical", 12),
        ({"nbFreeDock": -1}, "status.docks_free", -1),
        ({"station__code": 16107}, "code", "16107"),
        ({"station__code": "31024_relais"}, "code", "31024_relais"),
        ({"station__gps__latitude": "48.5"}, "attributes.latitude", 48.5),
        ({"creditCard": True}, "attributes.credit_card", "yes"),
        ({"isAltitude": "YES"}, "attributes.is_altitude", True),
        ({"isAltitude": 0}, "attributes.is_altitude", False),
        ({"station__state": "Neutralised"}, "status.state", "Neutralised"),
        ({"nbDock": None}, "attributes.capacity", 35),
    ],
)
def test_lenient_where_unambiguous(changes: dict[str, Any], path: str, expected: object) -> None:
    value: Any = one(**changes)
    for name in path.split("."):
        value = getattr(value, name)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("field", "given", "name", "expected"),
    [
        ("dockPosition", 12, "dock", "12"),
        ("dockPosition", "012", "dock", "012"),
        ("bikeName", 8047, "bike_id", "8047"),
        ("bikeRate", "3.5", "rate", 3.5),
        ("bikeElectric", True, "is_electric", True),
        ("bikeElectric", "No", "is_electric", False),
        ("bikeElectric", None, "is_electric", None),
        ("bikeBatteryLevel", "57", "battery_percent", 57),
        ("bikeBatteryLevel", 56.6, "battery_percent", 57),
        ("lastRateDate", 1700000000000, "last_rated_at", "1700000000000"),
        ("numberOfRates", "4", "rates_count", 4),
    ],
)
def test_lenient_bikes(field: str, given: object, name: str, expected: object) -> None:
    bike = varied(VELIB_APP)["bikes"][0] | {field: given}
    value = getattr(one(bikes=[bike]).bikes[0], name)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    "name", ["'; drop table x; --", "<script>alert(1)</script>", "\x1b[31mred\x1b[0m", "🚲 œ 漢字", "a\nb", "\\u0000"]
)
def test_text_passes_untouched(name: str) -> None:
    station = one(station__name=name, bikes=[{"bikeName": name}])
    assert station.attributes is not None
    assert station.attributes.name == station.bikes[0].bike_id == name


def test_entries_compare_by_content() -> None:
    first, second = (FORMAT.split(encode([VELIB_APP, varied(VELIB_APP, nbBike=9)])) for _ in range(2))
    assert first == second
    assert first[0] != second[1]


def test_an_error_names_field_and_entry() -> None:
    broken = [VELIB_APP] * 16 + [varied(VELIB_APP, station__code=...)]
    with pytest.raises(FormatError) as caught:
        read(FORMAT, encode(broken))
    assert str(caught.value) == "field `code` is missing in entry 17's `station`"
    assert caught.value.reason == "missing_field"
