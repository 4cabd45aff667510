"""Payloads that are not what they should be: each has its reason, and none crashes the process."""

from __future__ import annotations

import contextlib
import pickle
import threading
from typing import Any

import pytest

from ingestion.formats import FORMATS, FormatError, detect, read

from .samples import (
    GBFS_STATUS,
    NEXTBIKE_STATION,
    OPENDATA,
    VELIB_APP,
    encode,
    gbfs,
    nextbike,
    varied,
)

APP = encode([VELIB_APP])
DEEP = 100_000


def app(**changes: Any) -> bytes:
    return encode([varied(VELIB_APP, **changes)])


def bike(**fields: Any) -> bytes:
    return app(bikes=[{"bikeName": "1"} | fields])


CASES: dict[str, tuple[bytes, str, str]] = {
    "nothing": (b"", "invalid_json", "JSON"),
    "spaces": (b" \n", "invalid_json", "JSON"),
    "text": (b"<html>gateway timeout</html>", "invalid_json", "JSON"),
    "truncated list": (APP[:-40], "invalid_json", "truncated"),
    "truncated in the first entry": (APP[:30], "invalid_json", "truncated"),
    "truncated object": (encode(gbfs(GBFS_STATUS))[:-9], "invalid_json", "truncated"),
    "trailing text": (APP + b" x", "invalid_json", "trailing"),
    "two documents": (APP + APP, "invalid_json", "trailing"),
    "trailing comma": (APP[:-1] + b",]", "invalid_json", "comma"),
    "NaN": (APP.replace(b"48.865983", b"NaN"), "invalid_json", "JSON"),
    "invalid UTF-8 in a text": (APP.replace(b"Godard", b"God\xe9rd"), "invalid_json", "UTF-8"),
    "invalid UTF-8 in an unknown field": (APP.replace(b'"nbBike"', b'"x":"\xff","nbBike"'), "invalid_json", "UTF-8"),
    "invalid UTF-8 in an object": (encode(gbfs(GBFS_STATUS, x="é")).replace(b"\xc3", b""), "invalid_json", "UTF-8"),
    "UTF-16": (APP.decode().encode("utf-16"), "invalid_json", ""),
    "raw control character": (APP.replace(b"Godard", b"God\x00rd"), "invalid_json", "JSON"),
    "number": (b"12", "unknown_format", "neither"),
    "null": (b"null", "unknown_format", "neither"),
    "empty object": (b"{}", "unknown_format", ""),
    "other object": (b'{"error":"no such\\u0000 dataset","\\u001b[31m":1}', "unknown_format", "error"),
    "list of numbers": (b"[1,2]", "unknown_format", "something else"),
    "list of other objects": (b'[{"id":1}]', "unknown_format", "'id'"),
    "gbfs free bikes": (encode({"last_updated": 1, "data": {"bikes": []}}), "unknown_format", "last_updated"),
    "empty list": (b"[]", "empty_list", "empty"),
    "no results": (b'{"total_count":0,"results":[]}', "empty_list", ""),
    "no records": (b'{"nhits":0,"records":[]}', "empty_list", ""),
    "no stations": (encode(gbfs()), "empty_list", ""),
    "no countries": (b'{"countries":[]}', "empty_list", ""),
    "no places": (encode(nextbike()), "empty_list", ""),
    "code missing": (app(station__code=...), "missing_field", "field `code` is missing in entry 1's `station`"),
    "code null": (app(station__code=None), "missing_field", "field `code` in entry 1's `station`"),
    "code empty": (app(station__code=""), "missing_field", "`code`"),
    "code too long": (app(station__code="1" * 201), "wrong_shape", "`code`"),
    "station missing": (app(station=...), "missing_field", "field `station` is missing in entry 1"),
    "nbBike missing": (app(nbBike=...), "missing_field", "field `nbBike` is missing in entry 1"),
    "nbEbike null": (app(nbEbike=None), "missing_field", "field `nbEbike` in entry 1"),
    "bikeName missing": (app(bikes=[{}]), "missing_field", "field `bikeName` is missing in entry 1's `bikes"),
    "count too large": (app(nbBike=32768), "wrong_shape", "`nbBike`"),
    "count too small": (app(nbFreeDock=-32769), "wrong_shape", "`nbFreeDock`"),
    "sum too large": (app(nbBike=32767, nbEbike=1), "wrong_shape", "nbBike + nbEbike"),
    "count of 5,000 digits": (APP.replace(b'"nbBike": 3', b'"nbBike": ' + b"9" * 5000), "wrong_shape", "nbBike"),
    "count with decimals": (app(nbBike=1.5), "wrong_shape", "`nbBike`"),
    "count as words": (app(nbBike="three"), "wrong_shape", "`nbBike`"),
    "count as boolean": (app(nbBike=True), "wrong_shape", "`nbBike`"),
    "latitude": (app(station__gps__latitude=91), "wrong_shape", "`latitude` in entry 1's `station.gps`"),
    "infinite": (APP.replace(b"48.865983", b"1e999"), "wrong_shape", "latitude"),
    "name as list": (app(station__name=["a"]), "wrong_shape", "`name`"),
    "flag as words": (app(isAltitude="perhaps"), "wrong_shape", "`isAltitude`"),
    "bike flag as words": (bike(bikeElectric="perhaps"), "wrong_shape", "`bikeElectric`"),
    "entry is a number": (encode([VELIB_APP, 5]), "wrong_shape", "entry 2: expected `object`"),
    "bikes as object": (app(bikes={}), "wrong_shape", "`bikes`"),
    "NUL in a name": (app(station__name="a\0b"), "wrong_shape", "name in entry 1 holds a NUL"),
    "NUL in a bike": (bike(bikeBlockCause="\0"), "wrong_shape", "block_cause in entry 1 holds a NUL"),
    "NUL in a city": (encode(nextbike(NEXTBIKE_STATION, city="\0")), "wrong_shape", "NUL"),
    "half a surrogate pair": (APP.replace(b"Godard", b"\\ud83d"), "wrong_shape", "surrogate"),
    "half a surrogate pair, lower": (APP.replace(b"Godard", b"\\udeb2 x"), "wrong_shape", "surrogate"),
    "opendata position": (encode([varied(OPENDATA, coordonnees_geo=[1])]), "wrong_shape", "`coordonnees_geo`"),
    "opendata without any code": (encode([varied(OPENDATA, stationcode=...)]), "missing_field", "every entry"),
    "opendata record": (b'{"records":[{"fields":3}]}', "missing_field", ""),
    "gbfs stations": (encode({"station_status": {"data": {}}}), "missing_field", "field `stations` is missing"),
    "nextbike bike": (
        encode(nextbike(NEXTBIKE_STATION, varied(NEXTBIKE_STATION, bike_list=[{"state": "ok"}]))),
        "missing_field",
        "field `number` is missing in entry 2's `bike_list",
    ),
    "nextbike bike_list": (encode(nextbike(varied(NEXTBIKE_STATION, bike_list=3))), "wrong_shape", "entry 1"),
    "nextbike cities": (b'{"countries":[{}]}', "missing_field", "field `cities` is missing"),
    "deep list": (b"[" * DEEP, "too_deep", "deep"),
    "deep closed list": (b"[" * DEEP + b"]" * DEEP, "too_deep", "deep"),
    "deep object": (b'{"a":' * DEEP, "too_deep", "deep"),
    "deep unknown field": (
        APP.replace(b'"nbBike"', b'"x":' + b"[" * DEEP + b"]" * DEEP + b',"nbBike"'),
        "too_deep",
        "",
    ),
    "deep known field": (APP.replace(b"48.865983", b"[" * DEEP + b"]" * DEEP), "too_deep", ""),
    "deep objects in a document": (b'{"countries":[' + b'{"cities":' * DEEP, "too_deep", ""),
}


