"""GBFS: gbfs.json says where the documents are; each says for how long it is good. All go into one snapshot.

The snapshot is the envelope that ingestion/formats/gbfs.py reads: station_status as it is now, station_information and
vehicle_types as they were when they were last asked for. So each file is complete: a status without its station's capacity
and vehicle types would say less.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

import msgspec

from ingestion.formats import FORMATS, FormatError, read
from ingestion.formats.decoding import decode, plain
from velib.collecting.client import FetchError, is_http, shown
from velib.collecting.configuration import Feed
from velib.collecting.documents import Document, Documents
from velib.collecting.payloads import Answer, UnusableError, check

STATUS, INFORMATION, TYPES = "station_status", "station_information", "vehicle_types"
_DISCOVERY = "gbfs"

# What a document says of its own age is believed within these bounds. Without a word it is an hour.
SHORTEST_TTL, USUAL_TTL, LONGEST_TTL = 60.0, 3600.0, 24 * 3600.0

_LANGUAGES = ("fr", "en")
_ANY_STATUS = b'{"data":{"stations":[{"station_id":"1","num_bikes_available":0}]}}'
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def fetch(feed: Feed, documents: Documents) -> tuple[Answer, list[str]]:
    """The snapshot, and what was amiss without spoiling it. Raises FetchError."""
    remarks: list[str] = []
    places = _discover(feed, documents, remarks)
    if STATUS not in places:
        raise FetchError("unusable", f"{shown(feed.url)} names no {STATUS}")
    try:
        status = documents.get(STATUS, places[STATUS], _check_status)
    except FetchError as error:
        if error.reason == "refused":
            documents.forget(_DISCOVERY)  # the document may have moved
        raise
    parts = {STATUS: status.body}
    for name in (INFORMATION, TYPES):
        if name in places:
            body = _aside(name, places[name], documents, remarks)
            if body is not None:
                parts[name] = body
    payload = b"{%s}" % b",".join(b'"%s":%s' % (name.encode(), _bare(body)) for name, body in parts.items())
    return Answer(payload, status.received_at, check(payload, "gbfs")), remarks


def _discover(feed: Feed, documents: Documents, remarks: list[str]) -> dict[str, str]:
    """Where the documents are, by name."""
    try:
        found: Document | bytes = documents.get_cached(_DISCOVERY, feed.url, _check_discovery, ttl)
    except FetchError as error:
        stale = documents.stale(_DISCOVERY, feed.url)
        if stale is None or error.reason == "asked_to_wait":
            raise
        remarks.append(f"gbfs.json: {error}; where the documents are is known from before")
        found = stale
    body = found if isinstance(found, bytes) else found.body
    places: dict[str, str] = {}
    for each in _feeds(body, feed.language):
        name, url = each.get("name"), each.get("url")
        if isinstance(name, str) and isinstance(url, str) and is_http(target := urljoin(feed.url, url.strip())):
            places.setdefault(name.removesuffix(".json"), target)
    return places


def _feeds(body: bytes, language: str | None) -> list[dict[str, Any]]:
    """The list of documents: version 3 has one, the versions before have one a language."""
    content = msgspec.json.decode(_bare(body))
    data = content.get("data") if isinstance(content, dict) else None
    if not isinstance(data, dict):
        return []
    if "feeds" not in data:
        by_language = {key: value for key, value in data.items() if isinstance(value, dict)}
        wanted = next((each for each in (language, *_LANGUAGES) if each in by_language), None)
        data = by_language[wanted] if wanted else next(iter(by_language.values()), {})
    feeds = data.get("feeds")
    return [each for each in feeds if isinstance(each, dict)] if isinstance(feeds, list) else []


def _aside(name: str, url: str, documents: Documents, remarks: list[str]) -> bytes | None:
    """A document that changes seldom; an old copy where it cannot be had, and nothing where there is none."""
    checks = {INFORMATION: _check_information, TYPES: _check_types}
    try:
        return documents.get_cached(name, url, checks[name], ttl).body
    except FetchError as error:
        stale = documents.stale(name, url)
        remarks.append(f"{name}: {error}; {'the copy from before is used' if stale else 'this snapshot is without it'}")
        return stale


def ttl(body: bytes) -> float:
    """For how many seconds the document says that it is good."""
    try:
        stated = float(msgspec.json.decode(_object.decode(_bare(body))["ttl"]))
    except (KeyError, ValueError, TypeError, msgspec.MsgspecError):
        return USUAL_TTL
    return min(max(stated, SHORTEST_TTL), LONGEST_TTL) if stated == stated else USUAL_TTL


def _check_discovery(body: bytes) -> None:
    try:
        named = _feeds(body, None)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise UnusableError("invalid_json", "gbfs.json is not valid JSON", body) from None
    if not named:
        raise UnusableError("unknown_format", "gbfs.json names no documents", body)


def _check_status(body: bytes) -> None:
    _named(STATUS, body, lambda: check(body, "gbfs"))


def _check_information(body: bytes) -> None:
    """More strictly than a status: one bad entry would have the loader refuse all snapshots that hold it."""

    def readable() -> None:
        check(body, "gbfs")
        read(FORMATS["gbfs"], b'{"station_information":%s}' % _bare(body))

    _named(INFORMATION, body, readable)


def _check_types(body: bytes) -> None:
    """As the loader will read it, beside a station that has no vehicles."""

    def readable() -> None:
        members = decode(_object, plain(body))
        if "data" not in members:
            raise FormatError("missing_field", "field `data` is missing in the answer")
        FORMATS["gbfs"].split(b'{"station_status":%s,"vehicle_types":%s}' % (_ANY_STATUS, _bare(body)))

    _named(TYPES, body, readable)


def _named(name: str, body: bytes, look: Callable[[], object]) -> None:
    """The same look at a document, with errors that say which document it is, and that are all of one kind."""
    try:
        look()
    except UnusableError as error:
        raise UnusableError(error.why, f"{name}: {error.detail}", body) from None
    except FormatError as error:
        raise UnusableError(error.reason, f"{name}: {error}", body) from None


def _bare(body: bytes) -> bytes:
    """Without a byte order mark, which may stand at the beginning of a file only."""
    return body.removeprefix(b"\xef\xbb\xbf").strip()
