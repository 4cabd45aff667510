"""Each format's reader, and the decompressor, against what nobody thought of: mutated payloads and mere bytes.

However a payload is mangled, it ends in a reading that the warehouse can store, or in an error with a known reason and a
line fit for a terminal; and which of the two it is, the payload alone decides. Three hundred examples each in CI; more with

    make fuzz N=100000
"""

from __future__ import annotations

import copy
import gzip
import json
import math
import os
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from unit.ingestion.formats.samples import (
    GBFS_INFORMATION,
    GBFS_STATUS,
    NEXTBIKE_STATION,
    NEXTBIKE_STREET,
    OPENDATA,
    VELIB_APP,
    encode,
    gbfs,
    nextbike,
    varied,
)

from ingestion.capture.arrow_tables import ChangeSetRows
from ingestion.capture.network_state import NetworkState, Reading
from ingestion.formats import FORMATS, Format, FormatError, detect
from ingestion.formats.decoding import MAX_KEY_LENGTH, MAX_TEXT_LENGTH
from ingestion.formats.errors import Reason
from ingestion.landing import decompression, files, landing_zone
from ingestion.landing.files import LandingFile, UnreadableFile

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "300"))
# No measure of speed: an example that takes this long hangs.
HANG = timedelta(seconds=30)
LONGEST_DETAIL = 1000

_CHANCES = st.integers(0, 2**64 - 1).map(random.Random)
fuzzing = settings(max_examples=EXAMPLES, deadline=HANG, suppress_health_check=list(HealthCheck))

_TYPES = {"data": {"vehicle_types": [{"vehicle_type_id": "e", "propulsion_type": "electric"}]}}
_TYPED = varied(GBFS_STATUS, station_id="7", vehicle_types_available=[{"vehicle_type_id": "e", "count": 3}])
_DIALECT = varied(
    GBFS_STATUS, stationCode="16107", num_bikes_available_types=[{"mechanical": 0}, {"ebike": 2}], is_renting=1
)
_TRANSLATED = varied(GBFS_INFORMATION, name=[{"text": "Place", "language": "fr"}])

# Every variant of every format; the first entry of each is what the mutations work on most.
SEEDS: dict[str, list[Any]] = {
    "velib_app": [[VELIB_APP, varied(VELIB_APP, station__code="2", nbBike=0, nbEbike=0, bikes=[])]],
    "velib_opendata": [
        [OPENDATA, varied(OPENDATA, stationcode=None, coordonnees_geo=[48.8, 2.3])],
        {"total_count": 1, "results": [OPENDATA]},
        {"records": [{"fields": OPENDATA}]},
    ],
    "gbfs": [
        gbfs(GBFS_STATUS, _TYPED),
        gbfs(_DIALECT, lastUpdatedOther=1700000000),
        gbfs(GBFS_INFORMATION, _TRANSLATED),
        gbfs(
            varied(GBFS_STATUS, num_bikes_available=..., num_vehicles_available=4), last_updated="2026-06-02T08:00:00Z"
        ),
        {
            "station_status": gbfs(GBFS_STATUS, _TYPED),
            "station_information": gbfs(GBFS_INFORMATION),
            "vehicle_types": _TYPES,
        },
    ],
    "nextbike": [nextbike(NEXTBIKE_STATION, NEXTBIKE_STREET)],
}

