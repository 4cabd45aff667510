"""fct_station_status, fct_bike_locations and fct_trips of one feed, from its full snapshots, one after the other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from ingestion.formats.model import Bike, Status
from reference.network import FullSnapshot, Place, is_known_not_at, place_of

# Where an interval ends that has not ended.
OPEN = datetime(2200, 1, 1, tzinfo=UTC)
GAP = timedelta(minutes=45)
EARTH_RADIUS_M = 6_371_008.8
IN_SERVICE = ("Operative", None)


class Thresholds(NamedTuple):
    """The defaults of docs/decisions/0014-trip-types-and-thresholds.md."""

    gap: timedelta = GAP
    flicker_seconds: float = 180
    maintenance_seconds: float = 24 * 3600
    maintenance_least_seconds: float = 0
    battery_rise_percent: int = 10
    rebalancing_bikes: int = 3
    implausible_kmh: float = 30
    long_seconds: float = 3 * 3600
    boomerang_seconds: float = 300


DEFAULTS = Thresholds()


# --- station status --------------------------------------------------------------------------------------------------


class StationStatusRow(NamedTuple):
    """fct_station_status. Rows split on every field of Status, so neighbours may look the same here."""

    feed: str
    station_code: str
    state: str | None
    is_in_service: bool
    bikes_available: int | None
    bikes_mechanical: int | None
    bikes_electric: int | None
    docks_free: int | None
    docks_total: int | None
    docks_usable: int | None
    bikes_overflow: int | None
    bikes_to_collect: int | None
    bikes_to_fix: int | None
    density_level: int | None
    is_renting: bool | None
    is_returning: bool | None
    valid_from: datetime
    valid_to: datetime


def station_status(snapshots: Sequence[FullSnapshot]) -> list[StationStatusRow]:
    """Each station's intervals of equal status, as far as it was observed."""
    codes = sorted({code for snapshot in snapshots for code in snapshot.stations})
    return [row for code in codes for row in _status_of(snapshots, code)]


def _status_of(snapshots: Sequence[FullSnapshot], code: str) -> list[StationStatusRow]:
    rows: list[StationStatusRow] = []
    current: Status | None = None
    since: datetime | None = None
    before: datetime | None = None  # the snapshot before this one

    def close(at: datetime) -> None:
        nonlocal current, since
        if current is not None and since is not None and since < at:
            rows.append(_status_row(snapshots[0].feed, code, current, since, at))
        current = since = None

    for snapshot in snapshots:
        now = snapshot.captured_at
        if before is not None and now - before > GAP:
            close(before)  # observation ended there
        status = snapshot.stations[code].status if code in snapshot.stations else None
        if status != current:
            close(now)
            if status is not None:
                current, since = status, now
        before = now
    close(OPEN)
    return rows


def _status_row(feed: str, code: str, status: Status, valid_from: datetime, valid_to: datetime) -> StationStatusRow:
    docks_free, docks_total = (
        _both(status.docks_free, status.edocks_free),
        _both(status.docks_total, status.edocks_total),
    )
    return StationStatusRow(
        feed=feed,
        station_code=code,
        state=status.state,
        is_in_service=status.state in IN_SERVICE,
        bikes_available=status.bikes_available,
        bikes_mechanical=status.bikes_mechanical,
        bikes_electric=status.bikes_electric,
        docks_free=docks_free,
        docks_total=docks_total,
        docks_usable=usable_docks(status.state, status.bikes_available, docks_free, docks_total),
        bikes_overflow=_both(status.bikes_overflow, status.ebikes_overflow),
        bikes_to_collect=status.bikes_to_collect,
        bikes_to_fix=status.bikes_to_fix,
        density_level=status.density_level,
        is_renting=status.is_renting,
        is_returning=status.is_returning,
        valid_from=valid_from,
        valid_to=valid_to,
    )


def usable_docks(state: str | None, bikes: int | None, docks_free: int | None, docks_total: int | None) -> int | None:
    """What a fill rate is of."""
    if state not in IN_SERVICE or bikes is None:
        return None
    return docks_total or (None if docks_free is None else (bikes + docks_free) or None)


def _both(one: int | None, other: int | None) -> int | None:
    if one is None and other is None:
        return None
    return (one or 0) + (other or 0)


# --- bike locations --------------------------------------------------------------------------------------------------


