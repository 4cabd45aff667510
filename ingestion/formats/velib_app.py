"""`velib_app`: the bare array of Vélib's own app, one entry a station with every bike in it. The format speed is about.

A full Paris snapshot is 3.7 MB: it is split into raw entries without decoding them, so that change capture can compare
bytes; only entries that differ are parsed, and of these only the bikes that differ.
"""

# ruff: noqa: N815 (the feed's own names)
from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec

from ingestion.formats import outline
from ingestion.formats.cut import Cut, changed_part
from ingestion.formats.decoding import (
    FLAGS,
    UNCOUNTED_BYTES,
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
    text,
    total,
    unmarked,
)
from ingestion.formats.errors import ENTRY, FormatError
from ingestion.formats.model import Attributes, Bike, Entry, Station, Status
from ingestion.formats.storable import storable

# msgspec fills these from the feed's names; gc=False because they hold no cycles and there are 15,000 a file.


StationPart = TypeVar("StationPart")
BikePart = TypeVar("BikePart")


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


class _Entry(msgspec.Struct, Generic[StationPart, BikePart], gc=False):
    station: StationPart
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
    bikes: list[BikePart] | None = None


_entries = msgspec.json.Decoder(list[msgspec.Raw])
_entry = msgspec.json.Decoder(_Entry[_Station, _Bike], strict=False)
# The parts are looked at by their bytes first: most bikes of a changed station are as they were.
_undecoded = msgspec.json.Decoder(_Entry[msgspec.Raw, msgspec.Raw], strict=False)
_station = msgspec.json.Decoder(_Station, strict=False)
_bike = msgspec.json.Decoder(_Bike, strict=False)
_no_gps = _Gps()
# A NamedTuple's own constructor costs three times as much, and a function that only hands its argument back nearly as much: a
# day has hundreds of thousands of new bikes.
_new: Any = tuple.__new__
# It knows no defaults: these are the last fields, which the app does not state.
_UNSTATED_OF_BIKES = (None,) * len(Bike._fields[Bike._fields.index("latitude") :])
_UNSTATED_OF_STATUS = (None,) * len(Status._fields[Status._fields.index("is_renting") :])

# Parts are remembered up to this length (a real one has 300 bytes) and so many bikes (two networks of Paris), so that memory
# stays bounded whatever a file holds.
_MAX_REMEMBERED = 1000
_MAX_BIKES = 40_000

# How an entry goes on to its bikes and ends after them, where they are its last member.
_BIKES, _END = b'"bikes":[', b"]}"


class _Bikes(dict[bytes, Bike]):
    """Bikes by their bytes, as far as they were read. The same bytes give the same object, which then compares at once."""

    def __missing__(self, raw: bytes) -> Bike:
        bike = _bike.decode(raw)
        name, status, dock = bike.bike_name, bike.bike_status, bike.dock_position
        rated, cause, battery = bike.last_rate_date, bike.bike_block_cause, bike.bike_battery_level
        said = (
            name if name.__class__ is str else key(name),
            FLAGS[bike.bike_electric] if bike.bike_electric in FLAGS else flag(bike.bike_electric, "bikeElectric"),
            status if status.__class__ is str else text(status),
            dock if dock.__class__ is str else text(dock),
            None if battery is None else round(battery),
            bike.bike_rate,
            bike.number_of_rates,
            rated if rated.__class__ is str else text(rated),
            cause if cause.__class__ is str else text(cause),
        )
        result: Bike = _new(Bike, said + _UNSTATED_OF_BIKES)
        if len(raw) <= _MAX_REMEMBERED:
            if len(self) >= _MAX_BIKES:
                self.clear()
            self[raw] = result
        return result


_bikes = _Bikes()


