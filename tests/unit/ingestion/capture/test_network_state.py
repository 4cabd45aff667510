"""Change capture on networks of two or three stations: what a snapshot changes against the one before it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import app, gbfs, minute, station, street

from ingestion.capture.network_state import ChangeSet, Counts, NetworkState, Reading
from ingestion.formats import FORMATS, FormatError
from ingestion.formats.model import Attributes, Bike, Entry, Station, Status

APP, NEXTBIKE = FORMATS["velib_app"], FORMATS["nextbike"]


class Counting:
    """A format that counts what it parses."""

    def __init__(self, inner: Any = APP) -> None:
        self.inner, self.parsed = inner, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def parse(self, entry: Entry, before: Station | None = None) -> Station:
        station: Station = self.inner.parse(entry, before)
        self.parsed += 1
        return station


def advance(state: NetworkState, payload: bytes) -> tuple[ChangeSet, Counts]:
    return state.advance(state.read(payload))


def last(*payloads: bytes, snapshot_format: Any = APP) -> ChangeSet:
    """What the last of the snapshots changes."""
    return last_with_counts(*payloads, snapshot_format=snapshot_format)[0]


def last_with_counts(*payloads: bytes, snapshot_format: Any = APP) -> tuple[ChangeSet, Counts]:
    state = NetworkState(snapshot_format)
    for payload in payloads[:-1]:
        advance(state, payload)
    return advance(state, payloads[-1])


def bikes(changes: ChangeSet) -> list[tuple[str, str | None, bool]]:
    return [(change.bike_id, change.station_code, change.is_present) for change in changes.bikes]


def stations(changes: ChangeSet) -> list[tuple[str, bool, bool]]:
    return [(change.station_code, change.is_listed, change.is_relisted) for change in changes.stations]


# --- one thing happens -----------------------------------------------------------------------------------------------


def test_the_first_snapshot_is_all_change() -> None:
    changes, counts = last_with_counts(app({"1": ["a", "b"], "2": []}))
    assert stations(changes) == [("1", True, True), ("2", True, True)]
    assert [change.station_code for change in changes.attributes] == ["1", "2"]
    assert bikes(changes) == [("a", "1", True), ("b", "1", True)]
    assert counts == Counts(2, 0, 0, 2, 0, 0)


def test_nothing_changes() -> None:
    assert last(*[app({"1": ["a"], "2": ["b"]})] * 2) == ChangeSet()


def test_a_bike_leaves() -> None:
    changes = last(app({"1": ["a", "b"]}), app({"1": ["b"]}))
    assert bikes(changes) == [("a", "1", False)]
    assert changes.bikes[0].bike is None
    assert stations(changes) == [("1", True, False)]  # its count


@pytest.mark.parametrize(("origin", "destination"), [("1", "2"), ("2", "1")])
def test_a_bike_moves_to_a_station_that_sorts_later_or_earlier(origin: str, destination: str) -> None:
    changes = last(app({origin: ["a"], destination: []}), app({origin: [], destination: ["a"]}))
    assert bikes(changes) == [("a", destination, True)]


@pytest.mark.parametrize("bike", ["a/2/disponible", "a/1/indisponible"])
def test_a_bike_in_another_condition(bike: str) -> None:
    changes = last(app({"1": ["a/1/disponible"]}), app({"1": [bike]}))
    assert bikes(changes) == [("a", "1", True)]
    assert not changes.stations


def test_an_unlisted_station_says_nothing_of_its_bikes() -> None:
    changes = last(app({"1": ["a"], "2": ["b"]}), app({"2": ["b"]}))
    assert stations(changes) == [("1", False, False)]
    assert changes.stations[0].status is None
    assert not changes.bikes


def test_a_relisted_station_states_all_anew() -> None:
    whole = app({"1": ["a", "b"], "2": []})
    changes = last(whole, app({"2": []}), whole)
    assert stations(changes) == [("1", True, True)]
    assert [change.station_code for change in changes.attributes] == ["1"]
    assert bikes(changes) == [("a", "1", True), ("b", "1", True)]


def test_a_bike_missing_from_its_relisted_station_needs_no_row() -> None:
    """It has left because the station stated its bikes anew: the two neighbouring files alone do not know of it."""
    changes = last(app({"1": ["a", "b"], "2": []}), app({"2": []}), app({"1": ["b"], "2": []}))
    assert bikes(changes) == [("b", "1", True)]


def test_a_bike_of_an_unlisted_station_turns_up_elsewhere() -> None:
    changes = last(app({"1": ["a"], "2": []}), app({"2": ["a"]}))
    assert bikes(changes) == [("a", "2", True)]


def test_a_bike_of_an_unlisted_station_leaves_the_place_it_turned_up_at() -> None:
    changes = last(app({"1": ["a"], "2": []}), app({"2": ["a"]}), app({"2": []}))
    assert bikes(changes) == [("a", "2", False)]


# --- bikes listed twice ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["12", "21"])
def test_a_bike_listed_twice_counts_where_the_code_sorts_first(order: str) -> None:
    changes, counts = last_with_counts(app({code: ["a"] for code in order}))
    assert bikes(changes) == [("a", "1", True)]
    assert (counts.bikes, counts.bikes_listed_twice) == (1, 1)


def test_codes_sort_as_text() -> None:
    assert bikes(last(app({"9": ["a"], "10": ["a"]}))) == [("a", "10", True)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param({"1": ["a"], "2": []}, {"1": ["a"], "2": ["a"]}, [], id="a later one comes"),
        pytest.param({"1": [], "2": ["a"]}, {"1": ["a"], "2": ["a"]}, [("a", "1", True)], id="an earlier one comes"),
        pytest.param({"1": ["a"], "2": ["a"]}, {"1": ["a"], "2": []}, [], id="the later one goes"),
        pytest.param({"1": ["a"], "2": ["a"]}, {"1": [], "2": ["a"]}, [("a", "2", True)], id="the earlier one goes"),
        pytest.param({"1": ["a"], "2": ["a"]}, {"1": [], "2": []}, [("a", "1", False)], id="both go"),
        pytest.param({"1": ["a"], "2": ["a"]}, {"2": ["a"]}, [("a", "2", True)], id="the earlier one is unlisted"),
        pytest.param({"1": ["a"], "2": ["a"]}, {"1": ["a"]}, [], id="the later one is unlisted"),
        pytest.param({"1": ["a"], "2": ["a"]}, {"2": []}, [], id="unlisted where it counts, gone elsewhere"),
        pytest.param({"1": ["a"], "2": ["a"]}, {"1": []}, [("a", "1", False)], id="gone where it counts"),
        pytest.param({"2": ["a"]}, {"1": ["a"], "2": ["a"]}, [("a", "1", True)], id="an earlier station is new"),
        pytest.param({"1": ["a"]}, {"1": ["a"], "2": ["a"]}, [], id="a later station is new"),
    ],
)
def test_listings_come_and_go(
    before: dict[str, list[str]], after: dict[str, list[str]], expected: list[tuple[str, str, bool]]
) -> None:
    assert bikes(last(app(before), app(after))) == expected


def test_the_same_bike_twice_in_one_station_is_listed_once() -> None:
    changes, counts = last_with_counts(app({"1": ["a/1", "a/2"]}))
    assert [change.bike.dock for change in changes.bikes if change.bike] == ["1"]
    assert (counts.bikes, counts.bikes_listed_twice) == (1, 0)


def test_the_count_of_double_listings_follows() -> None:
    twice, once = app({"1": ["a"], "2": ["a"]}), app({"1": ["a"], "2": []})
    assert [last_with_counts(*each)[1].bikes_listed_twice for each in ((twice,), (twice, once), (once, twice))] == [
        1,
        0,
        1,
    ]


def test_of_two_entries_with_one_code_the_first_counts() -> None:
    changes, counts = last_with_counts(app([station("1", ["a"]), station("1", ["b"])]))
    assert bikes(changes) == [("a", "1", True)]
    assert (counts.stations, counts.stations_listed_twice) == (1, 1)
    other_order = last(app([station("1", ["a"]), station("1", ["b"])]), app([station("1", ["b"]), station("1", ["a"])]))
    assert bikes(other_order) == [("a", "1", False), ("b", "1", True)]


# --- the street ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(({"1": ["a"]}, []), ({"1": []}, ["a"]), [("a", None, True)], id="station to street"),
        pytest.param(({"1": []}, ["a"]), ({"1": ["a"]}, []), [("a", "1", True)], id="street to station"),
        pytest.param(
            ({"1": []}, ["a"]), ({"1": []}, []), [("a", None, False)], id="from the street, nobody there any more"
        ),
        pytest.param(({"1": []}, ["a", "b"]), ({"1": []}, ["b"]), [("a", None, False)], id="from the street"),
        pytest.param(({"1": []}, ["a", "b"]), ({"1": []}, ["b", "a"]), [], id="the order of the street"),
        pytest.param(({"1": ["a"]}, []), ({"1": ["a"]}, ["a"]), [], id="a station counts before the street"),
        pytest.param(
            ({"1": ["a"]}, ["a"]), ({"1": []}, ["a"]), [("a", None, True)], id="listed at both, the station's goes"
        ),
        pytest.param(
            ({"1": ["a"], "2": []}, []), ({"2": []}, ["a"]), [("a", None, True)], id="unlisted, in the street"
        ),
        pytest.param(
            ({"2": []}, ["a"]), ({"1": ["a"], "2": []}, ["a"]), [("a", "1", True)], id="a new station lists it"
        ),
        pytest.param(({"1": ["a"], "2": []}, ["a"]), ({"2": []}, []), [], id="unlisted, and gone from the street"),
    ],
)
def test_the_street(before: Any, after: Any, expected: list[tuple[str, str | None, bool]]) -> None:
    assert bikes(last(street(*before), street(*after), snapshot_format=NEXTBIKE)) == expected


def test_the_street_is_no_station() -> None:
    changes, counts = last_with_counts(street({"1": ["a"]}, ["b", "a"]), snapshot_format=NEXTBIKE)
    assert stations(changes) == [("1", True, True)]
    assert counts == Counts(1, 0, 0, bikes=2, bikes_in_street=1, bikes_listed_twice=1)


def test_the_street_is_never_relisted() -> None:
    """It is always in sight, so what stands in it unchanged makes no row, whoever else comes."""
    states = street({"1": []}, ["a"]), street({"1": []}, ["a", "b"])
    assert bikes(last(*states, snapshot_format=NEXTBIKE)) == [("b", None, True)]


# --- status and attributes -------------------------------------------------------------------------------------------


def test_status_and_attributes_change_apart() -> None:
    before = app([station("1", ["a"])])
    changes = last(before, app([station("1", ["a"], nbFreeDock=3)]))
    assert [change.status.docks_free for change in changes.stations if change.status] == [3]
    assert not changes.attributes
    changes = last(before, app([station("1", ["a"], name="Elsewhere", longitude=2.36)]))
    assert not changes.stations
    assert [(change.attributes.name, change.attributes.longitude) for change in changes.attributes] == [
        ("Elsewhere", 2.36)
    ]
    changes = last(before, app([station("1", ["a"], state="Close")]))  # stands in both
    assert stations(changes) == [("1", True, False)]
    assert [change.attributes.state for change in changes.attributes] == ["Close"]


def test_fields_that_tick_make_no_change() -> None:
    before, after = station("1", ["a"]), station("1", ["a"])
    before["station"]["dueDate"], after["station"]["dueDate"] = 1, 2
    after["somethingNew"] = [1, 2]
    assert last(app([before]), app([after])) == ChangeSet()


def test_a_feed_without_status_states_attributes_only() -> None:
    def information(name: str) -> bytes:
        return json.dumps({"data": {"stations": [{"station_id": "1", "name": name, "lat": 1, "lon": 2}]}}).encode()

    changes = last(information("x"), information("y"), snapshot_format=FORMATS["gbfs"])
    assert not changes.stations
    assert [change.attributes.name for change in changes.attributes] == ["y"]


# --- what is parsed --------------------------------------------------------------------------------------------------

WHOLE = {str(code): [f"b{code}"] for code in range(10, 20)}


@pytest.mark.parametrize(
    ("after", "parsed"),
    [
        pytest.param(WHOLE, 0, id="nothing new"),
        pytest.param({**WHOLE, "15": []}, 1, id="one changed"),
        pytest.param({"09": [], **WHOLE}, 1, id="one inserted at the beginning"),
        pytest.param(dict([*list(WHOLE.items())[:5], ("99", []), *list(WHOLE.items())[5:]]), 1, id="one inserted"),
        pytest.param(dict(list(WHOLE.items())[1:]), 0, id="the first is gone"),
        pytest.param(dict(reversed(WHOLE.items())), 0, id="another order"),
        pytest.param(dict([*list(WHOLE.items())[1:], ("99", [])]), 1, id="one gone, one come"),
    ],
)
def test_entries_of_the_same_bytes_are_not_parsed_again(after: dict[str, list[str]], parsed: int) -> None:
    counting = Counting()
    state = NetworkState(counting)  # type: ignore[arg-type]
    advance(state, app(WHOLE))
    assert counting.parsed == len(WHOLE)
    counting.parsed = 0
    changes, _ = advance(state, app(after))
    assert counting.parsed == parsed
    assert {change.station_code for change in changes.stations} == {
        code for code in WHOLE | after if WHOLE.get(code) != after.get(code)
    }


def test_the_order_of_stations_and_bikes_is_no_change() -> None:
    assert last(app({"1": ["a", "b"], "2": ["c"]}), app({"2": ["c"], "1": ["b", "a"]})) == ChangeSet()


# --- what is not accepted --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counting", "empty", "is_accepted"),
    [
        (5, 1, True),
        (5, 2, False),
        (4, 1, False),
        (10, 2, True),
        (10, 3, False),
        (1, 1, False),
        (35, 7, True),
        (35, 8, False),
    ],
)
def test_a_fifth_of_the_stations_may_contradict_themselves(counting: int, empty: int, is_accepted: bool) -> None:
    entries = [station(str(code), [] if code < empty else [f"b{code}"], counted=1) for code in range(counting)]
    entries += [station(f"x{code}") for code in range(50)]  # they count none, and list none: no contradiction
    state = NetworkState(APP)
    if is_accepted:
        state.read(app(entries))
    else:
        with pytest.raises(FormatError, match=f"{empty} of {counting} stations") as caught:
            state.read(app(entries))
        assert caught.value.reason == "contradicts_itself"


def test_stations_that_count_but_list_only_some_do_not_contradict_themselves() -> None:
    NetworkState(APP).read(app([station("1", ["a"], counted=9)]))


def test_no_feed_without_bikes_contradicts_itself() -> None:
    NetworkState(FORMATS["gbfs"]).read(gbfs({"1": 5, "2": 7}, minute(0)))


@pytest.mark.parametrize(
    "bad",
    [
        b"[",
        b"[]",
        b'[{"station": {}}]',
        app([station("1", ["a"], counted=1), station("2", [], counted=4)]),
        app({"1": ["a"], "3": ["x"]})[:-2],
        b'[{"station": {"code": null}, "nbBike": 1, "nbEbike": 1}]',
    ],
)
def test_a_bad_payload_leaves_no_trace(bad: bytes) -> None:
    first, second = app({"1": ["a"], "2": ["b"]}), app({"1": [], "2": ["b", "a"]})
    state = NetworkState(APP)
    advance(state, first)
    with pytest.raises(FormatError):
        state.read(bad)
    assert advance(state, second) == last_with_counts(first, second)


def test_a_reading_that_is_not_taken_leaves_no_trace() -> None:
    first, other, second = app({"1": ["a"]}), app({"1": ["z"], "2": ["a"]}), app({"1": [], "2": ["a"]})
    state = NetworkState(APP)
    advance(state, first)
    state.read(other)
    assert advance(state, second) == last_with_counts(first, second)


@pytest.mark.parametrize(
    "row", ['{"stationcode": null, "name": "x"}', '{"stationcode":""}', '{"stationcode" :  null}', '{"name": "x"}']
)
def test_no_entry_with_a_code(row: str) -> None:
    """Such files are in the recording of Paris: they say nothing of any station, whether the code is null, empty or left out."""
    state = NetworkState(FORMATS["velib_opendata"])
    with pytest.raises(FormatError, match="field `stationcode` is missing in every entry") as caught:
        state.read(f"[{row}, {row}]".encode())
    assert caught.value.reason == "missing_field"
    known = '{"stationcode": "1001", "numbikesavailable": 3}'
    _, counts = state.advance(state.read(f"[{row}, {known}]".encode()))
    assert (counts.stations, counts.stations_without_code) == (1, 1)


# --- any history -----------------------------------------------------------------------------------------------------

_CODES, _BIKES = ["1", "2", "3"], ["a", "b", "c", "d"]
_listing = st.lists(st.builds("{}/{}".format, st.sampled_from(_BIKES), st.sampled_from("12")), max_size=4)
_network = st.dictionaries(st.sampled_from(_CODES), _listing, min_size=1, max_size=3)
_in_street = st.lists(st.sampled_from(_BIKES), max_size=3)
_app_snapshot = _network.flatmap(lambda network: st.permutations(list(network.items())).map(dict)).map(app)
_nextbike_snapshot = st.builds(
    street,
    st.dictionaries(st.sampled_from(_CODES), st.lists(st.sampled_from(_BIKES), max_size=3), min_size=1),
    _in_street,
)


def content(payload: bytes, snapshot_format: Any) -> dict[str, Any]:
    """What a file says, by docs/decisions: its stations, and each bike at the one place that counts."""
    listed: dict[str, Station] = {}
    in_street: list[Bike] = []
    for entry in snapshot_format.split(payload):
        parsed = snapshot_format.parse(entry)
        if parsed.code is not None:
            listed.setdefault(parsed.code, parsed)
        else:
            in_street += parsed.bikes
    placed: dict[str, tuple[str | None, Bike]] = {}
    for code in sorted(listed):
        for bike in listed[code].bikes:
            placed.setdefault(bike.bike_id, (code, bike))
    for bike in in_street:
        placed.setdefault(bike.bike_id, (None, bike))
    return {
        "status": {code: each.status for code, each in listed.items()},
        "attributes": {code: each.attributes for code, each in listed.items()},
        "bikes": placed,
    }


class Replay:
    """A network as the change sets alone tell it."""

    def __init__(self) -> None:
        self.status: dict[str, Status | None] = {}
        self.attributes: dict[str, Attributes] = {}
        self.bikes: dict[str, tuple[str | None, Bike]] = {}

    def apply(self, changes: ChangeSet) -> None:
        for change in changes.stations:
            assert change.is_relisted == (change.is_listed and change.station_code not in self.status)
            if change.is_listed:
                self.status[change.station_code] = change.status
            else:
                del self.status[change.station_code]
            if change.is_relisted:
                self.bikes = {key: at for key, at in self.bikes.items() if at[0] != change.station_code}
        self.attributes |= {change.station_code: change.attributes for change in changes.attributes}
        for bike in changes.bikes:
            if bike.is_present:
                assert bike.bike is not None
                self.bikes[bike.bike_id] = bike.station_code, bike.bike
            else:
                assert self.bikes.pop(bike.bike_id)[0] == bike.station_code

    def content(self) -> dict[str, Any]:
        seen = {key: at for key, at in self.bikes.items() if at[0] is None or at[0] in self.status}
        return {
            "status": self.status,
            "attributes": {code: self.attributes[code] for code in self.status},
            "bikes": seen,
        }

    def stations(self) -> Iterable[Station]:
        """As the loader gets them where a file is gone: see ingestion.loading.rebuilding."""
        now = self.content()
        for code, status in now["status"].items():
            here = tuple(bike for at, bike in now["bikes"].values() if at == code)
            yield Station(code, now["attributes"][code], status, here, None)
        in_street = tuple(bike for at, bike in now["bikes"].values() if at is None)
        if in_street:
            yield Station(None, None, None, in_street, None)


def in_order(changes: ChangeSet) -> ChangeSet:
    """Rows have no order: unlisted stations come in that of the file before."""
    return ChangeSet(*(sorted(rows, key=lambda row: row[0]) for rows in vars(changes).values()))


def check_history(payloads: list[bytes], snapshot_format: Any) -> None:
    walked, replay = NetworkState(snapshot_format), Replay()
    for index, payload in enumerate(payloads):
        before = list(replay.stations())
        changes, counts = advance(walked, payload)
        replay.apply(changes)
        expected = content(payload, snapshot_format)
        assert replay.content() == expected
        assert (counts.stations, counts.bikes) == (len(expected["status"]), len(expected["bikes"]))
        assert counts.bikes_in_street == sum(at is None for at, _ in expected["bikes"].values())
        if index:
            # A worker that begins here knows the file before and no more.
            assert (changes, counts) == last_with_counts(
                *payloads[index - 1 : index + 1], snapshot_format=snapshot_format
            )
            # Nor does it matter whether that file is still there.
            rebuilt = NetworkState(snapshot_format)
            rebuilt.advance(Reading.of_stations(snapshot_format, before))
            again, counts_again = advance(rebuilt, payload)
            assert (in_order(again), counts_again) == (in_order(changes), counts)
        assert advance(walked, payload)[0] == ChangeSet()


@given(st.lists(_app_snapshot, min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_change_sets_rebuild_every_snapshot_and_depend_on_two_files_alone(payloads: list[bytes]) -> None:
    check_history(payloads, APP)


@given(st.lists(_nextbike_snapshot, min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_the_same_with_bikes_in_the_street(payloads: list[bytes]) -> None:
    check_history(payloads, NEXTBIKE)


@given(st.lists(_app_snapshot, min_size=2, max_size=2), st.data())
@settings(max_examples=200, deadline=None)
def test_what_came_before_changes_nothing_of_what_a_payload_says(payloads: list[bytes], data: st.DataObject) -> None:
    """Not even whether it is accepted, and why not: most of it is not read again, whatever happened to its bytes."""
    before, payload = payloads[0], data.draw(st.sampled_from(payloads))
    start, stop = sorted(data.draw(st.integers(0, len(payload))) for _ in range(2))
    piece = data.draw(
        st.sampled_from([b"", b",", b"]", b'"', b"1", b"\\u0000", b"\xff", payload[1:-1], payload[start:stop]])
    )
    payload = data.draw(st.sampled_from([payload, payload[:start] + piece + payload[stop:]]))
    state = NetworkState(APP)
    advance(state, before)
    read: list[Any] = []
    for each in (state, NetworkState(APP)):
        try:
            reading = each.read(payload)
            read.append((reading.places, reading.stations_listed_twice, reading.counting, reading.listing_none))
        except FormatError as error:
            read.append((error.reason, str(error)))
    assert read[0] == read[1]
