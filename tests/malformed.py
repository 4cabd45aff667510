"""A table of files that are not what they should be, each with the reason expected or with what must arrive of it.

Small generators, no blobs. Whoever finds another kind of bad file adds a line here.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import random
import socket
import string
import struct
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiny import app, minute, put, station, street
from unit.ingestion.formats.samples import (
    GBFS_INFORMATION,
    GBFS_STATUS,
    NEXTBIKE_STATION,
    OPENDATA,
    VELIB_APP,
    encode,
    gbfs,
    nextbike,
    varied,
)

# The size that the table's files are held against.
MAX_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Case:
    """One file: what it holds, or how it is made at a path; why it is refused, or what arrives of it."""

    content: bytes | Callable[[Path], None]
    reason: str | None = None  # None: it is accepted, or (without `arrives`) left out in silence
    words: str = ""  # of the detail
    arrives: tuple[str, int, int] | None = None  # feed, stations, bikes
    name: str = "{kind}_{time}_UTC{suffix}"
    suffix: str = ".json"

    def path(self, folder: Path, kind: str, number: int) -> Path:
        """Where the file of this case goes: each has a minute of its own."""
        time = f"{minute(number):%Y%m%d_%H%M%S}"
        return folder / self.name.format(kind=kind.replace("/", " "), time=time, suffix=self.suffix)

    def make(self, path: Path) -> None:
        """Put the file there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if callable(self.content):
            self.content(path)
        else:
            put(path, self.content)


def refused(reason: str, words: str, content: bytes | Callable[[Path], None], **more: Any) -> Case:
    return Case(content, reason, words, **more)


def accepted(feed: str, stations: int, bikes: int, content: bytes | Callable[[Path], None], **more: Any) -> Case:
    return Case(content, arrives=(feed, stations, bikes), **more)


def left_out(content: Callable[[Path], None], **more: Any) -> Case:
    return Case(content, **more)


# --- payloads --------------------------------------------------------------------------------------------------------


def entry(**changes: Any) -> bytes:
    """A `velib_app` file of two good entries and this one."""
    return encode([station("1", ["a"]), station("2", ["b"]), varied(VELIB_APP, **changes)])


def bike(**fields: Any) -> bytes:
    return entry(bikes=[{"bikeName": "c"} | fields])


def replaced(old: bytes, new: bytes, content: bytes | None = None) -> bytes:
    content = entry() if content is None else content
    assert old in content
    return content.replace(old, new, 1)


def opendata(**changes: Any) -> bytes:
    return encode([OPENDATA, varied(OPENDATA, stationcode="2", **changes)])


def status(**changes: Any) -> bytes:
    return encode(gbfs(GBFS_STATUS, varied(GBFS_STATUS, **({"station_id": "2"} | changes))))


def information(**changes: Any) -> bytes:
    return encode(gbfs(GBFS_INFORMATION, varied(GBFS_INFORMATION, **({"station_id": "2"} | changes))))


def envelope(**changes: Any) -> bytes:
    whole = {
        "station_status": gbfs(GBFS_STATUS),
        "station_information": gbfs(GBFS_INFORMATION),
        "vehicle_types": {"data": {"vehicle_types": [{"vehicle_type_id": "a", "propulsion_type": "human"}]}},
    }
    return encode(whole | changes)


def place(**changes: Any) -> bytes:
    return encode(nextbike(NEXTBIKE_STATION, varied(NEXTBIKE_STATION, **({"number": 2, "bike_list": []} | changes))))


def contradicting(empty: int, of: int) -> bytes:
    """So many of the stations that count a bike list none."""
    return app([station(str(n), [] if n < empty else [f"b{n}"], counted=1) for n in range(of)])


def nested(levels: int, opening: str = "[", closing: str = "]") -> bytes:
    return opening.encode() * levels + closing.encode() * levels


def padded(size: int) -> bytes:
    """A good file of just that size."""
    content = app({"1": ["a"]})
    return content + b" " * (size - len(content))


def zipped() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("a.json", APP)
    return sink.getvalue()


def tarred() -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        about = tarfile.TarInfo("a.json")
        about.size = len(APP)
        archive.addfile(about, io.BytesIO(APP))
    return sink.getvalue()


def without_trailer(data: bytes, crc: int | None = None, size: int | None = None) -> bytes:
    """A gzip member with another checksum or length in its trailer."""
    old_crc, old_size = struct.unpack("<II", data[-8:])
    return data[:-8] + struct.pack("<II", old_crc if crc is None else crc, old_size if size is None else size)


