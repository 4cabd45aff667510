"""`velib_opendata`: opendata.paris.fr, dataset velib-disponibilite-en-temps-reel, in its three envelopes. Counts only.

`duedate` is no time of capture: it refreshes hourly and even goes back. Rows without a station code occur; they are no
station, and stay countable as such. A file of nothing else says nothing of any station, and is none.
"""

from __future__ import annotations

import re
from datetime import datetime

import msgspec

from ingestion.formats import outline
from ingestion.formats.decoding import (
    MAX_KEY_LENGTH,
    Count,
    Flag,
    Latitude,
    Longitude,
    Text,
    decode,
    flag,
    plain,
    text,
)
from ingestion.formats.errors import ENTRY, FormatError
from ingestion.formats.model import Attributes, Entry, Station, Status
from ingestion.formats.storable import storable


class _Point(msgspec.Struct, gc=False):
    lon: Longitude | None = None
    lat: Latitude | None = None


class _Row(msgspec.Struct, gc=False):
    stationcode: Text = None
    name: Text = None
    capacity: Count | None = None
    numdocksavailable: Count | None = None
    numbikesavailable: Count | None = None
    mechanical: Count | None = None
    ebike: Count | None = None
    is_installed: Flag = None
    is_renting: Flag = None
    is_returning: Flag = None
    coordonnees_geo: _Point | tuple[Latitude, Longitude] | None = None
    nom_arrondissement_communes: Text = None
    code_insee_commune: Text = None


class _Record(msgspec.Struct, gc=False):
    fields: msgspec.Raw


class _Envelope(msgspec.Struct, gc=False):
    results: list[msgspec.Raw] | None = None  # v2.1 records
    records: list[_Record] | None = None  # v1 records


_rows = msgspec.json.Decoder(list[msgspec.Raw])
_envelope = msgspec.json.Decoder(_Envelope)
_row = msgspec.json.Decoder(_Row, strict=False)
_NO_STATION = Station(None, None, None, (), None)
# Found in the first row that has one: nothing is read for it in a file that is well.
_A_CODE = re.compile(rb'"stationcode"\s*:\s*(?!null|""|\s)')
_OWN_KEYS = ("stationcode", "numbikesavailable", "numdocksavailable", "coordonnees_geo")


def state(installed: bool | None, renting: bool | None, returning: bool | None) -> str | None:
    """A station's state in the words of velib_app, from its three flags; None where the feed states none of them."""
    if installed is None and renting is None and returning is None:
        return None
    return "Operative" if installed and renting and returning else "Close"


class VelibOpendata:
    """The open-data rows, bare or in one of two envelopes."""

    name = "velib_opendata"

    def fits(self, seen: outline.Outline) -> bool:
        if seen.is_list:
            return not seen.entry_keys.isdisjoint(_OWN_KEYS)
        rows = outline.items(seen.members.get("results"))
        if rows is not None:
            return not rows or not outline.keys_of(rows).isdisjoint(_OWN_KEYS)
        records = outline.items(seen.members.get("records"))
        return records is not None and (not records or "fields" in outline.keys_of(records))

    def matches(self, payload: bytes) -> bool:
        return outline.matches(payload, self.fits)

    def feed(self, payload: bytes) -> str:
        return self.name

    def split(self, payload: bytes) -> list[Entry]:
        payload = plain(payload)
        if payload.lstrip()[:1] == b"{":
            envelope = decode(_envelope, payload)
            if envelope.results is not None:
                rows = envelope.results
            elif envelope.records is not None:
                rows = [record.fields for record in envelope.records]
            else:
                raise FormatError("missing_field", "field `results` is missing in the file")
        else:
            rows = decode(_rows, payload)
        if not rows:
            raise FormatError("empty_list", "the file lists no station")
        # The v1 API leaves out what is null, so a single row may lack its code. In some files every row does, or has null.
        if _A_CODE.search(payload) is None:
            raise FormatError("missing_field", "field `stationcode` is missing in every entry")
        return rows

    def parse(self, entry: Entry, before: Station | None = None) -> Station:
        row = decode(_row, entry, ENTRY)
        code = text(row.stationcode)
        if not code:
            return _NO_STATION
        if len(code) > MAX_KEY_LENGTH:
            raise FormatError("wrong_shape", f"field `stationcode` in {ENTRY}: longer than {MAX_KEY_LENGTH} characters")
        if row.numbikesavailable is None:
            raise FormatError("missing_field", f"field `numbikesavailable` is missing in {ENTRY}")
        point = row.coordonnees_geo
        latitude, longitude = (
            (None, None) if point is None else (point.lat, point.lon) if isinstance(point, _Point) else point
        )
        renting, returning = flag(row.is_renting, "is_renting"), flag(row.is_returning, "is_returning")
        now = state(flag(row.is_installed, "is_installed"), renting, returning)
        attributes = Attributes(
            name=text(row.name),
            latitude=latitude,
            longitude=longitude,
            capacity=row.capacity,
            state=now,
            insee_code=text(row.code_insee_commune),
            city_name=text(row.nom_arrondissement_communes),
        )
        status = Status(
            state=now,
            bikes_available=row.numbikesavailable,
            bikes_mechanical=row.mechanical,
            bikes_electric=row.ebike,
            docks_free=row.numdocksavailable,
            docks_total=row.capacity,
            is_renting=renting,
            is_returning=returning,
        )
        return storable(Station(code, attributes, status, (), None), bytes(entry))

    def captured_at(self, payload: bytes) -> datetime | None:
        return None
