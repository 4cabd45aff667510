"""gbfs: versions 1.1, 2.x, 3.0 and Vélib's dialect; one document, the other, or both."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ingestion.formats import FORMATS, FormatError, detect, read
from ingestion.formats.model import Station

from .samples import GBFS_INFORMATION, GBFS_STATUS, encode, gbfs, varied

FORMAT = FORMATS["gbfs"]
TYPES = {
    "data": {
        "vehicle_types": [
            {"vehicle_type_id": "m", "propulsion_type": "human"},
            {"vehicle_type_id": "e", "propulsion_type": "electric_assist"},
            {"vehicle_type_id": "s", "propulsion_type": "electric"},
        ]
    }
}


def one(**changes: Any) -> Station:
    return read(FORMAT, encode(gbfs(varied(GBFS_STATUS, **changes))))[0]


def counts(station: Station) -> tuple[int | None, ...]:
    assert station.status is not None
    return station.status[1:4]


def test_status_alone() -> None:
    payload = encode(gbfs(GBFS_STATUS))
    assert detect(payload) is FORMAT
    assert FORMAT.feed(payload) == "gbfs"
    station = one()
    assert station.code == "213688169"
    assert station.status is not None
    assert station.attributes is not None
    assert {k: v for k, v in station.status._asdict().items() if v is not None} == {
        "state": "Operative",
        "bikes_available": 5,
        "docks_free": 30,
        "is_renting": True,
        "is_returning": True,
    }
    assert {k: v for k, v in station.attributes._asdict().items() if v is not None} == {"state": "Operative"}
    assert (station.bikes, station.bikes_counted) == ((), None)


def test_information_alone_is_a_feed_of_its_own() -> None:
    for document in (gbfs(GBFS_INFORMATION), {"station_information": gbfs(GBFS_INFORMATION)}):
        payload = encode(document)
        assert detect(payload) is FORMAT
        assert FORMAT.feed(payload) == "gbfs_information"
        [station] = read(FORMAT, payload)
        assert (station.code, station.status) == ("213688169", None)
        assert station.attributes is not None
        assert station.attributes[:5] == ("Place", 48.8, 2.3, 35, None)


def test_both_joined_by_id() -> None:
    other = varied(GBFS_STATUS, station_id="2")
    only_information = varied(GBFS_INFORMATION, station_id="3")
    payload = encode(
        {"station_status": gbfs(other, GBFS_STATUS), "station_information": gbfs(only_information, GBFS_INFORMATION)}
    )
    assert FORMAT.feed(payload) == "gbfs"
    without, joined = read(FORMAT, payload)
    assert (without.code, joined.code) == ("2", "213688169")
    assert without.attributes is not None
    assert joined.attributes is not None
    assert joined.status is not None
    assert without.attributes.name is None
    assert joined.attributes.name == "Place"
    assert joined.status.docks_total == joined.attributes.capacity == 35


def test_velib_dialect() -> None:
    status = varied(
        GBFS_STATUS,
        station_id=213688169,
        stationCode="16107",
        numBikesAvailable=2,
        num_bikes_available=2,
        num_bikes_available_types=[{"mechanical": 0}, {"ebike": 2}],
        is_installed=1,
        is_renting=1,
        is_returning=0,
    )
    document = {"lastUpdatedOther": 1700000000, "ttl": 3600, "data": {"stations": [status]}}
    payload = encode(document)
    assert detect(payload) is FORMAT
    [station] = read(FORMAT, payload)
    assert station.code == "16107"
    assert counts(station) == (2, 0, 2)
    assert station.status is not None
    assert (station.status.state, station.status.is_returning) == ("Close", False)
    assert FORMAT.captured_at(payload) == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    information = {"stationCode": "16107", "station_id": 213688169, "name": "B", "lat": 48.8, "lon": 2.2, "capacity": 3}
    both = {"station_status": document, "station_information": {"data": {"stations": [information]}}}
    [station] = read(FORMAT, encode(both))
    assert station.code == "16107"
    assert station.attributes is not None
    assert station.attributes.name == "B"


def test_files_with_the_same_vehicle_types_share_them() -> None:
    """Of each entry they are compared with another's: one object is equal to itself at once."""
    statuses = (varied(GBFS_STATUS, num_bikes_available=n) for n in (1, 2))
    payloads = (encode({"station_status": gbfs(status), "vehicle_types": TYPES}) for status in statuses)
    one, other = (FORMAT.split(payload)[0] for payload in payloads)
    assert one.propulsion is not None
    assert one.propulsion is other.propulsion