APP = entry()
ZIPPED = gzip.compress(APP, mtime=0)
GZ = {"suffix": ".json.gz"}
TYPED = GBFS_STATUS | {"vehicle_types_available": [{"vehicle_type_id": "a", "count": 20_000}] * 2}


# --- what is no plain file -------------------------------------------------------------------------------------------


def link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def folder_with_a_snapshot(path: Path) -> None:
    path.mkdir()
    (path / f"inside_{path.name.removesuffix('.gz')}").write_bytes(APP)


def folder_in_a_circle(path: Path) -> None:
    path.mkdir()
    (path / "back").symlink_to(path.parent)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    """By a relative name: a socket's may be 108 bytes long."""
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(path.parent)
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("s")
        os.rename("s", path.name)
    finally:
        os.fchdir(here)
        os.close(here)


def named(name: bytes) -> Callable[[Path], None]:
    """A file with a name that is no text."""

    def make(path: Path) -> None:
        with open(os.fsencode(path.parent) + b"/" + name, "wb") as opened:
            opened.write(APP)

    return make


def far_away(path: Path) -> None:
    chance = random.Random(0)  # what repeats itself an index would compress
    for _ in range(12):
        path = path.parent / "".join(chance.choices(string.ascii_letters, k=240)) / path.name
    path.parent.mkdir(parents=True)
    path.write_bytes(APP)


# --- the table -------------------------------------------------------------------------------------------------------