@pytest.mark.parametrize(("payload", "reason", "words"), CASES.values(), ids=CASES.keys())
def test_reason(payload: bytes, reason: str, words: str) -> None:
    with pytest.raises(FormatError) as caught:
        read(detect(payload), payload)
    message = str(caught.value)
    assert (caught.value.reason, "\n" in message, message.isprintable()) == (reason, False, True), message
    assert words in message


@pytest.mark.parametrize("payload", [case[0] for case in CASES.values()], ids=CASES.keys())
def test_a_forced_format_raises_nothing_else(payload: bytes) -> None:
    """A flag may force any format on any payload."""
    for each in FORMATS.values():
        assert each.matches(payload) in (True, False)
        for attempt in (read, lambda form, data: form.feed(data), lambda form, data: form.captured_at(data)):
            with contextlib.suppress(FormatError):
                attempt(each, payload)


def test_deep_nesting_in_a_thread() -> None:
    """The guard must hold with a quarter of the usual stack too (with an eighth, Python 3.13 itself crashes)."""
    reasons = []

    def attempt() -> None:
        for opening in (b"[", b'{"a":', b'[{"station":'):
            try:
                detect(opening * 1_000_000)
            except FormatError as error:
                reasons.append(error.reason)

    before = threading.stack_size(2 * 1024 * 1024)
    try:
        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert reasons == ["too_deep"] * 3


def test_tolerated() -> None:
    expected = read(FORMATS["velib_app"], APP)
    for payload in (
        b"\xef\xbb\xbf" + APP,
        b"\n\t " + APP + b"\r\n",
        APP.replace(b'"nbBike": 3', b'"nbBike": 1, "nbBike": 3'),  # of duplicate keys the last counts
        APP.replace(b'"nbBike"', b'"x": "\\u0000", "nbBike"'),  # a NUL in a field nobody stores
    ):
        assert read(detect(payload), payload) == expected


def test_a_first_entry_larger_than_the_prefix() -> None:
    big = varied(VELIB_APP, unknown="x" * 100_000)
    assert detect(encode([big])).name == "velib_app"
    assert detect(encode([{}, VELIB_APP])).name == "velib_app"


def test_an_error_survives_the_way_between_processes() -> None:
    error = FormatError("missing_field", "field `x` is missing in <entry>").in_entry(3)
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.reason) == ("field `x` is missing in entry 3", "missing_field")
