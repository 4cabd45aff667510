"""`gbfs`: station_status and station_information, versions 1.1, 2.x and 3.0, and Vélib's dialect. Counts only.

Accepted documents: station_status; station_information; or both (and vehicle_types) in one envelope
`{"station_status": {…}, "station_information": {…}, "vehicle_types": {…}}`. station_information alone is a feed of its
own: the two are captured at different times, and a document without status must not end a station's status.
`last_reported` ticks and is not tracked.
"""

# ruff: noqa: N815 (the feed's own names)
from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from ingestion.formats import outline
from ingestion.formats.decoding import (
    Count,
    Flag,
    Key,
    Latitude,
    LimitedText,
    Longitude,
    Text,
    decode,
    flag,
    key,
    plain,
    shared,
    text,
    total,
)
from ingestion.formats.errors import ENTRY, FormatError
from ingestion.formats.model import Attributes, Entry, Station, Status
from ingestion.formats.storable import storable
from ingestion.formats.velib_opendata import state

INFORMATION_FEED = "gbfs_information"


class _Translation(msgspec.Struct, gc=False):
    text: Text = None


class _TypeCount(msgspec.Struct, gc=False):
    vehicle_type_id: Key
    count: Count


class _Id(msgspec.Struct, gc=False):
    station_id: Key


class _Status(msgspec.Struct, gc=False):
    station_id: Key
    stationCode: Key | None = None  # Vélib's dialect: the code the other Vélib feeds know the station by
    num_bikes_available: Count | None = None
    num_vehicles_available: Count | None = None  # v3
    num_ebikes_available: Count | None = None
    num_bikes_available_types: list[dict[str, Count | None]] | dict[str, Count | None] | None = None
    vehicle_types_available: list[_TypeCount] | None = None
    num_docks_available: Count | None = None
    is_installed: Flag = None
    is_renting: Flag = None
    is_returning: Flag = None


class _Information(msgspec.Struct, gc=False):
    station_id: Key
    stationCode: Key | None = None
    name: LimitedText | int | float | list[_Translation] | None = None
    lat: Latitude | None = None
    lon: Longitude | None = None
    capacity: Count | None = None


class _Stations(msgspec.Struct, gc=False):
    stations: list[msgspec.Raw]


class _Document(msgspec.Struct, gc=False):
    data: _Stations
    last_updated: Text = None
    lastUpdatedOther: Text = None


class _VehicleType(msgspec.Struct, gc=False):
    vehicle_type_id: Key
    propulsion_type: Text = None


class _VehicleTypes(msgspec.Struct, gc=False):
    vehicle_types: list[_VehicleType]


class _VehicleTypesDocument(msgspec.Struct, gc=False):
    data: _VehicleTypes


class _Payload(msgspec.Struct, gc=False):
    """One document, or the envelope of several."""

    data: _Stations | None = None
    last_updated: Text = None
    lastUpdatedOther: Text = None
    station_status: _Document | None = None
    station_information: _Document | None = None
    vehicle_types: _VehicleTypesDocument | None = None


class Propulsion(NamedTuple):
    """The vehicle types of a file: those ridden by muscle alone, and those with a motor."""

    mechanical: frozenset[str]
    electric: frozenset[str]


class GbfsEntry(NamedTuple):
    """A station's parts, and the file's vehicle types, without which its counts by type mean nothing."""

    status: msgspec.Raw | None
    information: msgspec.Raw | None
    propulsion: Propulsion | None


class _Documents(NamedTuple):
    status: _Document | None
    information: _Document | None
    types: _VehicleTypesDocument | None


_payload = msgspec.json.Decoder(_Payload, strict=False)
_id = msgspec.json.Decoder(_Id, strict=False)
_status = msgspec.json.Decoder(_Status, strict=False)
_information = msgspec.json.Decoder(_Information, strict=False)

_STATUS_KEYS = ("num_bikes_available", "num_vehicles_available", "num_docks_available", "is_renting", "last_reported")
_INFORMATION_KEYS = ("name", "lat", "lon", "capacity")


def _documents(payload: bytes) -> _Documents:
    whole = decode(_payload, plain(payload))
    if whole.station_status is not None or whole.station_information is not None:
        return _Documents(whole.station_status, whole.station_information, whole.vehicle_types)
    if whole.data is None:
        raise FormatError("missing_field", "field `data` is missing in the file")
    document = _Document(whole.data, whole.last_updated, whole.lastUpdatedOther)
    keys = outline.keys_of(whole.data.stations)
    # A document says nowhere which one it is: its stations tell. One of nothing, or of neither, counts as a status.
    if keys.isdisjoint(_STATUS_KEYS) and not keys.isdisjoint(_INFORMATION_KEYS):
        return _Documents(None, document, None)
    return _Documents(document, None, None)


def _propulsion(document: _VehicleTypesDocument | None) -> Propulsion | None:
    if document is None:
        return None
    mechanical, electric = set(), set()
    for vehicle in document.data.vehicle_types:
        kind = text(vehicle.propulsion_type) or ""
        if kind.startswith("electric"):
            electric.add(key(vehicle.vehicle_type_id))
        elif kind == "human":
            mechanical.add(key(vehicle.vehicle_type_id))
    return shared(Propulsion(frozenset(mechanical), frozenset(electric)))


