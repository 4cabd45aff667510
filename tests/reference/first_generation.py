"""What the first generation's paths answer, from the full snapshots and the reference's trips: `/api/v1`, path by path."""

from __future__ import annotations

import calendar
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from reference.facts import TripRow, trips
from reference.network import FullSnapshot
from reference.stations import attributes_now

PARIS = ZoneInfo("Europe/Paris")
Answer = list[dict[str, Any]]


class FirstGeneration:
    """The answers about one feed."""

    def __init__(self, feed: str, snapshots: Sequence[FullSnapshot]) -> None:
        self.feed, self.snapshots = feed, snapshots
        self.attributes = attributes_now({feed: snapshots})
        self.movements = list(trips(snapshots))
        self.trips = [trip for trip in self.movements if trip.trip_type != "flicker"]
        self._places = self._number_bikes()

    # --- dimensions and facts -------------------------------------------------------------------------------------------

    def stations(self) -> Answer:
        return [
            {
                "station_code": code,
                "name": attributes.name,
                "latitude": attributes.latitude,
                "longitude": attributes.longitude,
                "type": attributes.type or "",
                "nbdock_total": self._last_listing(code)[1].docks_total,
                "maxbikeoverflow": attributes.max_overflow,
            }
            for code, attributes in sorted(self.attributes.items())
        ]

    def velos(self) -> Answer:
        electric: dict[str, bool | None] = {}
        for snapshot in self.snapshots:
            electric.update({name: bike.is_electric for name, (_, bike) in snapshot.bikes.items()})
        return [{"velo_name": name, "bikeelectric": known} for name, known in sorted(electric.items())]

    def etat_actuel(self, code: str) -> dict[str, Any]:
        at, status = self._last_listing(code)
        return {
            "station_code": code,
            "timestamp_capture": local(at),
            "nbbike": status.bikes_available if status.bikes_mechanical is None else status.bikes_mechanical,
            "nbebike": status.bikes_electric,
            "nbfreedock": status.docks_free,
            "state": status.state,
        }

    def localisations(self) -> Answer:
        """All there are, the newest first, without what rides along."""
        found = [
            {
                "loc_id": int(snapshot.captured_at.timestamp()) * 2**21 + self._places[name],
                "snapshot_id": int(snapshot.captured_at.timestamp()),
                "timestamp_capture": local(snapshot.captured_at),
                "velo_name": name,
                "station_code": station_code,
                "bikestatus": bike.status,
                "dockposition": bike.dock,
            }
            for snapshot in self.snapshots
            for name, (station_code, bike) in snapshot.bikes.items()
        ]
        return sorted(found, key=lambda position: -int(str(position["loc_id"])))

    def _number_bikes(self) -> Mapping[str, int]:
        """The lower 21 bits of loc_id: 17 of the hash, then the place among those that share these."""
        sharing = defaultdict[int, list[str]](list)
        for name in sorted({name for snapshot in self.snapshots for name in snapshot.bikes}):
            sharing[int(hashlib.md5(f"{self.feed}|{name}".encode()).hexdigest()[:15], 16) >> 43].append(name)
        return {name: number * 16 + place for number, names in sharing.items() for place, name in enumerate(names)}

    def _last_listing(self, code: str) -> tuple[datetime, Any]:
        return next((s.captured_at, s.stations[code].status) for s in reversed(self.snapshots) if code in s.stations)

    # --- analysis -------------------------------------------------------------------------------------------------------

    def trajets(self) -> Answer:
        return [_trajet(trip) for trip in sorted(self.trips, key=_newest_first)]

    def routes(self, start: date | None = None, end: date | None = None) -> Answer:
        found = _grouped(self._between(start, end), _route)
        return [
            {
                "station_depart_code": origin,
                "station_arrivee_code": destination,
                "nombre_trajets": len(of_route),
                "duree_moyenne_minutes": _mean_minutes(of_route),
            }
            for (origin, destination), of_route in sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
        ]

    def by_day(self) -> Answer:
        return [
            {"jour": day.isoformat(), "nombre_trajets": len(of_day), "duree_moyenne_minutes": _mean_minutes(of_day)}
            for day, of_day in sorted(_grouped(self.trips, _day).items())
        ]

    def average_by_route(self) -> Answer:
        means = {route: _mean_minutes(of_route) for route, of_route in _grouped(self.trips, _route).items()}
        return [
            {"station_depart_code": origin, "station_arrivee_code": destination, "duree_moyenne_minutes": mean}
            for (origin, destination), mean in sorted(means.items(), key=lambda item: (-item[1], item[0]))
        ]

    def stations_visited(self, name: str, period: str, day: date) -> dict[str, Any]:
        trips_then = [trip for trip in self._of(name) if _reached_back_to(period, day) <= _day(trip) <= day]
        visited = {code for trip in trips_then for code in (trip.origin_station_code, trip.destination_station_code)}
        return {
            "velo_name": name,
            "periode": period,
            "date_ref": day.isoformat(),
            "nombre_stations_visitees": len(visited),
        }

    def boomerang(self, name: str) -> dict[str, Any]:
        count = sum(trip.origin_station_code == trip.destination_station_code for trip in self._of(name))
        return {"velo_name": name, "is_boomerang_user": count > 0, "count": count}

    def top_used(self) -> Answer:
        found = _grouped(self.trips, lambda trip: trip.bike_id)
        return [
            {
                "velo_name": name,
                "nombre_trajets": len(of_bike),
                "duree_totale_heures": sum(trip.duration_max_seconds for trip in of_bike) / 3600,
            }
            for name, of_bike in sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
        ]

    def top_source_destination(self) -> Answer:
        kinds = {
            "Depart": Counter(trip.origin_station_code for trip in self.trips),
            "Arrivee": Counter(trip.destination_station_code for trip in self.trips),
        }
        flows = [(count, code, kind) for kind, counts in kinds.items() for code, count in counts.items()]
        return [
            {
                "station_code": code,
                "station_name": self.attributes[code].name,
                "type_flux": kind,
                "nombre_flux": count,
            }
            for count, code, kind in sorted(flows, key=lambda flow: (-flow[0], flow[1], flow[2] == "Arrivee"))
        ]

    def flow_imbalance(self, start: date | None = None, end: date | None = None) -> Answer:
        then = self._between(start, end)
        departures = Counter(trip.origin_station_code for trip in then)
        arrivals = Counter(trip.destination_station_code for trip in then)
        return [
            {
                "station_code": code,
                "station_name": self.attributes[code].name,
                "departures": departures[code],
                "arrivals": arrivals[code],
                "imbalance": departures[code] - arrivals[code],
            }
            for code in sorted(self.attributes, key=lambda code: (-abs(departures[code] - arrivals[code]), code))
        ]

    def _between(self, start: date | None, end: date | None) -> list[TripRow]:
        return [
            trip for trip in self.trips if (start is None or _day(trip) >= start) and (end is None or _day(trip) <= end)
        ]

    def _of(self, name: str) -> list[TripRow]:
        return [trip for trip in self.trips if trip.bike_id == name]


