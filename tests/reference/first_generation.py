"""What the first generation's paths answer, from the full snapshots and the reference's trips: `/api/v1`, path by path."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
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
        self.snapshots = snapshots
        self.attributes = attributes_now({feed: snapshots})
        self.trips = [trip for trip in trips(snapshots) if trip.trip_type != "flicker"]

    # --- dimensions and facts -------------------------------------------------------------------------------------------

    def stations(self) -> Answer:
        return [
            {
                "station_code": code,
                "name": attributes.name,
                "latitude": attributes.latitude,
                "longitude": attributes.longitude,
                "type": attributes.type,
                "nbdock_total": self._last_listing(code)[1].docks_total,
                "maxbikeoverflow": attributes.max_overflow,
            }
            for code, attributes in sorted(self.attributes.items())
        ]

    def velos(self) -> Answer:
        electric: dict[str, bool | None] = {}
        for snapshot in self.snapshots:
            electric.update({name: bike.is_electric for name, (_, bike) in snapshot.bikes.items()})
        return [
            {"velo_name": name, "bikeelectric": None if is_electric is None else "yes" if is_electric else "no"}
            for name, is_electric in sorted(electric.items())
        ]

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
        """All there are, the newest first, without loc_id and what rides along."""
        return [
            {
                "snapshot_id": int(snapshot.captured_at.timestamp()),
                "timestamp_capture": local(snapshot.captured_at),
                "velo_name": name,
                "station_code": station_code,
                "bikestatus": bike.status,
                "dockposition": bike.dock,
            }
            for snapshot in reversed(self.snapshots)
            for name, (station_code, bike) in sorted(snapshot.bikes.items())
        ]

    def _last_listing(self, code: str) -> tuple[datetime, Any]:
        return next((s.captured_at, s.stations[code].status) for s in reversed(self.snapshots) if code in s.stations)

    # --- analysis -------------------------------------------------------------------------------------------------------

    def trajets(self) -> Answer:
        return [_trajet(trip) for trip in sorted(self.trips, key=_newest_first)]

    def routes(self, start: date | None = None, end: date | None = None) -> Answer:
        found = Counter(
            (trip.origin_station_code, trip.destination_station_code)
            for trip in self.trips
            if (start is None or _day(trip) >= start) and (end is None or _day(trip) <= end)
        )
        return [
            {"station_depart_code": origin, "station_arrivee_code": destination, "nombre_trajets": count}
            for (origin, destination), count in sorted(found.items(), key=lambda item: (-item[1], item[0]))
        ]

    def by_day(self) -> Answer:
        found = Counter(_day(trip) for trip in self.trips)
        return [{"jour": day.isoformat(), "nombre_trajets": count} for day, count in sorted(found.items())]

    def average_by_route(self) -> Answer:
        found: dict[tuple[str, str], list[float]] = defaultdict(list)
        for trip in self.trips:
            found[trip.origin_station_code, trip.destination_station_code].append(trip.duration_max_seconds / 60)
        return [
            {
                "station_depart_code": origin,
                "station_arrivee_code": destination,
                "duree_moyenne_minutes": sum(minutes) / len(minutes),
            }
            for (origin, destination), minutes in sorted(found.items())
        ]

    def stations_visited(self, name: str, period: str, day: date) -> dict[str, Any]:
        trips_then = [trip for trip in self._of(name) if _is_in(period, _day(trip), day)]
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
        hours: dict[str, float] = defaultdict(float)
        for trip in self.trips:
            hours[trip.bike_id] += trip.duration_max_seconds / 3600
        counts = Counter(trip.bike_id for trip in self.trips)
        return [
            {"velo_name": name, "duree_totale_heures": total, "nombre_trajets": counts[name]}
            for name, total in sorted(hours.items(), key=lambda item: (-round(item[1], 9), item[0]))
        ]

    def flows(self) -> Mapping[str, tuple[int, int]]:
        departures = Counter(trip.origin_station_code for trip in self.trips)
        arrivals = Counter(trip.destination_station_code for trip in self.trips)
        return {code: (departures[code], arrivals[code]) for code in departures.keys() | arrivals.keys()}

    def top_source_destination(self, limit: int) -> Answer:
        found = []
        for number, kind in enumerate(("source", "destination")):
            counts = {code: flow[number] for code, flow in self.flows().items() if flow[number]}
            most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]
            found += [{"station_code": code, "type_flux": kind, "nombre_flux": count} for code, count in most]
        return found

    def flow_imbalance(self) -> Answer:
        return [
            {"station_code": code, "departures": left, "arrivals": came, "imbalance": came - left}
            for code, (left, came) in sorted(
                self.flows().items(), key=lambda item: (-abs(item[1][1] - item[1][0]), item[0])
            )
        ]

    def _of(self, name: str) -> list[TripRow]:
        return [trip for trip in self.trips if trip.bike_id == name]


def local(moment: datetime) -> str:
    return moment.astimezone(PARIS).replace(tzinfo=None).isoformat()


def _day(trip: TripRow) -> date:
    return trip.last_seen_at.astimezone(PARIS).date()


def _newest_first(trip: TripRow) -> Any:
    return -trip.last_seen_at.timestamp(), trip.bike_id, -trip.first_seen_at.timestamp()


def _is_in(period: str, day: date, of: date) -> bool:
    monday = timedelta(days=of.weekday())
    return {
        "jour": day == of,
        "semaine": day - timedelta(days=day.weekday()) == of - monday,
        "mois": (day.year, day.month) == (of.year, of.month),
        "annee": day.year == of.year,
    }[period]


def _trajet(trip: TripRow) -> dict[str, Any]:
    return {
        "velo_name": trip.bike_id,
        "station_depart_code": trip.origin_station_code,
        "heure_depart": local(trip.last_seen_at),
        "station_arrivee_code": trip.destination_station_code,
        "heure_arrivee": local(trip.first_seen_at),
        "duree_trajet_minutes": trip.duration_max_seconds / 60,
    }
