"""A small network that changes from one snapshot to the next, and its payload in three formats.

Everything that happens to real feeds happens here, as often as the shape says; no rule of the warehouse is known here.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any

from prove.shapes import Shape

STREET = "street"
STATES = ("Operative", "Operative", "Operative", "Close", "Work in progress")


@dataclass
class Station:
    """A station as it is now; `unlisted` says for how many snapshots more the feed leaves it out."""

    code: str
    name: str
    latitude: float
    longitude: float
    state: str
    capacity: int
    unlisted: int


@dataclass
class Bike:
    """A bike as it is now. `place` is a station's code, the street, or None while it is away."""

    bike_id: str
    electric: bool
    place: str | None
    dock: int
    status: str
    battery: int
    left: tuple[str, int] = ("", 0)  # where it was before it went away
    company: int = 0  # bikes taken away together come back together


@dataclass
class World:
    """The network of one case."""

    shape: Shape
    codes: list[str]
    bike_ids: list[str]
    rnd: random.Random
    stations: list[Station] = field(default_factory=list)
    bikes: list[Bike] = field(default_factory=list)
    companies: int = 0
    tick: int = 0

    def __post_init__(self) -> None:
        rnd = self.rnd
        for code in self.codes:
            # Paris, where station codes mean districts: from next door to the other end of the city.
            spread = rnd.choice([0.002, 0.01, 0.1])
            latitude, longitude = 48.85 + rnd.uniform(-spread, spread), 2.35 + rnd.uniform(-spread, spread)
            appears = rnd.randint(1, self.shape.snapshots) if rnd.random() < 0.2 else 0
            state = rnd.choice(STATES)
            self.stations.append(
                Station(code, f"Station {code}", latitude, longitude, state, rnd.randint(5, 60), appears)
            )
        for bike_id in self.bike_ids:
            place = rnd.choice([*self.codes, None])
            bike = Bike(bike_id, rnd.random() < 0.5, place, rnd.randint(1, 9), "disponible", rnd.randint(5, 100))
            bike.left = (rnd.choice(self.codes), 1)
            self.bikes.append(bike)

    def happens(self, what: str) -> bool:
        """Whether it happens now."""
        return self.rnd.random() < self.shape.rates[what]

    def step(self) -> None:
        """On to the next snapshot."""
        self.tick += 1
        self._stations()
        if self.happens("truck"):
            self._truck()
        for bike in self.bikes:
            self._bike(bike)

    def _stations(self) -> None:
        for station in self.stations:
            station.unlisted = max(0, station.unlisted - 1)
            if self.happens("unlisted"):
                station.unlisted = self.rnd.choice([1, 1, 2, 5])
            if self.happens("state"):
                station.state = self.rnd.choice(STATES)
            if self.happens("station_moves") and self.rnd.random() < 0.3:
                station.latitude += self.rnd.choice([0.00004, 0.0001, 0.01])
            if self.happens("rename") and self.rnd.random() < 0.3:
                station.name = self.rnd.choice([f"Station {station.code}", f"Place {station.code}", "l’Été; <b>"])

    def _truck(self) -> None:
        """Three bikes or more go together: seen to hop, or away for a while."""
        origin = self.rnd.choice(self.codes)
        standing = [bike for bike in self.bikes if bike.place == origin]
        away = self.rnd.random() < 0.5
        destination = self.rnd.choice(self.codes)
        self.companies += 1
        for bike in standing[: self.rnd.randint(2, 8)]:
            if away:
                self._leave(bike)
                bike.company = self.companies
            else:
                bike.place, bike.dock = destination, self.rnd.randint(1, 9)

    def _bike(self, bike: Bike) -> None:
        rnd = self.rnd
        if bike.place is None:
            if self.happens("come_back") and bike.place is None:
                together = [each for each in self.bikes if bike.company and each.company == bike.company]
                destination = self._where_to(bike)
                for each in together or [bike]:
                    self._arrive(each, destination)
            return
        if self.happens("status"):
            bike.status = rnd.choice(["disponible", "indisponible"])
        if self.happens("battery"):
            bike.battery = max(0, min(100, bike.battery + rnd.choice([-3, -1, 9, 10, 30])))
        if self.happens("hop"):
            bike.place, bike.dock = rnd.choice(self.codes), rnd.randint(1, 9)
        elif self.happens("leave"):
            self._leave(bike)
        elif "nextbike" in self.shape.formats and self.happens("street"):
            bike.place = STREET

    def _leave(self, bike: Bike) -> None:
        assert bike.place is not None
        bike.left = (bike.place, bike.dock)
        bike.place = None

    def _where_to(self, bike: Bike) -> str:
        place, rnd = bike.left[0], self.rnd
        return place if rnd.random() < 0.5 and place != STREET else rnd.choice(self.codes)

    def _arrive(self, bike: Bike, destination: str) -> None:
        rnd = self.rnd
        same_dock = destination == bike.left[0] and rnd.random() < 0.5
        bike.place, bike.company = destination, 0
        bike.dock = bike.left[1] if same_dock else rnd.randint(1, 9)
        if rnd.random() < 0.3:
            bike.status = rnd.choice(["disponible", "indisponible"])
        if rnd.random() < 0.3:
            bike.battery = min(100, bike.battery + rnd.choice([-2, 9, 10, 40]))

    # --- the payload ---------------------------------------------------------------------------------------------------

    def payload(self) -> bytes:
        """What the feed says now."""
        listed = [station for station in self.stations if not station.unlisted]
        if self.rnd.random() < 0.2:
            self.rnd.shuffle(listed)
        standing = {
            station.code: [bike for bike in self.bikes if bike.place == station.code] for station in self.stations
        }
        for bike in self.bikes:
            if bike.place is not None and self.happens("listed_twice"):
                standing[self.rnd.choice(self.codes)].append(bike)
        format_name = self.shape.format_at(self.tick)
        if format_name == "nextbike":
            return self._nextbike(listed, standing)
        entry = self._app_entry if format_name == "velib_app" else self._opendata_entry
        entries = [entry(station, standing[station.code]) for station in listed]
        if entries and self.happens("station_twice"):
            entries.append(entry(listed[0], self.bikes[:1]))
        return json.dumps(entries).encode()

    def _app_entry(self, station: Station, bikes: list[Bike]) -> dict[str, Any]:
        usable = [bike for bike in bikes if bike.status == "disponible"]
        electric = sum(bike.electric for bike in usable)
        entry = {
            "station": {
                "gps": {"latitude": round(station.latitude, 6), "longitude": round(station.longitude, 6)},
                "state": station.state,
                "name": station.name,
                "code": station.code,
                "type": "yes",
                "dueDate": 1_500_000_000 + self.tick,  # ticks without meaning
            },
            "nbBike": len(usable) - electric,
            "nbEbike": electric,
            "nbFreeDock": max(0, station.capacity - len(bikes)),
            "nbFreeEDock": 0,
            "nbDock": station.capacity,
            "nbEDock": 0,
            "nbBikeOverflow": 0,
            "nbEBikeOverflow": 0,
            "maxBikeOverflow": 5,
            "kioskState": "no_kiosk",
        }
        if not (bikes and self.happens("bikes_unlisted")):
            entry["bikes"] = [self._app_bike(bike) for bike in bikes]
        return entry

    @staticmethod
    def _app_bike(bike: Bike) -> dict[str, Any]:
        listed: dict[str, Any] = {
            "bikeName": bike.bike_id,
            "bikeElectric": "yes" if bike.electric else "no",
            "bikeStatus": bike.status,
            "dockPosition": str(bike.dock),
            "bikeRate": 3.5,
            "numberOfRates": bike.battery // 10,
        }
        if bike.electric:
            listed["bikeBatteryLevel"] = bike.battery
        if bike.status != "disponible":
            listed["bikeBlockCause"] = "bike_maintenance"
        return listed

    @staticmethod
    def _opendata_entry(station: Station, bikes: list[Bike]) -> dict[str, Any]:
        usable = [bike for bike in bikes if bike.status == "disponible"]
        electric = sum(bike.electric for bike in usable)
        is_open = "OUI" if station.state == "Operative" else "NON"
        return {
            "stationcode": station.code,
            "name": station.name,
            "is_installed": "OUI",
            "capacity": station.capacity,
            "numdocksavailable": max(0, station.capacity - len(bikes)),
            "numbikesavailable": len(usable),
            "mechanical": len(usable) - electric,
            "ebike": electric,
            "is_renting": is_open,
            "is_returning": is_open,
            "coordonnees_geo": {"lon": round(station.longitude, 6), "lat": round(station.latitude, 6)},
        }

    def _nextbike(self, listed: list[Station], standing: dict[str, list[Bike]]) -> bytes:
        places: list[dict[str, Any]] = []
        for station in listed:
            bikes = standing[station.code]
            places.append(
                {
                    "spot": True,
                    "bike": False,
                    "number": station.code,
                    "name": station.name,
                    "lat": round(station.latitude, 6),
                    "lng": round(station.longitude, 6),
                    "bikes": len(bikes),
                    "bike_racks": station.capacity,
                    "free_racks": max(0, station.capacity - len(bikes)),
                    "maintenance": station.state == "Work in progress",
                    "active_place": 0 if station.state == "Close" else 1,
                    "bike_list": [self._nextbike_bike(bike) for bike in bikes],
                }
            )
        if places and self.happens("station_twice"):
            places.append({**places[0], "bikes": 0, "bike_list": []})
        in_street = [bike for bike in self.bikes if bike.place == STREET]
        in_street += [bike for bike in self.bikes if bike.place is not None and self.happens("listed_twice")]
        places += [
            {
                "spot": False,
                "bike": True,
                "number": 0,
                "name": f"BIKE {bike.bike_id}",
                "lat": round(48.85 + self.rnd.choice([0, 0.00001, 0.001]), 6),
                "lng": 2.35,
                "bikes": 1,
                "bike_list": [self._nextbike_bike(bike)],
            }
            for bike in in_street
        ]
        return json.dumps({"countries": [{"cities": [{"name": "Proof", "places": places}]}]}).encode()

    @staticmethod
    def _nextbike_bike(bike: Bike) -> dict[str, Any]:
        return {
            "number": bike.bike_id,
            "bike_type": "143" if bike.electric else "71",
            "state": "ok" if bike.status == "disponible" else "broken",
            "active": True,
            **({"pedelec_battery": bike.battery} if bike.electric else {}),
        }