class BikeLocationRow(NamedTuple):
    """fct_bike_locations."""

    feed: str
    bike_id: str
    station_code: str | None  # None: the street
    dock: str | None
    bike_status: str | None
    valid_from: datetime
    valid_to: datetime


def bike_locations(snapshots: Sequence[FullSnapshot]) -> list[BikeLocationRow]:
    """Each bike's intervals in one place, dock and status; what is not observed does not end them."""
    bike_ids = sorted({bike_id for snapshot in snapshots for bike_id in snapshot.bikes})
    return [row for bike_id in bike_ids for row in _locations_of(snapshots, bike_id)]


def _locations_of(snapshots: Sequence[FullSnapshot], bike_id: str) -> list[BikeLocationRow]:
    rows: list[BikeLocationRow] = []
    open_row: BikeLocationRow | None = None
    for snapshot in snapshots:
        if open_row is not None and not _still_holds(snapshot, open_row):
            rows.append(open_row._replace(valid_to=snapshot.captured_at))
            open_row = None
        if open_row is None and bike_id in snapshot.bikes:
            station_code, bike = snapshot.bikes[bike_id]
            open_row = BikeLocationRow(
                snapshot.feed, bike_id, station_code, bike.dock, bike.status, snapshot.captured_at, OPEN
            )
    if open_row is not None:
        rows.append(open_row)
    return rows


def _still_holds(snapshot: FullSnapshot, row: BikeLocationRow) -> bool:
    if is_known_not_at(snapshot, row.bike_id, Place(row.station_code)):
        return False
    if row.bike_id not in snapshot.bikes:
        return True  # its station is unobserved
    _, bike = snapshot.bikes[row.bike_id]
    return (bike.dock, bike.status) == (row.dock, row.bike_status)


# --- trips -----------------------------------------------------------------------------------------------------------


class TripRow(NamedTuple):
    """fct_trips, but for trip_id."""

    feed: str
    bike_id: str
    bike_type: str | None
    origin_station_code: str
    destination_station_code: str
    last_seen_at: datetime
    first_missing_at: datetime
    last_missing_at: datetime
    first_seen_at: datetime
    departed_at: datetime
    arrived_at: datetime
    duration_min_seconds: float
    duration_max_seconds: float
    duration_seconds: float
    distance_m: float | None
    speed_min_kmh: float | None
    trip_type: str
    is_customer_trip: bool


class Stay(NamedTuple):
    """An unbroken run of snapshots of a bike in one station: the numbers of its first and last sighting."""

    station_code: str
    first: int
    last: int


class Movement(NamedTuple):
    """From one stay of a bike to its next."""

    bike_id: str
    origin: Stay
    destination: Stay

    @property
    def company(self) -> tuple[str, str, int, int]:
        """What bikes on one truck have in common."""
        return self.origin.station_code, self.destination.station_code, self.origin.last, self.destination.first


def trips(snapshots: Sequence[FullSnapshot], thresholds: Thresholds = DEFAULTS) -> list[TripRow]:
    """Each movement of each bike from one station's stay to the next."""
    bike_ids = sorted({bike_id for snapshot in snapshots for bike_id in snapshot.bikes})
    movements = [
        Movement(bike_id, origin, destination)
        for bike_id in bike_ids
        for origin, destination in pairwise(stays(snapshots, bike_id))
    ]
    together = Counter(movement.company for movement in movements)
    return [_trip(snapshots, movement, together[movement.company], thresholds) for movement in movements]


def stays(snapshots: Sequence[FullSnapshot], bike_id: str) -> list[Stay]:
    """The bike's stays in time order."""
    found: list[Stay] = []
    current: Stay | None = None
    for number, snapshot in enumerate(snapshots):
        if current is not None and is_known_not_at(snapshot, bike_id, Place(current.station_code)):
            found.append(current)
            current = None
        place = place_of(snapshot, bike_id)
        if place is None or place.station_code is None:
            continue
        current = Stay(place.station_code, number, number) if current is None else current._replace(last=number)
    if current is not None:
        found.append(current)
    return found


