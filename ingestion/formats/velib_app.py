"""`velib_app`: the bare array of Vélib's own app, one entry a station with every bike in it. The format speed is about.

A full Paris snapshot is 3.7 MB: it is split into raw entries without decoding them, so that change capture can compare
bytes; only entries that differ are parsed.
"""

# ruff: noqa: N815 (the feed's own names)
from __future__ import annotations

from datetime import datetime

import msgspec

from ingestion.formats import outline
from ingestion.formats.decoding import (
    FLAGS,
    Count,
    Flag,
    Key,
    Latitude,
    Longitude,
    Measure,
    Text,
    decode,
    flag,
    key,
    percent,
    storable,
    text,
    total,
    unmarked,
)
from ingestion.formats.errors import ENTRY, FormatError
from ingestion.formats.model import Attributes, Bike, Entry, Station, Status

# msgspec fills these from the feed's names; gc=False because they hold no cycles and there are 15,000 a file.


class _Bike(msgspec.Struct, gc=False, rename="camel"):
    bike_name: Key
    bike_electric: Flag = None
    bike_status: Text = None
    dock_position: Text = None
    bike_battery_level: Measure | None = None
    bike_rate: Measure | None = None
    number_of_rates: Count | None = None
    last_rate_date: Text = None
    bike_block_cause: Text = None


class _Gps(msgspec.Struct, gc=False):
    latitude: Latitude | None = None
    longitude: Longitude | None = None


class _Station(msgspec.Struct, gc=False, rename="camel"):
    code: Key
    gps: _Gps | None = None
    state: Text = None
    name: Text = None
    type: Text = None
    station_type: Text = None


class _Entry(msgspec.Struct, gc=False):
    station: _Station
    nbBike: Count
    nbEbike: Count
    nbFreeDock: Count | None = None
    nbFreeEDock: Count | None = None
    nbDock: Count | None = None
    nbEDock: Count | None = None
    nbBikeOverflow: Count | None = None
    nbEBikeOverflow: Count | None = None
    maxBikeOverflow: Count | None = None
    nbBikeBlockedToCollect: Count | None = None
    nbBikeBlockedToFixInStation: Count | None = None
    densityLevel: Count | None = None
    creditCard: Text = None
    kioskState: Text = None
    overflow: Text = None
    overflowActivation: Text = None
    isAltitude: Flag = None
    bikes: list[_Bike] | None = None


_entries = msgspec.json.Decoder(list[msgspec.Raw])
_entry = msgspec.json.Decoder(_Entry, strict=False)
_no_gps = _Gps()
_new = tuple.__new__  # a NamedTuple's own constructor costs three times as much, and a file has 15,000 bikes


def _bike(bike: _Bike) -> Bike:
    """A bike with a spelling the fast path does not know."""
    return Bike(
        key(bike.bike_name),
        flag(bike.bike_electric, "bikeElectric"),
        text(bike.bike_status),
        text(bike.dock_position),
        percent(bike.bike_battery_level),
        bike.bike_rate,
        bike.number_of_rates,
        text(bike.last_rate_date),
        text(bike.bike_block_cause),
        None,
        None,
    )


def _bikes(bikes: list[_Bike]) -> tuple[Bike, ...]:
    result = []
    for bike in bikes:
        name, status, dock = bike.bike_name, bike.bike_status, bike.dock_position
        rated, cause, battery = bike.last_rate_date, bike.bike_block_cause, bike.bike_battery_level
        if (
            name.__class__ is str
            and (status is None or status.__class__ is str)
            and (dock is None or dock.__class__ is str)
            and (rated is None or rated.__class__ is str)
            and (cause is None or cause.__class__ is str)
            and bike.bike_electric in FLAGS
        ):
            values = (
                name,
                FLAGS[bike.bike_electric],
                status,
                dock,
                None if battery is None else round(battery),
                bike.bike_rate,
                bike.number_of_rates,
                rated,
                cause,
                None,
                None,
            )
            result.append(_new(Bike, values))
        else:
            result.append(_bike(bike))
    return tuple(result)


class VelibApp:
    """The array of Vélib's app."""

    name = "velib_app"

    def fits(self, seen: outline.Outline) -> bool:
        return not seen.entry_keys.isdisjoint(("station", "bikes", "nbBike"))

    def matches(self, payload: bytes) -> bool:
        return outline.matches(payload, self.fits)

    def feed(self, payload: bytes) -> str:
        return self.name

    def split(self, payload: bytes) -> list[Entry]:
        # UTF-8 is checked entry by entry, in parse: checking 3.7 MB at once takes half as long as splitting them.
        entries = decode(_entries, unmarked(payload))
        if not entries:
            raise FormatError("empty_list", "the file lists no station")
        return entries

    def parse(self, entry: Entry) -> Station:
        raw = decode(_entry, entry, ENTRY)
        station = raw.station
        gps = station.gps or _no_gps
        state = text(station.state)
        available = total((raw.nbBike, raw.nbEbike), "nbBike + nbEbike")
        attributes = Attributes(
            name=text(station.name),
            latitude=gps.latitude,
            longitude=gps.longitude,
            capacity=total((raw.nbDock, raw.nbEDock), "nbDock + nbEDock"),
            state=state,
            station_type=text(station.station_type),
            type=text(station.type),
            insee_code=None,
            city_name=None,
            max_overflow=raw.maxBikeOverflow,
            credit_card=text(raw.creditCard),
            kiosk_state=text(raw.kioskState),
            overflow=text(raw.overflow),
            overflow_activation=text(raw.overflowActivation),
            is_altitude=flag(raw.isAltitude, "isAltitude"),
        )
        status = Status(
            state=state,
            bikes_available=available,
            bikes_mechanical=raw.nbBike,
            bikes_electric=raw.nbEbike,
            docks_free=raw.nbFreeDock,
            edocks_free=raw.nbFreeEDock,
            docks_total=raw.nbDock,
            edocks_total=raw.nbEDock,
            bikes_overflow=raw.nbBikeOverflow,
            ebikes_overflow=raw.nbEBikeOverflow,
            bikes_to_collect=raw.nbBikeBlockedToCollect,
            bikes_to_fix=raw.nbBikeBlockedToFixInStation,
            density_level=raw.densityLevel,
            is_renting=None,
            is_returning=None,
        )
        bikes = _bikes(raw.bikes) if raw.bikes else ()
        return storable(Station(key(station.code), attributes, status, bikes, available), bytes(entry))

    def captured_at(self, payload: bytes) -> datetime | None:
        return None  # dueDate is a station's opening date
