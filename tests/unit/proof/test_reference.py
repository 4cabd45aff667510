"""The brute-force reference itself, rule by rule, on networks small enough to be worked out by hand."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import xxhash
from reference.facts import (
    OPEN,
    BikeLocationRow,
    StationStatusRow,
    TripRow,
    bike_locations,
    station_status,
    trips,
)
from reference.network import FullSnapshot, UnacceptableError, full_snapshot, listed_more_than_once, read_archive

from ingestion.formats.model import Attributes, Bike, Station, Status

START = datetime(2026, 6, 2, 8, tzinfo=UTC)
NO_STATUS = Status()
# Minute -> station code -> its bikes; the code `street` is the street, a station left out is unobserved.
History = Mapping[Any, Mapping[str, Sequence[Bike]]]
NOWHERE = Attributes()


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def bike(
    bike_id: str = "b",
    dock: str | None = None,
    status: str = "disponible",
    battery: int | None = None,
    electric: bool | None = False,
    latitude: float | None = None,
) -> Bike:
    return Bike(bike_id, electric, status, dock, battery, latitude=latitude, longitude=latitude)


def station(
    code: str | None,
    *bikes: Bike,
    status: Status | None = NO_STATUS,
    counted: int | None = None,
    latitude: float | None = None,
) -> Station:
    attributes = NOWHERE._replace(latitude=latitude, longitude=None if latitude is None else 2.35)
    return Station(code, attributes, status, bikes, counted)


def street(*bikes: Bike) -> Station:
    return Station(None, None, None, bikes, None)


def snap(minutes: float, *entries: Station) -> FullSnapshot:
    return full_snapshot("f", at(minutes), entries)


def history(bikes_by_minute: History) -> list[FullSnapshot]:
    """The snapshots that `History` describes."""
    return [
        snap(
            minutes, *(street(*bikes) if code == "street" else station(code, *bikes) for code, bikes in listed.items())
        )
        for minutes, listed in bikes_by_minute.items()
    ]


HERE = [bike()]
NONE: list[Bike] = []


# --- one file --------------------------------------------------------------------------------------------------------


def test_a_bike_listed_twice_counts_at_the_station_whose_code_sorts_first() -> None:
    snapshot = snap(0, street(bike("x"), bike("y")), station("9", bike("x")), station("10", bike("x", dock="3")))
    assert snapshot.bikes["x"] == ("10", bike("x", dock="3"))
    assert snapshot.bikes["y"] == (None, bike("y"))
    assert listed_more_than_once(snapshot) == {"x"}


def test_the_first_listing_counts_within_a_station_and_the_first_entry_of_a_code() -> None:
    snapshot = snap(0, station("A", bike("x", dock="1"), bike("x", dock="2")), station("A", bike("y")))
    assert snapshot.bikes == {"x": ("A", bike("x", dock="1"))}


def test_entries_without_a_code_are_no_stations() -> None:
    assert set(snap(0, station(None), station("A")).stations) == {"A"}
    assert not snap(0, station(None), station(None)).stations  # all unobserved
    assert snap(0, street(bike())).bikes


@pytest.mark.parametrize(("without", "acceptable"), [(0, True), (2, True), (3, False)])
def test_a_file_that_contradicts_itself(without: int, acceptable: bool) -> None:
    entries = [station(f"{n}", counted=1) for n in range(without)]
    entries += [station(f"{n}", bike(f"{n}"), counted=1) for n in range(without, 10)]
    entries += [station(f"empty {n}", counted=0) for n in range(50)]  # count none, so they do not dilute the share
    if acceptable:
        snap(0, *entries)
    else:
        with pytest.raises(UnacceptableError):
            snap(0, *entries)


def payload(bikes: int) -> bytes:
    return json.dumps([app_entry(bikes)]).encode()


def app_entry(bikes: int) -> dict[str, Any]:
    names = [f"{number}" for number in range(bikes)]
    return {
        "station": {"gps": {"latitude": 48.9, "longitude": 2.3}, "state": "Operative", "name": "n", "code": "1"},
        "nbBike": bikes,
        "nbEbike": 0,
        "nbFreeDock": 0,
        "nbFreeEDock": 0,
        "nbDock": 9,
        "nbEDock": 0,
        "bikes": [{"bikeName": name, "bikeElectric": "no", "bikeStatus": "disponible"} for name in names],
    }


def test_an_archive_is_read_in_time_order_without_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a_20260602_100000.json").write_bytes(payload(1))
    (tmp_path / "b_20260602T070000Z.json.gz").write_bytes(gzip.compress(payload(2)))
    (tmp_path / "c_20260602_100500.json.gz").write_bytes(gzip.compress(payload(3))[:-20])
    (tmp_path / "d_20260602_101000.json").write_bytes(b"[]")
    (tmp_path / "e_20260602_101500.json").write_bytes(b"")
    (tmp_path / "without a time.json").write_bytes(payload(4))
    (tmp_path / ".f_20260602_102000.json").write_bytes(payload(5))
    (tmp_path / "notes.txt").write_bytes(b"no snapshot")
    archive = read_archive([tmp_path])
    assert [(s.captured_at, len(s.bikes)) for s in archive["velib_app"]] == [(at(-60), 2), (at(0), 1)]


def test_of_two_files_of_one_time_the_smaller_hash_counts(tmp_path: Path) -> None:
    payloads = [payload(number) for number in (1, 2, 2, 3)]
    for number, content in enumerate(payloads):
        (tmp_path / f"{number}_20260602_100000.json.gz").write_bytes(gzip.compress(content))
    chosen = min(payloads, key=lambda content: xxhash.xxh3_128(content).hexdigest())
    assert [len(s.bikes) for s in read_archive([tmp_path])["velib_app"]] == [len(json.loads(chosen)[0]["bikes"])]


# --- station status --------------------------------------------------------------------------------------------------

EMPTY, FULL = NO_STATUS._replace(bikes_mechanical=0), NO_STATUS._replace(bikes_mechanical=9)
UNLISTED = "unlisted"


def statuses(by_minute: dict[float, Status | str | None]) -> list[StationStatusRow]:
    """The rows of station A; a station Z is always listed, so that there is a snapshot without A."""
    snapshots = [
        snap(minutes, station("Z"), *([] if isinstance(status, str) else [station("A", status=status)]))
        for minutes, status in by_minute.items()
    ]
    return [row for row in station_status(snapshots) if row.station_code == "A"]


def spans(rows: Sequence[StationStatusRow]) -> list[tuple[int | None, datetime, datetime]]:
    return [(row.bikes_mechanical, row.valid_from, row.valid_to) for row in rows]


def test_a_status_lasts_to_the_next_different_one() -> None:
    rows = statuses({0: EMPTY, 5: EMPTY, 10: FULL, 15: EMPTY})
    assert spans(rows) == [(0, at(0), at(10)), (9, at(10), at(15)), (0, at(15), OPEN)]


def test_a_status_ends_where_its_station_is_not_listed_and_begins_anew_after_it() -> None:
    assert spans(statuses({0: EMPTY, 5: EMPTY, 10: UNLISTED, 15: UNLISTED, 20: EMPTY, 25: EMPTY})) == [
        (0, at(0), at(10)),
        (0, at(20), OPEN),
    ]
    assert spans(statuses({0: EMPTY, 5: UNLISTED})) == [(0, at(0), at(5))]


def test_a_status_ends_before_a_gap_and_begins_anew_after_it() -> None:
    assert spans(statuses({0: EMPTY, 5: EMPTY, 50: EMPTY, 96: EMPTY})) == [(0, at(0), at(50)), (0, at(96), OPEN)]


def test_a_status_first_seen_just_before_a_gap_leaves_no_row() -> None:
    assert spans(statuses({0: EMPTY, 5: FULL, 60: FULL})) == [(0, at(0), at(5)), (9, at(60), OPEN)]


def test_a_gap_ends_a_status_also_where_the_station_is_not_listed_after_it() -> None:
    assert spans(statuses({0: EMPTY, 5: EMPTY, 60: UNLISTED, 65: EMPTY})) == [
        (0, at(0), at(5)),
        (0, at(65), OPEN),
    ]


def test_a_feed_without_status_has_no_rows() -> None:
    assert statuses({0: None, 5: None}) == []


def test_rows_split_on_every_field_and_sum_both_kinds_of_docks() -> None:
    one = NO_STATUS._replace(docks_free=1, edocks_free=2, docks_total=4)
    rows = statuses({0: one, 5: one._replace(docks_free=2, edocks_free=1)})
    assert [(row.docks_free, row.docks_total, row.bikes_overflow) for row in rows] == [(3, 4, None), (3, 4, None)]


# --- bike locations --------------------------------------------------------------------------------------------------


def places(snapshots: list[FullSnapshot]) -> list[tuple[str | None, str | None, datetime, datetime]]:
    return [(r.station_code, r.dock, r.valid_from, r.valid_to) for r in bike_locations(snapshots)]


def test_a_location_ends_where_the_bike_is_elsewhere_or_gone() -> None:
    moves = history({0: {"A": HERE, "B": NONE}, 5: {"A": NONE, "B": HERE}, 10: {"A": NONE, "B": NONE}})
    assert places(moves) == [("A", None, at(0), at(5)), ("B", None, at(5), at(10))]
    street_then_gone = history({0: {"street": HERE, "A": NONE}, 5: {"A": NONE}, 10: {"A": HERE}})
    assert places(street_then_gone) == [(None, None, at(0), at(5)), ("A", None, at(10), OPEN)]


def test_dock_and_status_split_a_location_and_nothing_else_does() -> None:
    first = bike(dock="1", battery=80)
    seen = [first, first._replace(battery_percent=70, rate=3.5), first._replace(dock="2")]
    seen.append(seen[-1]._replace(status="indisponible"))
    rows = bike_locations(history({5 * n: {"A": [each]} for n, each in enumerate(seen)}))
    assert rows == [
        BikeLocationRow("f", "b", "A", "1", "disponible", at(0), at(10)),
        BikeLocationRow("f", "b", "A", "2", "disponible", at(10), at(15)),
        BikeLocationRow("f", "b", "A", "2", "indisponible", at(15), OPEN),
    ]
    rolling = history({0: {"street": [bike(latitude=48.1)]}, 5: {"street": [bike(latitude=48.2)]}})
    assert places(rolling) == [(None, None, at(0), OPEN)]


def test_unobserved_stations_and_gaps_are_bridged() -> None:
    assert places(history({0: {"A": HERE}, 5: {"Z": NONE}, 90: {"Z": NONE}, 95: {"A": HERE}})) == [
        ("A", None, at(0), OPEN)
    ]


def test_a_station_listed_again_without_the_bike_ends_its_location() -> None:
    gone = history({0: {"A": HERE}, 5: {"Z": NONE}, 10: {"A": NONE}})
    assert places(gone) == [("A", None, at(0), at(10))]
    seen_before = history({0: {"A": HERE}, 5: {"Z": HERE}, 10: {"A": NONE, "Z": HERE}})
    assert places(seen_before) == [("A", None, at(0), at(5)), ("Z", None, at(5), OPEN)]
    docked_anew = history({0: {"A": [bike(dock="1")]}, 5: {"Z": NONE}, 10: {"A": [bike(dock="2")]}})
    assert places(docked_anew) == [("A", "1", at(0), at(10)), ("A", "2", at(10), OPEN)]


# --- trips: the movement and its brackets ----------------------------------------------------------------------------


def only_trip(by_minute: History) -> TripRow:
    [row] = trips(history(by_minute))
    return row


def brackets(row: TripRow) -> tuple[datetime, datetime, datetime, datetime]:
    return row.last_seen_at, row.first_missing_at, row.last_missing_at, row.first_seen_at


def test_a_trip_with_an_absence() -> None:
    row = only_trip(
        {
            0: {"A": HERE, "B": NONE},
            5: {"A": HERE, "B": NONE},
            10: {"A": NONE, "B": NONE},
            15: {"A": NONE, "B": NONE},
            25: {"A": NONE, "B": HERE},
            30: {"A": NONE, "B": HERE},
        }
    )
    assert brackets(row) == (at(5), at(10), at(15), at(25))
    assert (row.departed_at, row.arrived_at) == (at(7.5), at(20))
    assert (row.duration_min_seconds, row.duration_max_seconds, row.duration_seconds) == (300, 1200, 750)
    assert (row.origin_station_code, row.destination_station_code, row.trip_type) == ("A", "B", "trip")
    assert row.is_customer_trip


def test_a_hop_without_absence_takes_the_quarters_of_its_one_bracket() -> None:
    row = only_trip({0: {"A": HERE, "B": NONE}, 10: {"A": NONE, "B": HERE}})
    assert brackets(row) == (at(0), at(10), at(0), at(10))
    assert (row.departed_at, row.arrived_at) == (at(2.5), at(7.5))
    assert (row.duration_min_seconds, row.duration_max_seconds, row.duration_seconds) == (0, 600, 300)


def test_quarters_are_exact_to_the_microsecond() -> None:
    row = only_trip({0: {"A": HERE, "B": NONE}, 1 / 60: {"A": NONE, "B": HERE}})
    assert row.departed_at - START == timedelta(microseconds=250_000)
    assert row.arrived_at - START == timedelta(microseconds=750_000)


def test_one_missing_snapshot_gives_two_brackets_side_by_side() -> None:
    row = only_trip({0: {"A": HERE, "B": NONE}, 5: {"A": NONE, "B": NONE}, 10: {"A": NONE, "B": HERE}})
    assert brackets(row) == (at(0), at(5), at(5), at(10))
    assert (row.departed_at, row.arrived_at, row.duration_min_seconds) == (at(2.5), at(7.5), 0)


def test_while_its_origin_is_unobserved_a_bike_has_not_left() -> None:
    row = only_trip({0: {"A": HERE, "B": NONE}, 5: {"B": NONE}, 10: {"A": NONE, "B": NONE}, 15: {"A": NONE, "B": HERE}})
    assert brackets(row) == (at(0), at(10), at(10), at(15))
    never_listed_again = only_trip({0: {"A": HERE, "B": NONE}, 5: {"B": NONE}, 10: {"B": HERE}})
    assert brackets(never_listed_again) == (at(0), at(10), at(5), at(10))
    assert never_listed_again.duration_min_seconds == 0  # and not below
    assert (never_listed_again.departed_at, never_listed_again.arrived_at) == (at(5), at(7.5))


def test_while_its_destination_is_unobserved_a_bike_may_have_arrived() -> None:
    row = only_trip({0: {"A": HERE, "B": NONE}, 5: {"A": NONE, "B": NONE}, 10: {"A": NONE}, 15: {"A": NONE, "B": HERE}})
    assert brackets(row) == (at(0), at(5), at(5), at(15))
    # Seen at the origin it was not at the destination, listed or not.
    unlisted_all_along = only_trip({0: {"A": HERE}, 5: {"A": NONE}, 10: {"A": NONE, "B": HERE}})
    assert brackets(unlisted_all_along) == (at(0), at(5), at(0), at(10))


def test_a_stay_is_not_broken_by_unobserved_snapshots() -> None:
    assert trips(history({0: {"A": HERE}, 5: {"Z": NONE}, 10: {"A": HERE}})) == []
    row = only_trip({0: {"A": HERE, "B": NONE}, 5: {"B": NONE}, 10: {"A": HERE, "B": NONE}, 15: {"A": NONE, "B": HERE}})
    assert row.last_seen_at == at(10)


def test_a_station_listed_again_without_the_bike_breaks_its_stay() -> None:
    row = only_trip({0: {"A": HERE}, 5: {"Z": NONE}, 10: {"A": NONE}, 15: {"A": HERE}})
    assert brackets(row) == (at(0), at(10), at(10), at(15))


def test_the_street_is_no_station_but_tells_where_the_bike_is_not() -> None:
    row = only_trip({0: {"A": HERE}, 5: {"street": HERE}, 10: {"street": HERE}, 15: {"B": HERE}})
    assert brackets(row) == (at(0), at(5), at(10), at(15))
    back = only_trip({0: {"A": HERE}, 5: {"street": HERE}, 10: {"A": HERE}})
    assert (back.origin_station_code, back.destination_station_code) == ("A", "A")
    assert brackets(back) == (at(0), at(5), at(5), at(10))
    assert trips(history({0: {"street": HERE}, 5: {"A": HERE}, 10: {"street": HERE}})) == []


def test_a_bike_listed_at_two_stations_has_left_the_one_that_does_not_count() -> None:
    both = {"A": HERE, "B": HERE}
    rows = trips(history({0: {"A": NONE, "B": HERE}, 5: both, 10: {"A": NONE, "B": HERE}}))
    assert [(row.origin_station_code, row.destination_station_code) for row in rows] == [("B", "A"), ("A", "B")]
    assert [brackets(row) for row in rows] == [(at(0), at(5), at(0), at(5)), (at(5), at(10), at(5), at(10))]


def test_dock_and_status_do_not_break_a_stay() -> None:
    assert trips(history({0: {"A": [bike(dock="1")]}, 5: {"A": [bike(dock="2", status="indisponible")]}})) == []


def test_the_bike_type_is_that_of_the_last_sighting_at_the_origin() -> None:
    for before, last, expected in ((False, True, "electric"), (True, False, "mechanical"), (True, None, None)):
        row = only_trip(
            {0: {"A": [bike(electric=before)]}, 5: {"A": [bike(electric=last)]}, 10: {"A": NONE, "B": HERE}}
        )
        assert row.bike_type == expected


def test_the_distance_is_between_the_positions_that_the_stations_had_then() -> None:
    def journey(origin: float | None, destination: float | None) -> TripRow:
        [row] = trips(
            [
                snap(0, station("A", bike(), latitude=origin), station("B", latitude=10)),
                snap(5, station("A", latitude=20), station("B", latitude=30)),
                snap(30, station("A", latitude=20), station("B", bike(), latitude=destination)),
            ]
        )
        return row

    row = journey(48.85, 48.86)
    assert row.distance_m == pytest.approx(1111.9508, abs=1e-3)  # a hundredth of a degree of a meridian
    assert row.speed_min_kmh == pytest.approx(1111.9508 / 1800 * 3.6)
    for unknown in (journey(None, 48.86), journey(48.85, None)):
        assert (unknown.distance_m, unknown.speed_min_kmh, unknown.trip_type) == (None, None, "trip")


def test_a_round_trip_has_gone_no_way_unless_its_station_has_moved() -> None:
    rows = trips([snap(0, station("A", bike(), latitude=48)), snap(9, station("A")), snap(18, station("A", bike()))])
    assert rows[0].distance_m is None
    same = [
        snap(0, station("A", bike(), latitude=48)),
        snap(9, station("A")),
        snap(18, station("A", bike(), latitude=48)),
    ]
    assert trips(same)[0].distance_m == 0


# --- trips: the types ------------------------------------------------------------------------------------------------


def returned(away_minutes: float, left: Bike = HERE[0], came: Bike = HERE[0]) -> str:
    """The type of a return to the same station, missing from one snapshot in the middle."""
    away = {0: {"A": [left]}, away_minutes / 2: {"A": NONE}, away_minutes: {"A": [came]}}
    return only_trip(away).trip_type


def test_gap() -> None:
    assert only_trip({0: {"A": HERE}, 45: {"A": NONE, "B": HERE}}).trip_type == "trip"
    assert only_trip({0: {"A": HERE}, 45.1: {"A": NONE, "B": HERE}}).trip_type == "gap"
    inside = {0: {"A": HERE}, 5: {"A": NONE}, 60: {"A": NONE}, 65: {"B": HERE}}
    assert only_trip(inside).trip_type == "gap"
    # Gaps before its departure and after its arrival are none of its business.
    around = {0: {"A": HERE}, 60: {"A": HERE}, 70: {"A": NONE, "B": HERE}, 170: {"A": NONE, "B": HERE}}
    assert only_trip(around).trip_type == "trip"
    # Away longer than a gap is no gap.
    assert only_trip({0: {"A": HERE}, 40: {"A": NONE}, 80: {"A": NONE, "B": HERE}}).trip_type == "trip"


def test_flicker() -> None:
    assert returned(3) == "flicker"
    assert returned(3.1) == "boomerang"
    assert returned(3, bike(dock="1"), bike(dock="1")) == "flicker"
    assert returned(3, bike(dock="1"), bike(dock="2")) == "boomerang"
    # A flicker goes before maintenance.
    assert returned(3, bike(status="indisponible"), bike()) == "flicker"


def test_maintenance_by_status() -> None:
    assert returned(60, bike(status="indisponible"), bike()) == "maintenance"
    assert returned(60, bike(status="indisponible"), bike(status="indisponible")) == "round_trip"
    assert returned(60, bike(), bike(status="indisponible")) == "round_trip"
    broke_before_it_left = {0: {"A": HERE}, 5: {"A": [bike(status="indisponible")]}, 10: {"A": NONE, "B": HERE}}
    assert only_trip(broke_before_it_left).trip_type == "maintenance"


@pytest.mark.parametrize(
    ("left", "came", "expected"),
    [(50, 60, "maintenance"), (50, 59, "round_trip"), (60, 50, "round_trip"), (None, 60, "round_trip")],
)
def test_maintenance_by_battery(left: int | None, came: int, expected: str) -> None:
    assert returned(60, bike(battery=left), bike(battery=came)) == expected


def test_maintenance_by_duration() -> None:
    def away(hours: float) -> str:
        steps = {0.5 * n + 1: {"A": NONE, "B": NONE} for n in range(int(hours * 2) + 1)}
        listed = {0.0: {"A": HERE}, 0.5: {"A": HERE}, **steps, max(steps) + 0.5: {"B": HERE}}
        return only_trip({60 * hour: bikes for hour, bikes in listed.items()}).trip_type

    assert away(24) == "long"
    assert away(24.5) == "maintenance"


def fleet(count: int, destination: str = "B") -> list[str]:
    bikes = [bike(f"{number}") for number in range(count)]
    rows = trips(history({0: {"A": bikes}, 10: {"A": NONE}, 20: {"A": NONE, destination: bikes}}))
    return [row.trip_type for row in rows]


def test_rebalancing() -> None:
    assert fleet(2) == ["trip"] * 2
    assert fleet(3) == ["rebalancing"] * 3
    assert fleet(3, destination="A") == ["round_trip"] * 3
    # Only bikes that left and came in the same snapshots were on one truck.
    first, second, late = bike("1"), bike("2"), bike("3")
    by_minute = {0: {"A": [first, second, late]}, 5: {"A": [late]}, 10: {"A": NONE}, 15: {"B": [first, second, late]}}
    assert {row.trip_type for row in trips(history(by_minute))} == {"trip"}


def test_rebalancing_counts_bikes_of_any_type() -> None:
    broken, well = bike("1", status="indisponible"), bike("1")
    others = [bike("2"), bike("3")]
    rows = trips(history({0: {"A": [broken, *others]}, 10: {"A": NONE}, 20: {"A": NONE, "B": [well, *others]}}))
    assert [row.trip_type for row in rows] == ["maintenance", "rebalancing", "rebalancing"]


def test_implausible() -> None:
    def journey(latitude: float) -> str:
        first = snap(0, station("A", bike(), latitude=48.0))
        second = snap(10, station("A", latitude=48.0), station("B", bike(), latitude=latitude))
        [row] = trips([first, second])
        return row.trip_type

    assert journey(48.0449) == "trip"  # 4,993 m in ten minutes: 29.96 km/h
    assert journey(48.0450) == "implausible"  # 5,004 m: 30.02 km/h


def test_long() -> None:
    def away(minutes: int) -> str:
        steps = {float(step): {"A": NONE, "B": NONE} for step in range(10, minutes + 11, 10)}
        return only_trip({0: {"A": HERE}, **steps, minutes + 20: {"B": HERE}}).trip_type

    assert away(170) == "trip"  # from the middle of the first step to the middle of the last: three hours sharp
    assert away(180) == "long"


def test_boomerang_and_round_trip() -> None:
    assert returned(10) == "boomerang"  # from 2.5 to 7.5 minutes: 300 seconds
    assert returned(10.1) == "round_trip"


def test_customer_trips() -> None:
    assert only_trip({0: {"A": HERE}, 10: {"A": NONE, "B": HERE}}).is_customer_trip
    assert only_trip({0: {"A": HERE}, 20: {"A": NONE}, 40: {"A": HERE}}).is_customer_trip
    assert not only_trip({0: {"A": HERE}, 5: {"A": NONE}, 10: {"A": HERE}}).is_customer_trip
    assert not only_trip({0: {"A": HERE}, 50: {"A": NONE, "B": HERE}}).is_customer_trip
