"""Small payloads of the documented shapes, as plain Python, for the format tests to vary."""

from __future__ import annotations

import copy
import json
from typing import Any

VELIB_APP = {
    "station": {
        "gps": {"latitude": 48.865983, "longitude": 2.275725},
        "state": "Operative",
        "name": "Benjamin Godard - Victor Hugo",
        "code": "16107",
        "type": "yes",
        "stationType": "STATION",
        "dueDate": 1527811200,
    },
    "nbBike": 3,
    "nbEbike": 1,
    "nbFreeDock": 0,
    "nbFreeEDock": 30,
    "nbDock": 0,
    "nbEDock": 35,
    "nbBikeOverflow": 0,
    "nbEBikeOverflow": 2,
    "maxBikeOverflow": 35,
    "creditCard": "no",
    "kioskState": "yes",
    "overflow": "no",
    "overflowActivation": "yes",
    "densityLevel": 1,
    "nbBikeBlockedToCollect": 4,
    "nbBikeBlockedToFixInStation": 5,
    "isAltitude": "no",
    "bikes": [
        {
            "bikeName": "08047",
            "bikeElectric": "yes",
            "bikeStatus": "disponible",
            "dockPosition": "12",
            "bikeRate": 4.5,
            "numberOfRates": 7,
            "lastRateDate": "2026-06-01T12:34:56.000Z",
            "bikeBlockCause": None,
            "bikeBatteryLevel": 55,
            "stationId": 16107,
        },
        {"bikeName": "60001", "bikeElectric": "no", "bikeStatus": "indisponible", "bikeBlockCause": "PUNCTURE"},
    ],
}

OPENDATA = {
    "stationcode": "44015",
    "name": "Rouget de L'isle - Watteau",
    "is_installed": "OUI",
    "capacity": 20,
    "numdocksavailable": 1,
    "numbikesavailable": 17,
    "mechanical": 9,
    "ebike": 8,
    "is_renting": "OUI",
    "is_returning": "OUI",
    "duedate": "2024-11-03T23:20:00+01:00",
    "coordonnees_geo": {"lon": 2.3963, "lat": 48.7781},
    "nom_arrondissement_communes": "Vitry-sur-Seine",
    "code_insee_commune": "94081",
}

GBFS_STATUS = {
    "station_id": "213688169",
    "num_bikes_available": 5,
    "num_docks_available": 30,
    "is_installed": True,
    "is_renting": True,
    "is_returning": True,
    "last_reported": 1700000000,
}
GBFS_INFORMATION = {"station_id": "213688169", "name": "Place", "lat": 48.8, "lon": 2.3, "capacity": 35}

NEXTBIKE_STATION = {
    "uid": 1,
    "lat": 50.03,
    "lng": 8.26,
    "bike": False,
    "name": "Dyckerhoffstraße",
    "spot": True,
    "number": 42500,
    "bikes": 3,
    "bikes_available_to_rent": 3,
    "active_place": 1,
    "bike_racks": 8,
    "free_racks": 5,
    "maintenance": False,
    "bike_list": [
        {"number": "555583", "bike_type": 188, "active": True, "state": "ok", "pedelec_battery": None},
        {
            "number": "556068",
            "bike_type": 295,
            "active": True,
            "state": "ok",
            "pedelec_battery": 58,
            "battery_pack": {"percentage": 58},
        },
        {"number": "556069", "bike_type": 295, "active": False, "state": "ok", "pedelec_battery": None},
    ],
}
NEXTBIKE_STREET = {
    "uid": 2,
    "lat": 50.01,
    "lng": 8.21,
    "bike": True,
    "name": "BIKE 556330",
    "spot": False,
    "number": 0,
    "bikes": 1,
    "bike_list": [{"number": 556330, "bike_type": 188, "active": True, "state": "maintenance"}],
}


def encode(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def varied(sample: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A deep copy with changes; `a__b` reaches into `a`, and `...` removes the field."""
    result = copy.deepcopy(sample)
    for path, value in changes.items():
        *parents, field = path.split("__")
        target = result
        for parent in parents:
            target = target[parent]
        if value is ...:
            target.pop(field)
        else:
            target[field] = value
    return result


def gbfs(*stations: dict[str, Any], **top: Any) -> dict[str, Any]:
    return {"last_updated": 1700000000, "ttl": 60, "version": "2.3"} | top | {"data": {"stations": list(stations)}}


def nextbike(*places: dict[str, Any], city: str = "Mainz") -> dict[str, Any]:
    return {"countries": [{"name": "meinRad", "cities": [{"uid": 755, "name": city, "places": list(places)}]}]}