def _trip(snapshots: Sequence[FullSnapshot], movement: Movement, together: int, thresholds: Thresholds) -> TripRow:
    bike_id, origin, destination = movement
    inside = snapshots[origin.last : destination.first + 1]
    last_seen_at, first_seen_at = inside[0].captured_at, inside[-1].captured_at
    first_missing_at = min(
        snapshot.captured_at
        for snapshot in inside[1:]
        if is_known_not_at(snapshot, bike_id, Place(origin.station_code))
    )
    last_missing_at = max(
        snapshot.captured_at
        for snapshot in inside[:-1]
        if is_known_not_at(snapshot, bike_id, Place(destination.station_code))
    )
    departed_at = last_seen_at + (first_missing_at - last_seen_at) / 2
    arrived_at = last_missing_at + (first_seen_at - last_missing_at) / 2
    if (last_seen_at, first_missing_at) == (last_missing_at, first_seen_at):
        departed_at = last_seen_at + (first_seen_at - last_seen_at) / 4
        arrived_at = last_seen_at + 3 * (first_seen_at - last_seen_at) / 4

    duration_max_seconds = (first_seen_at - last_seen_at).total_seconds()
    left, came = inside[0].bikes[bike_id][1], inside[-1].bikes[bike_id][1]
    distance_m = _distance_m(_position(inside[0], origin.station_code), _position(inside[-1], destination.station_code))
    row = TripRow(
        feed=inside[0].feed,
        bike_id=bike_id,
        bike_type=None if left.is_electric is None else "electric" if left.is_electric else "mechanical",
        origin_station_code=origin.station_code,
        destination_station_code=destination.station_code,
        last_seen_at=last_seen_at,
        first_missing_at=first_missing_at,
        last_missing_at=last_missing_at,
        first_seen_at=first_seen_at,
        departed_at=departed_at,
        arrived_at=arrived_at,
        duration_min_seconds=max(0.0, (last_missing_at - first_missing_at).total_seconds()),
        duration_max_seconds=duration_max_seconds,
        duration_seconds=(arrived_at - departed_at).total_seconds(),
        distance_m=distance_m,
        speed_min_kmh=None if distance_m is None else distance_m / duration_max_seconds * 3.6,
        trip_type="",
        is_customer_trip=False,
    )
    longest_step = max(later.captured_at - earlier.captured_at for earlier, later in pairwise(inside))
    trip_type = _type(row, left, came, longest_step, together, thresholds)
    return row._replace(trip_type=trip_type, is_customer_trip=trip_type in ("trip", "round_trip"))


def _type(row: TripRow, left: Bike, came: Bike, longest_step: timedelta, together: int, thresholds: Thresholds) -> str:
    """The first rule that holds, of docs/decisions/0014-trip-types-and-thresholds.md."""
    same_station = row.origin_station_code == row.destination_station_code
    repaired = left.status == "indisponible" and came.status == "disponible"
    charged = (
        left.battery_percent is not None
        and came.battery_percent is not None
        and came.battery_percent - left.battery_percent >= thresholds.battery_rise_percent
    )
    if longest_step > thresholds.gap:
        return "gap"
    if same_station and left.dock == came.dock and row.duration_max_seconds <= thresholds.flicker_seconds:
        return "flicker"
    signs_count = row.duration_min_seconds >= thresholds.maintenance_least_seconds
    if row.duration_min_seconds > thresholds.maintenance_seconds or (signs_count and (repaired or charged)):
        return "maintenance"
    if not same_station and together >= thresholds.rebalancing_bikes:
        return "rebalancing"
    if row.speed_min_kmh is not None and row.speed_min_kmh > thresholds.implausible_kmh:
        return "implausible"
    if row.duration_seconds > thresholds.long_seconds:
        return "long"
    if same_station and row.duration_seconds <= thresholds.boomerang_seconds:
        return "boomerang"
    if same_station:
        return "round_trip"
    return "trip"


def _position(snapshot: FullSnapshot, station_code: str) -> tuple[float, float] | None:
    attributes = snapshot.stations[station_code].attributes
    if attributes is None or attributes.latitude is None or attributes.longitude is None:
        return None
    return attributes.latitude, attributes.longitude


def _distance_m(one: tuple[float, float] | None, other: tuple[float, float] | None) -> float | None:
    """The haversine formula."""
    if one is None or other is None:
        return None
    latitude_1, longitude_1, latitude_2, longitude_2 = map(math.radians, (*one, *other))
    a = (
        math.sin((latitude_2 - latitude_1) / 2) ** 2
        + math.cos(latitude_1) * math.cos(latitude_2) * math.sin((longitude_2 - longitude_1) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, a)))