def _ids(stations: list[msgspec.Raw]) -> list[str]:
    result = []
    for number, raw in enumerate(stations, 1):
        try:
            result.append(key(decode(_id, raw, ENTRY).station_id))
        except FormatError as error:
            raise error.in_entry(number) from None
    return result


def _split_by_kind(row: _Status, available: int, propulsion: Propulsion | None) -> tuple[int | None, int | None]:
    """How many of the bikes are mechanical, and how many electric; None where the feed does not tell."""
    types = row.num_bikes_available_types
    if types:
        counts: dict[str, int | None] = {}
        for part in types if isinstance(types, list) else [types]:
            counts.update(part)
        if "mechanical" in counts or "ebike" in counts:
            return counts.get("mechanical"), counts.get("ebike")
    by_type = row.vehicle_types_available
    if by_type is not None and propulsion is not None:
        ids = {key(part.vehicle_type_id) for part in by_type}
        # A type the vehicle_types document does not know could be either.
        if ids <= propulsion.mechanical | propulsion.electric:
            mechanical, electric = (
                sum(part.count for part in by_type if key(part.vehicle_type_id) in kind) for kind in propulsion
            )
            return total((mechanical,), "vehicle_types_available"), total((electric,), "vehicle_types_available")
    stated = row.num_ebikes_available
    if stated is not None:
        rest = available - stated if available >= stated else None
        return total((rest,), "num_bikes_available - num_ebikes_available"), stated
    return None, None


def _name(value: str | int | float | list[_Translation] | None) -> str | None:
    if isinstance(value, list):  # v3: one a language; the first is the operator's own
        return text(value[0].text) if value else None
    return text(value)


def _instant(value: Text) -> datetime | None:
    """An aware UTC time from POSIX seconds or RFC 3339; None where it is neither, or has no zone."""
    try:
        if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
            stated = datetime.fromisoformat(value)
            return stated.astimezone(UTC) if stated.tzinfo else None
        seconds = float(value or 0)
        return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


class Gbfs:
    """GBFS's two station documents, alone or together."""

    name = "gbfs"

    def fits(self, seen: outline.Outline) -> bool:
        if "station_status" in seen.members or "station_information" in seen.members:
            return True
        return "stations" in outline.members(seen.members.get("data"))

    def matches(self, payload: bytes) -> bool:
        return outline.matches(payload, self.fits)

    def feed(self, payload: bytes) -> str:
        return self.name if _documents(payload).status is not None else INFORMATION_FEED

    def split(self, payload: bytes) -> list[Entry]:
        documents = _documents(payload)
        propulsion = _propulsion(documents.types)
        if documents.status is None:
            stations = documents.information.data.stations if documents.information else []
            entries = [GbfsEntry(None, raw, None) for raw in stations]
        elif documents.information is None:
            entries = [GbfsEntry(raw, None, propulsion) for raw in documents.status.data.stations]
        else:
            # A station that only station_information lists is left out: its status is unobserved, as a station's that
            # a snapshot does not list.
            places = documents.information.data.stations
            # Reversed: of two with one id the first counts, as everywhere.
            information = dict(zip(reversed(_ids(places)), reversed(places), strict=True))
            statuses = documents.status.data.stations
            entries = [
                GbfsEntry(raw, information.get(station_id), propulsion)
                for station_id, raw in zip(_ids(statuses), statuses, strict=True)
            ]
        if not entries:
            raise FormatError("empty_list", "the file lists no station")
        return entries

    def parse(self, entry: Entry, before: Station | None = None) -> Station:
        code: str | None = None
        status: Status | None = None
        now: str | None = None
        place = _Information("-")
        if entry.information is not None:
            place = decode(_information, entry.information, ENTRY)
            code = key(place.station_id if place.stationCode is None else place.stationCode)
        if entry.status is not None:
            row = decode(_status, entry.status, ENTRY)
            own = place.stationCode if row.stationCode is None else row.stationCode
            code = key(row.station_id if own is None else own)
            renting, returning = flag(row.is_renting, "is_renting"), flag(row.is_returning, "is_returning")
            now = state(flag(row.is_installed, "is_installed"), renting, returning)
            available = row.num_bikes_available
            if available is None:
                available = row.num_vehicles_available
            if available is None:
                raise FormatError("missing_field", f"field `num_bikes_available` is missing in {ENTRY}")
            mechanical, electric = _split_by_kind(row, available, entry.propulsion)
            status = Status(
                state=now,
                bikes_available=available,
                bikes_mechanical=mechanical,
                bikes_electric=electric,
                docks_free=row.num_docks_available,
                docks_total=place.capacity,
                is_renting=renting,
                is_returning=returning,
            )
        attributes = Attributes(
            name=_name(place.name),
            latitude=place.lat,
            longitude=place.lon,
            capacity=place.capacity,
            state=now,
        )
        raw_bytes = bytes(entry.status or b"") + bytes(entry.information or b"")
        return storable(Station(code, attributes, status, (), None), raw_bytes)

    def captured_at(self, payload: bytes) -> datetime | None:
        documents = _documents(payload)
        document = documents.status or documents.information
        if document is None:
            return None
        stated = document.last_updated if document.last_updated is not None else document.lastUpdatedOther
        return _instant(stated)