_BYTES: dict[str, Case] = {
    "empty": refused("empty_file", "the file is empty", b""),
    "gzip of nothing": refused("empty_file", "empty once decompressed", gzip.compress(b""), **GZ),
    "spaces": refused("invalid_json", "nothing but spaces", b" \r\n\t "),
    "zeros": refused("invalid_json", "nothing but NUL bytes", bytes(4096)),
    "half a gzip": refused("truncated_gzip", "ends early", ZIPPED[: len(ZIPPED) // 2], **GZ),
    "the beginning of a gzip header": refused("truncated_gzip", "ends early", ZIPPED[:4], **GZ),
    "gzip without its last byte": refused("truncated_gzip", "ends early", ZIPPED[:-1], **GZ),
    "gzip with the second member cut": refused("truncated_gzip", "ends early", ZIPPED + ZIPPED[:-9], **GZ),
    "gzip with a tail": refused("broken_gzip", "not gzip follows", ZIPPED + b"tail", **GZ),
    "gzip with a wrong checksum": refused("broken_gzip", "checksum", without_trailer(ZIPPED, crc=1), **GZ),
    "gzip with a wrong length": refused("broken_gzip", "broken gzip", without_trailer(ZIPPED, size=1), **GZ),
    "gzip with a hole": refused("broken_gzip", "broken gzip", ZIPPED[:30] + b"\xff" * 40 + ZIPPED[70:], **GZ),
    "gzip header and noise": refused("broken_gzip", "broken gzip", b"\x1f\x8b" + b"\xff" * 100, **GZ),
    "gzip of more members than a file has": refused(
        "broken_gzip", "10,000 gzip members", gzip.compress(b" ", mtime=0) * 10_001, **GZ
    ),
    "gzip in gzip": refused("unsupported_compression", "gzipped twice", gzip.compress(ZIPPED), **GZ),
    "zip": refused("unsupported_compression", "a zip archive", zipped(), **GZ),
    "xz": refused("unsupported_compression", "xz", lzma.compress(APP), **GZ),
    "bzip2": refused("unsupported_compression", "bzip2", bz2.compress(APP), **GZ),
    "zstd": refused("unsupported_compression", "zstd", b"\x28\xb5\x2f\xfd\x04\x00" + APP, **GZ),
    "7z": refused("unsupported_compression", "7z", b"7z\xbc\xaf\x27\x1c\x00\x04", **GZ),
    "tar": refused("invalid_json", "no text", tarred()),
    "gzip of a tar": refused("invalid_json", "no text", gzip.compress(tarred()), suffix=".tar.json.gz"),
    "a bomb": refused("too_large", "limit is 1,048,576", gzip.compress(bytes(50 * MAX_BYTES)), **GZ),
    "a bomb of two members": refused(
        "too_large", "limit is 1,048,576", gzip.compress(b" " * MAX_BYTES) + gzip.compress(APP), **GZ
    ),
    "a bomb that lies of its length": refused(
        "too_large", "limit is 1,048,576", without_trailer(gzip.compress(bytes(2 * MAX_BYTES)), size=9), **GZ
    ),
    "one byte more than the limit": refused("too_large", "1,048,577 bytes", padded(MAX_BYTES + 1)),
    "the limit": accepted("velib_app", 1, 1, padded(MAX_BYTES)),
    "the limit, gzipped": accepted("velib_app", 1, 1, gzip.compress(padded(MAX_BYTES)), **GZ),
    "two members": accepted("velib_app", 3, 4, gzip.compress(APP[:99]) + gzip.compress(APP[99:]), **GZ),
    "padding after gzip": accepted("velib_app", 3, 4, ZIPPED + bytes(512), **GZ),
    "plain named gz": accepted("velib_app", 3, 4, APP, **GZ),
    "gzip named json": accepted("velib_app", 3, 4, ZIPPED),
}

_TEXT: dict[str, Case] = {
    "byte order mark": accepted("velib_app", 3, 4, b"\xef\xbb\xbf" + APP),
    "a long run of spaces": accepted("velib_app", 3, 4, b" \n" * 50_000 + APP),
    "UTF-16": refused("invalid_json", "the file is UTF-16", APP.decode().encode("utf-16")),
    "UTF-16 without a mark": refused("invalid_json", "UTF-16", APP.decode().encode("utf-16-le")),
    "UTF-32": refused("invalid_json", "UTF-", APP.decode().encode("utf-32")),
    "Latin-1": refused("invalid_json", "entry 3 is not valid UTF-8", replaced(b"Godard", b"God\xe9rd")),
    "UTF-8 cut in a character": refused("invalid_json", "not valid UTF-8", replaced(b"Godard", b"God\xc3")),
    "overlong UTF-8": refused("invalid_json", "not valid UTF-8", replaced(b"Godard", b"\xc0\xaf")),
    "a surrogate as bytes": refused("invalid_json", "not valid UTF-8", replaced(b"Godard", b"\xed\xa0\x80")),
    "invalid UTF-8 where nobody looks": refused("invalid_json", "UTF-8", replaced(b'"nbBike"', b'"x":"\xff","nbBike"')),
    "invalid UTF-8 in gbfs": refused("invalid_json", "UTF-8 at byte", replaced(b'"2.3"', b'"\xff"', status())),
    "half a surrogate pair": refused("wrong_shape", "surrogate", replaced(b"Godard", b"\\ud83d")),
    "the other half": refused("wrong_shape", "surrogate", replaced(b"Godard", b"\\ude00 x")),
    "halves in the wrong order": refused("wrong_shape", "surrogate", replaced(b"Godard", b"\\ude00\\ud83d")),
    "a NUL in a name": refused("wrong_shape", "NUL character", entry(station__name="a\0b")),
    "a NUL in a bike's id": refused("wrong_shape", "NUL character", bike(bikeName="a\0")),
    "a NUL in a code": refused("wrong_shape", "NUL character", opendata(name="a\0")),
    "a raw NUL": refused("invalid_json", "not valid JSON", replaced(b"Godard", b"God\0rd")),
    "a raw line break": refused("invalid_json", "not valid JSON", replaced(b"Godard", b"God\nrd")),
    "a NUL where nobody looks": accepted("velib_app", 3, 4, entry(unknown="\0")),
    "a truncated array": refused("invalid_json", "truncated", APP[:-40]),
    "a truncated object": refused("invalid_json", "truncated", status()[:-3]),
    "two documents": refused("invalid_json", "trailing characters", APP + b"\n" + APP),
    "lines of JSON": refused("invalid_json", "trailing characters", status() + b"\n" + status()),
    "NaN": refused("invalid_json", "invalid character", replaced(b"48.865983", b"NaN")),
    "Infinity": refused("invalid_json", "invalid character", replaced(b"48.865983", b"-Infinity")),
    "a trailing comma": refused("invalid_json", "trailing comma", APP[:-1] + b",]"),
    "a comment": refused("invalid_json", "begins with a comment", b"// all\n" + APP),
    "a comment within": refused("invalid_json", "not valid JSON", replaced(b'"nbBike"', b'/* n */ "nbBike"')),
    "single quotes": refused("invalid_json", "not valid JSON", APP.replace(b'"', b"'")),
    "JSONP": refused("invalid_json", "it is a script", b"callback(" + APP + b");"),
    "HTML": refused("invalid_json", "it is HTML", b"<!doctype html><title>502 Bad Gateway</title>"),
    "XML": refused("invalid_json", "it is XML", b'<?xml version="1.0"?><stations/>'),
    "CSV": refused("invalid_json", "it does not begin as JSON does", b"code;name\n1;Place\n"),
    "terminal escapes as a file": refused("invalid_json", "it does not begin as JSON does", b"\x1b]0;owned\x07"),
    "nested deeply": refused("too_deep", "nested too deeply", nested(100_000)),
    "nested deeply within": refused("too_deep", "", replaced(b'"nbBike"', b'"x":' + nested(100_000) + b',"nbBike"')),
    "nested objects": refused("too_deep", "nested too deeply", nested(100_000, '{"a":', "}")),
    "nested 200 levels": refused("unknown_format", "a list", nested(200)),
    "nested 200 levels where nobody looks": accepted(
        "velib_app", 3, 4, replaced(b'"nbBike"', b'"x":' + nested(200) + b',"nbBike"')
    ),
}

_SHAPE: dict[str, Case] = {
    "null": refused("unknown_format", "neither a list nor an object", b"null"),
    "true": refused("unknown_format", "neither a list nor an object", b"true"),
    "a number": refused("unknown_format", "neither a list nor an object", b"42"),
    "a text": refused("unknown_format", "neither a list nor an object", b'"maintenance"'),
    "an empty list": refused("empty_list", "an empty list", b"[]"),
    "an empty object": refused("unknown_format", "none of the formats", b"{}"),
    "a list of empty objects": refused("unknown_format", "none of the formats", b"[{},{},{}]"),
    "a list of lists": refused("unknown_format", "none of the formats", b"[[],[]]"),
    "a list of nulls": refused("unknown_format", "none of the formats", b"[null,null]"),
    "an error body": refused("unknown_format", "'error', 'status'", b'{"status":429,"error":"Too Many Requests"}'),
    "an error body with escapes": refused("unknown_format", "'\\x1b[31m'", b'{"\\u001b[31m":1}'),
    "100,000 keys": refused(
        "unknown_format", "'k0', 'k1'", json.dumps({f"k{n}": 0 for n in range(70_000)}, separators=(",", ":")).encode()
    ),
    "GeoJSON": refused("unknown_format", "'features'", b'{"type":"FeatureCollection","features":[]}'),
    "gbfs of free bikes": refused("unknown_format", "none", encode({"last_updated": 1, "data": {"bikes": []}})),
    "open data of nothing": refused("empty_list", "no station", b'{"total_count":0,"results":[]}'),
    "open data v1 of nothing": refused("empty_list", "no station", b'{"nhits":0,"records":[]}'),
    "gbfs of nothing": refused("empty_list", "no station", encode(gbfs())),
    "nextbike of nothing": refused("empty_list", "no place", encode(nextbike())),
    "nextbike without a country": refused("empty_list", "no place", b'{"countries":[]}'),
    "one bad entry of three": refused("wrong_shape", "entry 2: expected", b"[" + encode(VELIB_APP) + b",7]"),
    "duplicate keys": accepted("velib_app", 3, 4, replaced(b'"nbEbike": 0', b'"nbEbike": 9, "nbEbike": 0')),
    "unknown fields": accepted("velib_app", 3, 4, entry(unknown={"deep": [1, {"er": None}]}, station__odd="x" * 9999)),
    "a station listed twice": accepted(
        "velib_app", 2, 2, encode([station("1", ["a"]), station("1", ["c"]), station("2", ["b"])])
    ),
    "a bike listed twice": accepted("velib_app", 2, 1, app({"1": ["a"], "2": ["a"]})),
    # velib_app
    "no station": refused("missing_field", "field `station` is missing in entry 3", entry(station=...)),
    "station null": refused("missing_field", "field `station` in entry 3", entry(station=None)),
    "station a list": refused("wrong_shape", "field `station` in entry 3", entry(station=[])),
    "no code": refused("missing_field", "field `code` is missing in entry 3", entry(station__code=...)),
    "code null": refused("missing_field", "field `code` in entry 3", entry(station__code=None)),
    "code empty": refused("missing_field", "field `code` in entry 3", entry(station__code="")),
    "code a list": refused("wrong_shape", "field `code` in entry 3", entry(station__code=["1"])),
    "code too long": refused("wrong_shape", "length <= 200", entry(station__code="1" * 201)),
    "code a number too long": refused("wrong_shape", "more than 200 digits", entry(station__code=10**400)),
    "code a number": accepted("velib_app", 3, 4, entry(station__code=2**63)),
    "no nbBike": refused("missing_field", "field `nbBike` is missing in entry 3", entry(nbBike=...)),
    "no nbEbike": refused("missing_field", "field `nbEbike` is missing in entry 3", entry(nbEbike=...)),
    "nbBike null": refused("missing_field", "field `nbBike` in entry 3", entry(nbBike=None)),
    "nbBike true": refused("wrong_shape", "field `nbBike` in entry 3", entry(nbBike=True)),
    "nbBike with decimals": refused("wrong_shape", "field `nbBike` in entry 3", entry(nbBike=1.5)),
    "nbBike in words": refused("wrong_shape", "field `nbBike` in entry 3", entry(nbBike="three")),
    "nbBike an object": refused("wrong_shape", "field `nbBike` in entry 3", entry(nbBike={})),
    "nbBike beyond": refused("wrong_shape", "32767", entry(nbBike=32768)),
    "nbBike 2**63": refused("wrong_shape", "field `nbBike` in entry 3", entry(nbBike=2**63)),
    "nbBike 10**400": refused("wrong_shape", "field `nbBike` in entry 3", entry(nbBike=10**400)),
    "nbBike 1e400": refused("wrong_shape", "out of range", replaced(b'"nbBike": 3', b'"nbBike": 1e400')),
    "nbBike and nbEbike together beyond": refused("wrong_shape", "nbBike + nbEbike", entry(nbBike=32767)),
    "docks together beyond": refused("wrong_shape", "nbDock + nbEDock", entry(nbDock=32767)),
    "dock count far below": refused("wrong_shape", "-32768", entry(nbFreeDock=-40_000)),
    "bikes an object": refused("wrong_shape", "field `bikes` in entry 3", entry(bikes={"a": 1})),
    "bikes of text": refused("wrong_shape", "field `bikes[0]` in entry 3", entry(bikes=["a"])),
    "a bike without a name": refused("missing_field", "field `bikeName` is missing in entry 3", entry(bikes=[{}])),
    "a bike's name null": refused("missing_field", "field `bikeName`", bike(bikeName=None)),
    "a bike's name of 10 kB": refused("wrong_shape", "length <= 200", bike(bikeName="x" * 10_000)),
    "a bike's name of many digits": refused("wrong_shape", "more than 200 digits", bike(bikeName=10**300)),
    "a bike's flag in words": refused("wrong_shape", "expected yes or no", bike(bikeElectric="perhaps")),
    "a bike's battery NaN": refused("wrong_shape", "field `bikeBatteryLevel`", bike(bikeBatteryLevel="NaN")),
    "a bike's rate NaN": refused("wrong_shape", "field `bikeRate`", bike(bikeRate="NaN")),
    "a bike's rate infinite": refused("wrong_shape", "field `bikeRate`", bike(bikeRate="Infinity")),
    "a bike's battery beyond": refused("wrong_shape", "field `bikeBatteryLevel`", bike(bikeBatteryLevel=1e9)),
    "latitude 91": refused("wrong_shape", "field `latitude` in entry 3", entry(station__gps__latitude=91)),
    "longitude -181": refused("wrong_shape", "field `longitude` in entry 3", entry(station__gps__longitude=-181)),
    "latitude in words": refused("wrong_shape", "field `latitude`", entry(station__gps__latitude="north")),
    "gps a list": refused("wrong_shape", "field `gps` in entry 3", entry(station__gps=[48.8, 2.3])),
    "a name of a million letters": refused("wrong_shape", "length <= 10000", entry(station__name="x" * 1_000_000)),
    "a name that is a list": refused("wrong_shape", "field `name`", entry(station__name=["a"])),
    "no gps": accepted("velib_app", 3, 4, entry(station__gps=...)),
    "gps null": accepted("velib_app", 3, 4, entry(station__gps=None)),
    "numbers as text": accepted("velib_app", 3, 4, entry(nbBike="3", nbDock="1.0", station__gps__latitude="48.8")),
    "counts below zero": accepted("velib_app", 3, 4, entry(nbFreeDock=-1)),
    "whole floats": accepted("velib_app", 3, 4, entry(nbBike=3.0)),
    "no bikes": accepted("velib_app", 3, 2, entry(nbBike=0, nbEbike=0, bikes=...)),
    "a battery of 999 percent": accepted("velib_app", 3, 3, bike(bikeBatteryLevel=999)),
    "one in five contradicts itself": accepted("velib_app", 10, 8, contradicting(2, 10)),
    "one more contradicts itself": refused("contradicts_itself", "3 of 10 stations", contradicting(3, 10)),
    "just over one in five": refused("contradicts_itself", "201 of 1000 stations", contradicting(201, 1000)),
    "all contradict themselves": refused("contradicts_itself", "1 of 1 stations", contradicting(1, 1)),
    # velib_opendata
    "open data without codes": refused(
        "missing_field", "field `stationcode`", encode([varied(OPENDATA, stationcode=...)])
    ),
    "open data row a number": refused("wrong_shape", "entry 2: expected", b"[" + encode(OPENDATA) + b",1]"),
    "open data results an object": refused("unknown_format", "'results'", b'{"results":{"stationcode":1}}'),
    "open data record without fields": refused(
        "missing_field", "field `fields` is missing", b'{"records":[{"fields":{}},{}]}'
    ),
    "open data without a count": refused("missing_field", "field `numbikesavailable`", opendata(numbikesavailable=...)),
    "open data with a null count": refused(
        "missing_field", "field `numbikesavailable`", opendata(numbikesavailable=None)
    ),
    "open data beyond": refused("wrong_shape", "field `mechanical`", opendata(mechanical=10**9)),
    "open data position of one": refused("wrong_shape", "`coordonnees_geo`", opendata(coordonnees_geo=[48.8])),
    "open data position turned round": refused(
        "wrong_shape", "coordonnees_geo", opendata(coordonnees_geo={"lat": 200})
    ),
    "open data flag": refused("wrong_shape", "expected yes or no", opendata(is_renting="PEUT-ETRE")),
    "open data code too long": refused(
        "wrong_shape", "`stationcode`", encode([varied(OPENDATA, stationcode="9" * 201)])
    ),
    "open data code of many digits": refused(
        "wrong_shape", "`stationcode`", encode([varied(OPENDATA, stationcode=10**400)])
    ),
    "open data with a null code": accepted(
        "velib_opendata", 1, 0, encode([OPENDATA, varied(OPENDATA, stationcode=None)])
    ),
    "open data with null everywhere": accepted(
        "velib_opendata", 2, 0, opendata(name=None, capacity=None, coordonnees_geo=None)
    ),
    "open data v1": accepted("velib_opendata", 1, 0, encode({"records": [{"fields": OPENDATA}]})),
    "open data v2.1": accepted("velib_opendata", 1, 0, encode({"total_count": 1, "results": [OPENDATA]})),
    # gbfs
    "gbfs without stations": refused("missing_field", "field `stations`", encode({"station_status": {"data": {}}})),
    "gbfs stations null": refused("missing_field", "field `stations`", encode({"data": {"stations": None}})),
    "gbfs without an id": refused("missing_field", "field `station_id` is missing in entry 2", status(station_id=...)),
    "gbfs without a count": refused("missing_field", "`num_bikes_available`", status(num_bikes_available=...)),
    "gbfs count in words": refused(
        "wrong_shape", "`num_bikes_available` in entry 2", status(num_bikes_available="few")
    ),
    "gbfs types beyond together": refused(
        "wrong_shape", "vehicle_types_available in entry 1: 40000", envelope(station_status=gbfs(TYPED))
    ),
    "gbfs difference beyond": refused(
        "wrong_shape",
        "num_ebikes_available in entry 2: 65535",
        status(num_bikes_available=32767, num_ebikes_available=-32768),
    ),
    "gbfs position": refused("wrong_shape", "field `lat` in entry 2", information(lat=-91)),
    "gbfs name an object": refused("wrong_shape", "field `name` in entry 2", information(name={"en": "x"})),
    "gbfs id of many digits": refused("wrong_shape", "more than 200 digits", status(station_id=10**300)),
    "gbfs 1.1 flags": accepted("gbfs", 2, 0, status(is_installed=1, is_renting=0, is_returning="1")),
    "gbfs 3.0": accepted(
        "gbfs", 2, 0, status(num_bikes_available=..., num_vehicles_available=2)[:-1] + b',"version":"3.0"}'
    ),
    "gbfs, Vélib's dialect": accepted(
        "gbfs", 2, 0, status(stationCode="16107", num_bikes_available_types=[{"mechanical": 0}, {"ebike": 2}])
    ),
    "gbfs information": accepted("gbfs_information", 2, 0, information(name=[{"text": "Place", "language": "fr"}])),
    "gbfs together": accepted("gbfs", 1, 0, envelope()),
    "gbfs listing a station twice": accepted("gbfs", 1, 0, envelope(station_status=gbfs(GBFS_STATUS, GBFS_STATUS))),
    # nextbike
    "nextbike without cities": refused("missing_field", "field `cities`", b'{"countries":[{}]}'),
    "nextbike without places": refused("missing_field", "field `places`", b'{"countries":[{"cities":[{}]}]}'),
    "nextbike countries an object": refused("wrong_shape", "field `countries`", b'{"countries":{}}'),
    "nextbike neither station nor bike": refused("missing_field", "`spot`", place(spot=..., bike=...)),
    "nextbike without a number": refused("missing_field", "`number`", place(number=...)),
    "nextbike without a count": refused("missing_field", "`bikes`", place(bikes=...)),
    "nextbike bike without a number": refused("missing_field", "`number`", place(bike_list=[{"state": "ok"}])),
    "nextbike bike_list a number": refused("wrong_shape", "`bike_list`", place(bike_list=3)),
    "nextbike position": refused("wrong_shape", "`lat`", place(lat=900)),
    "nextbike spot": refused("wrong_shape", "`spot` in entry 2: expected yes or no", place(spot="perhaps")),
    "nextbike NUL in the city": refused("wrong_shape", "NUL", encode(nextbike(NEXTBIKE_STATION, city="\0"))),
    "nextbike more bikes than a station has": refused(
        "wrong_shape", "bike_list in entry 2: 33000", place(bike_list=[{"number": n} for n in range(33_000)])
    ),
    "nextbike bikes in the street": accepted("nextbike", 1, 3, street({"1": ["a"]}, ["b", "c"])),
}

_NAMES: dict[str, Case] = {
    "no time": refused("no_capture_time", "neither the file's name nor its content", APP, name="{kind}.json"),
    "month 13": refused("no_capture_time", "neither", APP, name="{kind}_20261302_080000_UTC.json"),
    "hour 25": refused("no_capture_time", "neither", APP, name="{kind}_20260602_250000_UTC.json"),
    "31 February": refused("no_capture_time", "neither", APP, name="{kind}_20260231_080000.json"),
    "29 February of 2026": refused("no_capture_time", "neither", APP, name="{kind}_20260229_080000_UTC.json"),
    "second 60": refused("no_capture_time", "neither", APP, name="{kind}_20260602_235960_UTC.json"),
    "the hour that spring skips": refused("no_capture_time", "neither", APP, name="{kind}_20260329_023000.json"),
    "a date without a time": refused("no_capture_time", "neither", APP, name="{kind}_20260602.json"),
    "year 0": refused("no_capture_time", "neither", APP, name="{kind}_00000101_000000_UTC.json"),
    "year 1": refused("implausible_capture_time", "0001-01-01", APP, name="{kind}_00010101_000000_UTC.json"),
    "year 1, local": refused("implausible_capture_time", "0001-01-01", APP, name="{kind}_00010101_000000.json"),
    "year 1970": refused(
        "implausible_capture_time", "outside 2000 to 2099", APP, name="{kind}_19700101_000000_UTC.json"
    ),
    "year 1999": refused("implausible_capture_time", "1999-12-31", APP, name="{kind}_19991231_235959_UTC.json"),
    "year 2100": refused("implausible_capture_time", "2100-01-01", APP, name="{kind}_21000101_000000_UTC.json"),
    "year 9999": refused("implausible_capture_time", "9999-12-31", APP, name="{kind}_99991231_235959_CET.json"),
    "a zone of elsewhere": refused("unknown_zone", "'EDT' is no zone", APP, name="{kind}_20260602_080000_EDT.json"),
    "letters that may be a zone": refused("unknown_zone", "--time-zone", APP, name="{kind}_20260602_080000_XYZ.json"),
    "half of a day": refused("unknown_zone", "--name-time", APP, name="{kind}_20260602_080000 PM.json"),
    "an offset or a number": refused("unknown_zone", "'-04'", APP, name="{kind}_20260602_080000-04.json"),
    "no zone, whatever the content": refused("unknown_zone", "'EST'", b"[", name="{kind}_20260602_080000_EST.json"),
    "a day and an hour": refused("no_capture_time", "20260602083000", APP, name="{kind}_2026060208.json"),
    "another hour than the folder": refused(
        "no_capture_time", "--name-time", APP, name="d/2026-01-09/hour=07/080000.json"
    ),
    "seconds since 1970": accepted("velib_app", 3, 4, APP, name="{kind}_1767950000.json"),
    "milliseconds since 1970": accepted("velib_app", 3, 4, APP, name="{kind}_1767950100000.json"),
    "14 digits": accepted("velib_app", 3, 4, APP, name="{kind}_20260109102000.json"),
    "ISO 8601": accepted("velib_app", 3, 4, APP, name="{kind}_2026-01-09T10:25:00+01:00.json"),
    "a day in a folder": accepted("velib_app", 3, 4, APP, name="d/2026-01-09/10-30-00.json"),
    "gbfs stating 1970": refused(
        "implausible_capture_time", "1970-01-01", encode(gbfs(GBFS_STATUS, last_updated=1)), name="{kind}.json"
    ),
    "gbfs stating milliseconds": refused(
        "no_capture_time", "neither", encode(gbfs(GBFS_STATUS, last_updated=1_700_000_000_000)), name="{kind}.json"
    ),
    "gbfs stating a time without a zone": refused(
        "no_capture_time", "neither", encode(gbfs(GBFS_STATUS, last_updated="2026-06-02T08:00:00")), name="{kind}.json"
    ),
    "gbfs stating true": refused(
        "implausible_capture_time", "1970", encode(gbfs(GBFS_STATUS, last_updated=True)), name="{kind}.json"
    ),
    "gbfs stating the last day of time": refused(
        "no_capture_time", "", encode(gbfs(GBFS_STATUS, last_updated="9999-12-31T23:59:59-12:00")), name="{kind}.json"
    ),
    "gbfs stating a time": accepted("gbfs", 1, 0, encode(gbfs(GBFS_STATUS)), name="{kind}.json"),
    "the future": refused("from_the_future", "2099-12-31T23:59:59", APP, name="{kind}_20991231_235959_UTC.json"),
    "gbfs stating the future": refused(
        "from_the_future", "yet to come", encode(gbfs(GBFS_STATUS, last_updated=4_000_000_000)), name="{kind}.json"
    ),
    "the first hour": accepted("velib_app", 3, 4, APP, name="{kind}_20000101_000000_UTC.json"),
}

_PLACES: dict[str, Case] = {
    "a folder": accepted("velib_app", 3, 4, folder_with_a_snapshot, **GZ),
    "a folder in a circle": left_out(folder_in_a_circle),
    "a pipe": left_out(pipe),
    "a socket": left_out(unix_socket),
    "a link to a device": left_out(link_to("/dev/zero")),
    "a link to a terminal": left_out(link_to("/dev/tty")),
    "a link to itself": refused("unreadable", "symbolic links", link_to_itself),
    "a link to nothing": refused("unreadable", "No such file", link_to("nowhere")),
    "a file that a disk gives up on": left_out(link_to("/proc/self/mem")),
    "a name that is no text": refused(
        "unusable_path", "not UTF-8", named(b"\xff_20260602_070000_UTC.json"), name="\\xff_20260602_070000_UTC.json"
    ),
    "a path too long": refused("unusable_path", "longer than 2,000 bytes", far_away),
}

if not Path("/proc/self/mem").exists():
    del _PLACES["a file that a disk gives up on"]  # only Linux has such a file for everyone

CASES: dict[str, Case] = _BYTES | _TEXT | _SHAPE | _NAMES | _PLACES

# --- text that tries something ---------------------------------------------------------------------------------------

HOSTILE = {
    "SQL": "'); drop schema raw cascade; --",
    "dollar quotes": "$$; drop table raw.snapshots; $$",
    "HTML": "<script>alert(1)</script>&amp;\"'",
    "Jinja": "{{ var('x') }}{% do x %}{# #}",
    "formats": "%s %d %n {0} {} ${HOME} $(reboot) `id` \\N \\x00",
    "escapes": "\x1b[2J\x1b[31mred\x1b]0;owned\x07",
    "a link": "\x1b]8;;http://example.org\x1b\\click\x1b]8;;\x1b\\",
    "carriage return": "good\rbad\nnext\tline\v\f\b\x7f",
    "C1 controls": "\x9b31m\x85\x90",
    "bidi": "abc\u202edef\u2066ghi\u2069\u200f",
    "invisible": "a\u200bb\ufeffc\u00ad\u2028\u2029d",
    "combining": "Z" + "\u0301" * 60,
    "emoji": "🚲👩‍👩‍👧‍👦🇫🇷",
    "noncharacters": "\ufffe\uffff\U0010ffff",
    "spaces": "  lead and trail \u00a0",
    "null words": "NULL",
    "copy end": "\\.",
    "commas": 'a,"b",;\t|',
}
