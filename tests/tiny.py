"""Payloads and files of a network of a few stations, for tests that say in one line what is in a snapshot."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

START = datetime(2026, 6, 2, 8, tzinfo=UTC)


def station(code: str, bikes: Iterable[str] = (), counted: int | None = None, **fields: Any) -> dict[str, Any]:
    """An entry of `velib_app`. A bike is its id, or `id/dock`, or `id/dock/status`. `counted` defaults to the bikes."""
    listed = [_bike(bike) for bike in bikes]
    return {
        "station": {
            "code": code,
            "name": fields.pop("name", f"Station {code}"),
            "state": fields.pop("state", "Operative"),
            "gps": {"latitude": 48.85, "longitude": fields.pop("longitude", 2.35)},
        },
        "nbBike": len(listed) if counted is None else counted,
        "nbEbike": 0,
        "nbDock": 30,
        **fields,
        "bikes": listed,
    }


def _bike(text: str) -> dict[str, Any]:
    name, dock, status = (*text.split("/"), "1", "disponible")[:3] if "/" in text else (text, "1", "disponible")
    return {"bikeName": name, "bikeElectric": "no", "bikeStatus": status, "dockPosition": dock}


def app(stations: Mapping[str, Iterable[str]] | Iterable[Mapping[str, Any]]) -> bytes:
    """A `velib_app` payload of `{code: bikes}` or of entries."""
    entries = [station(*each) for each in stations.items()] if isinstance(stations, Mapping) else list(stations)
    return json.dumps(entries).encode()


def street(places: Mapping[str, Iterable[str]], in_street: Iterable[str] = ()) -> bytes:
    """A `nextbike` payload: stations, and bikes that stand in the street, each a place of its own."""
    found: list[dict[str, Any]] = [
        {
            "spot": True,
            "bike": False,
            "number": int(code),
            "name": f"Station {code}",
            "lat": 50.0,
            "lng": 8.2,
            "bikes": len(list(bikes)),
            "bike_racks": 10,
            "bike_list": [{"number": bike, "bike_type": "71", "state": "ok", "active": True} for bike in bikes],
        }
        for code, bikes in places.items()
    ]
    found += [
        {
            "spot": False,
            "bike": True,
            "number": 0,
            "name": f"BIKE {bike}",
            "lat": 50.1,
            "lng": 8.3,
            "bikes": 1,
            "bike_list": [{"number": bike, "bike_type": "71", "state": "ok", "active": True}],
        }
        for bike in in_street
    ]
    return json.dumps({"countries": [{"cities": [{"name": "Mainz", "places": found}]}]}).encode()


def gbfs(bikes: Mapping[str, int], at: datetime) -> bytes:
    """A `gbfs` station_status that states its time."""
    stations = [{"station_id": code, "num_bikes_available": count, "is_renting": 1} for code, count in bikes.items()]
    return json.dumps({"last_updated": int(at.timestamp()), "data": {"stations": stations}}).encode()


def minute(number: int) -> datetime:
    """The capture time of the snapshot of that number."""
    return START + timedelta(minutes=number)


def name(number: int, prefix: str = "r", suffix: str = ".json") -> str:
    return f"{prefix}_{minute(number):%Y%m%d_%H%M%S}_UTC{suffix}"


def write(folder: Path, number: int, payload: bytes, prefix: str = "r", zipped: bool = False) -> Path:
    """Write a snapshot file, old enough that its time stamp is trusted."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name(number, prefix, ".json.gz" if zipped else ".json")
    return put(path, gzip.compress(payload, mtime=0) if zipped else payload)


_stamp = 1_780_000_000


def put(path: Path, content: bytes) -> Path:
    """Write a file with a time stamp of its own, long past."""
    global _stamp
    _stamp += 10
    path.write_bytes(content)
    _touch(path, _stamp)
    return path


def touch(path: Path) -> None:
    """Another time stamp, the same content."""
    global _stamp
    _stamp += 10
    _touch(path, _stamp)


def _touch(path: Path, stamp: int) -> None:
    import os

    os.utime(path, (stamp, stamp))