_FIELDS = sorted(
    {"station", "code", "nbBike", "bikes", "stationcode", "fields", "results", "records", "data", "stations", "spot"}
    | {
        "countries",
        "station_status",
        "station_information",
        "vehicle_types",
        "stationCode",
        "name",
        "number",
        "bike_list",
    }
)
_VALUES: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        -1,
        1.5,
        12.0,
        32767,
        32767,
        32768,
        -32768,
        -32769,
        2**31,
        2**63,
        -(2**63),
        10**300,
        10**4200,
    ),
    *(1e-400, 1e308, -1e308, math.nan, math.inf, -math.inf),
    *("", " ", "0", "12", "1.5", "yes", "OUI", "NaN", "NaN", "-Infinity", "1e999", "0x1F", "²", "١٢"),
    *("\0", "\ud83d", "\ude00", "\u202e", "\x1b[31m", "é", "🚲", "x" * 250, "x" * 10_001),
    *("2026-06-02T08:00:00+14:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"),
    *([], {}, [[]], [None], [{}], {"": None}, {"x": {"y": []}}, [48.8, 2.3], {"lat": 1, "lon": 2}, [{"text": "x"}]),
]
_PIECES = [
    *(
        b"\0",
        b"\xff",
        b"\xc3",
        b",",
        b"]",
        b"}",
        b'"',
        b"[",
        b"{",
        b"\\u",
        b"\\ud800",
        b"NaN",
        b"9" * 5000,
        b" " * 70_000,
    ),
    *(b"[" * 2000, b'{"a":' * 2000, b"\xef\xbb\xbf", b"//", b"1e999", b"-", b"null", b"\\"),
]
_STRUCTURAL = ["drop", "retype", "retype", "retype", "repeat", "rename", "nest", "graft", "add"]
_BLIND = ["cut", "insert", "overwrite", "repeat", "end"]


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a tree with every key or index in it."""
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ():
        yield tree, key
        yield from _places(tree[key])


def mutate(tree: Any, chance: random.Random) -> Any:
    """The tree after some changes of its structure."""
    tree = copy.deepcopy(tree)
    for _ in range(chance.randint(1, 4)):
        places = list(_places(tree))
        if not places:
            break
        container, key = chance.choice(places)
        kind = chance.choice(_STRUCTURAL)
        if kind == "drop":
            del container[key]
        elif kind == "retype":
            container[key] = copy.deepcopy(chance.choice(_VALUES))
        elif kind == "nest":
            for _ in range(chance.choice([1, 2, 60])):
                container[key] = [container[key]] if chance.random() < 0.5 else {chance.choice(_FIELDS): container[key]}
        elif kind == "graft":
            source, at = chance.choice(places)
            container[key] = copy.deepcopy(source[at])
        elif isinstance(container, list):
            container += [copy.deepcopy(container[key])] * chance.choice([1, 30])
        elif kind == "rename":
            container[chance.choice(_FIELDS)] = container.pop(key)
        else:
            container[chance.choice(_FIELDS)] = copy.deepcopy(chance.choice(_VALUES))
    return tree


def splice(data: bytes, chance: random.Random) -> bytes:
    """The bytes after some changes that know nothing of structure."""
    for _ in range(chance.randint(1, 3)):
        at, length, piece = chance.randint(0, len(data)), chance.randint(0, 40), chance.choice(_PIECES)
        if chance.random() < 0.5:
            piece = chance.randbytes(chance.randint(1, 4))
        match chance.choice(_BLIND):
            case "cut":
                data = data[:at] + data[at + length :]
            case "insert":
                data = data[:at] + piece + data[at:]
            case "overwrite":
                data = data[:at] + piece + data[at + len(piece) :]
            case "repeat":
                data = data[: at + length] + data[at:]
            case _:
                data = data[:at]
    return data


def check(payload: bytes) -> None:
    """Read the payload as every format. See the head of this module for what must hold."""
    matching = [each for each in FORMATS.values() if each.matches(payload)]
    try:
        found = detect(payload)
    except FormatError as error:
        check_error(error)
        assert not matching
    else:
        assert found is matching[0], "the first format that fits is the one"
    for each in FORMATS.values():
        for state_a_fact in (each.feed, each.captured_at):
            try:
                fact = state_a_fact(payload)
            except FormatError as error:
                check_error(error)
            else:
                assert fact is None or isinstance(fact, str) or fact.utcoffset() == timedelta(0)
        state = NetworkState(each)
        alone = read(state, payload)
        after_another = read(_states[each.name], payload)
        if isinstance(alone, Reading) and isinstance(after_another, Reading):
            assert alone.places == after_another.places
            check_storable(state, alone)
        else:
            assert alone == after_another, "what was read before decides nothing"


def check_error(error: FormatError) -> str:
    message = str(error)
    assert error.reason in get_args(Reason)
    assert message.isprintable()
    assert 0 < len(message) <= LONGEST_DETAIL
    return f"{error.reason}: {message}"


def read(state: NetworkState, payload: bytes) -> Reading | str:
    """A payload's reading, or an error's line."""
    try:
        return state.read(payload)
    except FormatError as error:
        return check_error(error)


def check_storable(state: NetworkState, reading: Reading) -> None:
    """Arrow refuses what does not fit its column, PostgreSQL a NUL; and what is not equal to itself would change for ever."""
    changes, counts = state.advance(reading)
    rows = ChangeSetRows("f")
    rows.add(
        1,
        datetime(2026, 6, 2, tzinfo=UTC),
        None,
        reading.format.name,
        LandingFile("/x.json", 1, None),
        "",
        counts,
        changes,
    )
    assert "snapshots" in rows.to_ipc()
    for place in reading.places.values():
        station = place.station
        assert all(len(key) <= MAX_KEY_LENGTH for key in (station.code or "", *place.bikes))
        for part in (station, station.attributes, station.status, *place.bikes.values()):
            for value in part or ():
                assert not isinstance(value, str) or ("\0" not in value and len(value) <= MAX_TEXT_LENGTH)
                assert not isinstance(value, float) or math.isfinite(value)


def after_a_good_one(each: Format) -> NetworkState:
    state = NetworkState(each)
    state.advance(state.read(encode(SEEDS[each.name][0])))
    return state


_states = {each.name: after_a_good_one(each) for each in FORMATS.values()}  # reading leaves no trace in them


@pytest.mark.parametrize("name", FORMATS)
def test_mutated_payloads(name: str) -> None:
    """The mutations are drawn by a plain generator: hypothesis prefers the first fields, and small changes."""

    @fuzzing
    @given(_CHANCES)
    def run(chance: random.Random) -> None:
        text = json.dumps(mutate(chance.choice(SEEDS[name]), chance), ensure_ascii=chance.random() < 0.5)
        data = text.encode("utf-8", "surrogatepass")
        check(splice(data, chance) if chance.random() < 0.3 else data)

    run()


@fuzzing
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
@example(b"")
@example(b"\xef\xbb\xbf")
@example(b"\xef\xbb\xbf\xef\xbb\xbf[]")
@example(b'[{"station"')
def test_mere_bytes(payload: bytes) -> None:
    check(payload)


_JSON = st.recursive(
    st.one_of(st.sampled_from(_VALUES), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_FIELDS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)


@fuzzing
@given(_JSON)
def test_any_json(value: Any) -> None:
    check(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))


_TEXT = encode([VELIB_APP]) * 20


@pytest.fixture(scope="module")
def read_back(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], bytes]:
    path = tmp_path_factory.mktemp("fuzz") / "x.json.gz"

    def read(data: bytes) -> bytes:
        path.write_bytes(data)
        return landing_zone.read(LandingFile(str(path), len(data), None), 100_000)

    return read


@fuzzing
@given(_CHANCES)
def test_mutated_gzip(read_back: Callable[[bytes], bytes], chance: random.Random) -> None:
    """What is accepted is what the standard library makes of it, checksum and length included."""
    pieces = [
        (_TEXT[: chance.randint(0, len(_TEXT))], chance.choice([0, 1, 6, 9])) for _ in range(chance.randint(1, 4))
    ]
    data = b"".join(gzip.compress(piece, level, mtime=0) for piece, level in pieces)
    data = decompression.MAGIC + splice(data, chance)[2:]
    try:
        found = read_back(data)
    except UnreadableFile as refusal:
        reason, detail = refusal.reason, refusal.detail
    else:
        assert found == gzip.decompress(data)
        return
    assert reason in get_args(files.Reason)
    assert detail.isprintable()


def test_a_file_is_read_by_the_first_format_that_fits() -> None:
    """No payload of one format fits another; of one made to fit two, the order of FORMATS decides."""
    for name, seeds in SEEDS.items():
        for seed in seeds:
            assert [each.name for each in FORMATS.values() if each.matches(encode(seed))] == [name]
    both = encode(nextbike(NEXTBIKE_STATION) | gbfs(GBFS_STATUS))
    assert [each.name for each in FORMATS.values() if each.matches(both)] == ["gbfs", "nextbike"]
    assert detect(both).name == "gbfs"