def test_version_3() -> None:
    status = varied(
        GBFS_STATUS, num_bikes_available=..., num_vehicles_available=6, last_reported="2026-06-01T10:00:00Z"
    )
    status["vehicle_types_available"] = [
        {"vehicle_type_id": "m", "count": 1},
        {"vehicle_type_id": "e", "count": 2},
        {"vehicle_type_id": "s", "count": 3},
    ]
    names = [{"text": "Place", "language": "fr"}, {"text": "Square", "language": "en"}]
    payload = encode(
        {
            "station_status": gbfs(status, version="3.0", last_updated="2026-06-01T12:00:00+02:00"),
            "station_information": gbfs(varied(GBFS_INFORMATION, name=names), version="3.0"),
            "vehicle_types": TYPES,
        }
    )
    [station] = read(FORMAT, payload)
    assert counts(station) == (6, 1, 5)
    assert station.attributes is not None
    assert station.attributes.name == "Place"
    assert FORMAT.captured_at(payload) == datetime(2026, 6, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (5, None, None)),
        ({"num_ebikes_available": 2}, (5, 3, 2)),
        ({"num_ebikes_available": 7}, (5, None, 7)),
        ({"num_bikes_available_types": {"mechanical": 1, "ebike": 4}}, (5, 1, 4)),
        ({"num_bikes_available_types": [{"ebike": 4}]}, (5, None, 4)),
        ({"num_bikes_available_types": []}, (5, None, None)),
        ({"vehicle_types_available": [{"vehicle_type_id": "e", "count": 5}]}, (5, None, None)),
        ({"num_bikes_available": "5"}, (5, None, None)),
    ],
)
def test_mechanical_and_electric(changes: dict[str, Any], expected: tuple[int | None, ...]) -> None:
    assert counts(one(**changes)) == expected


def test_an_unknown_vehicle_type_leaves_the_split_unknown() -> None:
    status = varied(GBFS_STATUS, vehicle_types_available=[{"vehicle_type_id": "new", "count": 5}])
    payload = encode({"station_status": gbfs(status), "vehicle_types": TYPES})
    assert counts(read(FORMAT, payload)[0]) == (5, None, None)


def test_entries_carry_the_vehicle_types() -> None:
    with_types, without = (
        FORMAT.split(encode({"station_status": gbfs(GBFS_STATUS)} | more)) for more in ({"vehicle_types": TYPES}, {})
    )
    assert with_types != without


def test_last_reported_makes_no_change() -> None:
    assert one() == one(last_reported=1)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (1700000000, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("1700000000", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("2023-11-14T22:13:20Z", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("2023-11-14T23:13:20+01:00", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("2023-11-14T22:13:20", None),
        (0, None),
        (10**20, None),
        ("soon", None),
        (None, None),
    ],
)
def test_captured_at(stated: object, expected: datetime | None) -> None:
    assert FORMAT.captured_at(encode(gbfs(GBFS_STATUS, last_updated=stated))) == expected


@pytest.mark.parametrize("field", ["num_bikes_available", "station_id"])
def test_required(field: str) -> None:
    with pytest.raises(FormatError, match=f"field `{field}` is missing in entry 1"):
        one(**{field: ...})