@lru_cache(maxsize=1 << 12, typed=True)
def _read_station(raw: bytes, *rest: Any) -> tuple[str, str | None, Attributes]:
    """A station's code, state and attributes, by its bytes and the entry's fields that belong to them."""
    docks, edocks, max_overflow, credit_card, kiosk_state, overflow, overflow_activation, is_altitude = rest
    station = _station.decode(raw)
    gps = station.gps or _no_gps
    state = text(station.state)
    attributes = Attributes(
        name=text(station.name),
        latitude=gps.latitude,
        longitude=gps.longitude,
        capacity=total((docks, edocks), "nbDock + nbEDock"),
        state=state,
        station_type=text(station.station_type),
        type=text(station.type),
        max_overflow=max_overflow,
        credit_card=text(credit_card),
        kiosk_state=text(kiosk_state),
        overflow=text(overflow),
        overflow_activation=text(overflow_activation),
        is_altitude=flag(is_altitude, "isAltitude"),
    )
    return key(station.code), state, attributes


def _read_entry(entry: Entry) -> Station:
    raw = _undecoded.decode(entry)
    pieces = tuple(map(bytes, raw.bikes)) if raw.bikes else ()
    return storable(_station_of(raw, tuple(map(_bikes.__getitem__, pieces)), pieces), bytes(entry))


def _read_again(entry: bytes, before: Station) -> Station | None:
    """Read an entry of which most bikes are those of the one before. None: it has to be read as if that were not known.

    What stands before the bikes and closes behind them is decoded as one object, and then the bikes that are new: the entry
    is those two put together.
    """
    start = entry.find(_BIKES) + len(_BIKES)
    if start < len(_BIKES) or not entry.endswith(_END):
        return None
    found = changed_part(entry, start, len(entry) - len(_END), before.pieces)
    if found is None:
        return None
    first, last, middle = found
    try:
        raw = _undecoded.decode(entry[:start] + _END)
        new = tuple(map(bytes, _entries.decode(b"[" + middle + b"]"))) if middle else ()
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    if raw.bikes != [] or (middle and not new):
        return None
    bikes = before.bikes[:first] + tuple(map(_bikes.__getitem__, new)) + before.bikes[last:]
    return storable(_station_of(raw, bikes, before.pieces[:first] + new + before.pieces[last:]), entry)


def _station_of(raw: _Entry[msgspec.Raw, msgspec.Raw], bikes: tuple[Bike, ...], pieces: tuple[bytes, ...]) -> Station:
    station = bytes(raw.station)
    read_station = _read_station if len(station) <= _MAX_REMEMBERED else _read_station.__wrapped__
    code, state, attributes = read_station(
        station,
        raw.nbDock,
        raw.nbEDock,
        raw.maxBikeOverflow,
        raw.creditCard,
        raw.kioskState,
        raw.overflow,
        raw.overflowActivation,
        raw.isAltitude,
    )
    available = total((raw.nbBike, raw.nbEbike), "nbBike + nbEbike")
    status = (
        state,
        available,
        raw.nbBike,
        raw.nbEbike,
        raw.nbFreeDock,
        raw.nbFreeEDock,
        raw.nbDock,
        raw.nbEDock,
        raw.nbBikeOverflow,
        raw.nbEBikeOverflow,
        raw.nbBikeBlockedToCollect,
        raw.nbBikeBlockedToFixInStation,
        raw.densityLevel,
    )
    return Station(code, attributes, _new(Status, status + _UNSTATED_OF_STATUS), bikes, available, pieces)


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
        payload = unmarked(payload)
        entries = decode(_entries, payload)
        if not entries:
            raise FormatError("empty_list", "the file lists no station")
        return Cut.of(payload, entries) if len(payload) <= UNCOUNTED_BYTES else entries

    def parse(self, entry: Entry, before: Station | None = None) -> Station:
        try:
            return (_read_again(entry, before) if before is not None else None) or _read_entry(entry)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            decode(_entry, entry, ENTRY)  # as a whole, so that the message says where in the entry it is
            raise

    def captured_at(self, payload: bytes) -> datetime | None:
        return None  # dueDate is a station's opening date
