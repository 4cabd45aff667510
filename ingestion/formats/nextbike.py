"""`nextbike`: the live map, countries > cities > places. A place is a station (`spot`) or a bike in the street.

Whether a bike is electric is not said of each bike. A file-level rule tells: a bike type is electric when any bike of
that type in this file states a battery. So each entry carries the file's electric types: when they change, every entry
differs.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import msgspec

from ingestion.formats import outline
from ingestion.formats.decoding import (
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
    plain,
    shared,
    text,
    total,
)
from ingestion.formats.errors import ENTRY, FormatError
from ingestion.formats.model import Attributes, Bike, Entry, Station, Status
from ingestion.formats.storable import storable


class _Pack(msgspec.Struct, gc=False):
    percentage: Measure | None = None


class _Power(msgspec.Struct, gc=False):
    bike_type: Text = None
    pedelec_battery: Measure | None = None
    battery_pack: _Pack | None = None


class _Bike(_Power, gc=False, kw_only=True):
    number: Key
    state: Text = None
    active: Flag = None


class _PowerOnly(msgspec.Struct, gc=False):
    bike_list: list[_Power] | None = None


class _Place(msgspec.Struct, gc=False):
    number: Key | None = None
    spot: Flag = None
    bike: Flag = None
    name: Text = None
    lat: Latitude | None = None
    lng: Longitude | None = None
    bikes: Count | None = None
    bikes_available_to_rent: Count | None = None
    bike_racks: Count | None = None
    free_racks: Count | None = None
    active_place: Text = None
    maintenance: Flag = None
    bike_list: list[_Bike] | None = None


class _City(msgspec.Struct, gc=False):
    places: list[msgspec.Raw]
    name: Text = None


class _Country(msgspec.Struct, gc=False):
    cities: list[_City]


class _Map(msgspec.Struct, gc=False):
    countries: list[_Country]


class NextbikeEntry(NamedTuple):
    """A place, and what must be known of its file and city to read it."""

    place: msgspec.Raw
    city_name: str | None
    electric_types: frozenset[str]


_map = msgspec.json.Decoder(_Map, strict=False)
_power_only = msgspec.json.Decoder(_PowerOnly, strict=False)
_place = msgspec.json.Decoder(_Place, strict=False)


def _states_battery(bike: _Power) -> bool:
    # Older maps give a `pedelec_battery` of 0 to bikes that have none; a bike with an empty one also has a pack.
    return bool(bike.pedelec_battery) or bike.battery_pack is not None


def _electric_types(places: Iterable[msgspec.Raw]) -> frozenset[str]:
    types = set()
    for number, place in enumerate(places, 1):
        try:
            bikes = decode(_power_only, place, ENTRY).bike_list
        except FormatError as error:
            raise error.in_entry(number) from None
        for bike in bikes or ():
            if bike.bike_type is not None and _states_battery(bike):
                types.add(str(text(bike.bike_type)))
    return shared(frozenset(types))


def _bike(bike: _Bike, electric_types: frozenset[str], place: _Place | None) -> Bike:
    kind = text(bike.bike_type)
    electric = _states_battery(bike) if kind is None else kind in electric_types
    battery = bike.pedelec_battery
    if battery is None and bike.battery_pack is not None:
        battery = bike.battery_pack.percentage
    active = flag(bike.active, "active")
    # `state` and `active` may be missing: what the map says nothing against can be rented.
    usable = active is not False and (bike.state is None or bike.state == "ok")
    return Bike(
        bike_id=key(bike.number),
        is_electric=electric,
        status="disponible" if usable else "indisponible",
        battery_percent=percent(battery) if electric else None,
        latitude=place.lat if place else None,
        longitude=place.lng if place else None,
    )


class Nextbike:
    """The live map of nextbike."""

    name = "nextbike"

    def fits(self, seen: outline.Outline) -> bool:
        return "countries" in seen.members

    def matches(self, payload: bytes) -> bool:
        return outline.matches(payload, self.fits)

    def feed(self, payload: bytes) -> str:
        return self.name

    def split(self, payload: bytes) -> list[Entry]:
        whole = decode(_map, plain(payload))
        found = [
            (place, text(city.name)) for country in whole.countries for city in country.cities for place in city.places
        ]
        if not found:
            raise FormatError("empty_list", "the file lists no place")
        electric = _electric_types(place for place, _ in found)
        return [NextbikeEntry(place, city_name, electric) for place, city_name in found]

    def parse(self, entry: Entry, before: Station | None = None) -> Station:
        place = decode(_place, entry.place, ENTRY)
        if place.spot is None and place.bike is None:
            raise FormatError("missing_field", f"field `spot` is missing in {ENTRY}")
        is_station = bool(flag(place.spot, "spot"))
        street = None if is_station else place
        bikes = tuple(_bike(bike, entry.electric_types, street) for bike in place.bike_list or ())
        if not is_station:
            return storable(Station(None, None, None, bikes, place.bikes), bytes(entry.place))
        if place.number is None:
            raise FormatError("missing_field", f"field `number` is missing in {ENTRY}")
        if place.bikes is None:
            raise FormatError("missing_field", f"field `bikes` is missing in {ENTRY}")
        if entry.city_name is not None and "\0" in entry.city_name:
            raise FormatError("wrong_shape", f"the city of {ENTRY} holds a NUL character")
        state = "Operative"
        if flag(place.maintenance, "maintenance"):
            state = "Work in progress"
        elif text(place.active_place) in ("0", "no"):
            state = "Close"
        attributes = Attributes(
            name=text(place.name),
            latitude=place.lat,
            longitude=place.lng,
            capacity=place.bike_racks,
            state=state,
            city_name=entry.city_name,
        )
        electric = sum(bool(bike.is_electric) for bike in bikes)
        listed = place.bike_list is not None
        status = Status(
            state=state,
            bikes_available=place.bikes if place.bikes_available_to_rent is None else place.bikes_available_to_rent,
            bikes_mechanical=total((len(bikes) - electric,), "bike_list") if listed else None,
            bikes_electric=total((electric,), "bike_list") if listed else None,
            docks_free=place.free_racks,
            docks_total=place.bike_racks,
        )
        return storable(Station(key(place.number), attributes, status, bikes, place.bikes), bytes(entry.place))

    def captured_at(self, payload: bytes) -> datetime | None:
        return None