def local(moment: datetime) -> str:
    return moment.astimezone(PARIS).replace(tzinfo=None).isoformat()


def _day(trip: TripRow) -> date:
    return trip.last_seen_at.astimezone(PARIS).date()


def _newest_first(trip: TripRow) -> Any:
    return -trip.last_seen_at.timestamp(), trip.bike_id, -trip.first_seen_at.timestamp()


def _route(trip: TripRow) -> tuple[str, str]:
    return trip.origin_station_code, trip.destination_station_code


def _grouped(of: Iterable[TripRow], key: Any) -> dict[Any, list[TripRow]]:
    found = defaultdict[Any, list[TripRow]](list)
    for trip in of:
        found[key(trip)].append(trip)
    return found


def _mean_minutes(of: Sequence[TripRow]) -> float:
    """From whole microseconds, so that equal means are equal."""
    return sum(round(1_000_000 * trip.duration_max_seconds) for trip in of) / 60_000_000 / len(of)


def _reached_back_to(period: str, day: date) -> date:
    if period == "jour":
        return day
    if period == "semaine":
        return day - timedelta(days=7)
    year, month = (day.year, day.month - 1) if period == "mois" else (day.year - 1, day.month)
    if not month:
        year, month = year - 1, 12
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def _trajet(trip: TripRow) -> dict[str, Any]:
    return {
        "velo_name": trip.bike_id,
        "station_depart_code": trip.origin_station_code,
        "heure_depart": local(trip.last_seen_at),
        "station_arrivee_code": trip.destination_station_code,
        "heure_arrivee": local(trip.first_seen_at),
        "duree_trajet_minutes": trip.duration_max_seconds / 60,
    }
