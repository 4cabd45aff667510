"""How each station is at its feed's newest snapshot and since when, and which were the most critical before a moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

from ingestion.formats.model import Status
from reference.facts import GAP, IN_SERVICE, StationStatusRow, station_status, usable_docks
from reference.network import PARIS, FullSnapshot
from reference.station_kpis import SATURATED, HourRow, cut
from reference.stations import attributes_now, districts

WINDOW, WEEKS, MOST = timedelta(hours=2), range(1, 5), 10
FAILED_RIDE = 10

Feeds = Mapping[str, Sequence[FullSnapshot]]


class NowRow(NamedTuple):
    """kpi_station_now."""

    feed: str
    station_code: str
    name: str | None
    capacity: int | None
    district_code: str | None
    snapshot_at: datetime
    is_observed: bool
    last_seen_at: datetime
    state: str | None = None
    is_in_service: bool | None = None
    bikes_available: int | None = None
    bikes_electric: int | None = None
    docks_free: int | None = None
    docks_usable: int | None = None
    fill_rate: float | None = None
    is_empty: bool | None = None
    is_full: bool | None = None
    is_saturated: bool | None = None
    status_since_at: datetime | None = None
    empty_since_at: datetime | None = None
    full_since_at: datetime | None = None
    saturated_since_at: datetime | None = None


class CriticalRow(NamedTuple):
    """kpi_critical_stations, and mart.critical_stations."""

    feed: str
    rank: int
    station_code: str
    from_at: datetime
    to_at: datetime
    observed_minutes: float
    empty_minutes: float
    full_minutes: float
    saturated_minutes: float
    usual_departures: float | None
    usual_arrivals: float | None
    failed_departures: float | None
    failed_arrivals: float | None
    score: float


class Said(NamedTuple):
    """What a status says."""

    is_in_service: bool
    bikes: int | None
    docks_free: int | None
    docks_usable: int | None

    @property
    def is_empty(self) -> bool:
        return self.is_in_service and self.bikes == 0

    @property
    def is_full(self) -> bool:
        return self.is_in_service and self.docks_free == 0

    @property
    def is_saturated(self) -> bool:
        rated = self.docks_usable is not None and self.bikes is not None
        return self.is_full or (rated and Fraction(self.bikes or 0, self.docks_usable or 1) >= SATURATED)


def said(state: str | None, bikes: int | None, docks_free: int | None, docks_total: int | None) -> Said:
    """The rules of the hourly figures."""
    return Said(state in IN_SERVICE, bikes, docks_free, usable_docks(state, bikes, docks_free, docks_total))


def _said_by(status: Status) -> Said:
    return said(
        status.state,
        status.bikes_available,
        _both(status.docks_free, status.edocks_free),
        _both(status.docks_total, status.edocks_total),
    )


def _both(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)


def _stated(snapshot: FullSnapshot, code: str) -> Status | None:
    status = snapshot.stations[code].status if code in snapshot.stations else None
    if status is None or (status.bikes_available is None and status.docks_free is None):
        return None
    return status


def stations_now(feeds: Feeds, status: Sequence[StationStatusRow]) -> list[NowRow]:
    """The stations that ever had a status."""
    attributes, district = attributes_now(feeds), districts(feeds)
    rows = []
    for feed, code in sorted({(row.feed, row.station_code) for row in status}):
        snapshots = feeds[feed]
        last_seen_at = max(snapshot.captured_at for snapshot in snapshots if code in snapshot.stations)
        row = NowRow(
            feed=feed,
            station_code=code,
            name=attributes[code].name if code in attributes else None,
            capacity=attributes[code].capacity if code in attributes else None,
            district_code=district.get(code),
            snapshot_at=snapshots[-1].captured_at,
            is_observed=False,
            last_seen_at=last_seen_at,
        )
        now = _stated(snapshots[-1], code)
        rows.append(row if now is None else _observed(row, snapshots, now))
    return rows


def _observed(row: NowRow, snapshots: Sequence[FullSnapshot], now: Status) -> NowRow:
    says = _said_by(now)

    def since(holds: Callable[[Status], bool]) -> datetime | None:
        return _since(snapshots, row.station_code, holds)

    return row._replace(
        is_observed=True,
        state=now.state,
        is_in_service=says.is_in_service,
        bikes_available=says.bikes,
        bikes_electric=now.bikes_electric,
        docks_free=says.docks_free,
        docks_usable=says.docks_usable,
        fill_rate=None if says.bikes is None or says.docks_usable is None else says.bikes / says.docks_usable,
        is_empty=says.is_empty,
        is_full=says.is_full,
        is_saturated=says.is_saturated,
        status_since_at=since(lambda status: status == now),
        empty_since_at=since(lambda status: _said_by(status).is_empty),
        full_since_at=since(lambda status: _said_by(status).is_full),
        saturated_since_at=since(lambda status: _said_by(status).is_saturated),
    )


def _since(snapshots: Sequence[FullSnapshot], code: str, holds: Callable[[Status], bool]) -> datetime | None:
    """The first of the snapshots that say so, backwards from the last, without a break."""
    since = None
    for snapshot in reversed(snapshots):
        status = _stated(snapshot, code)
        if status is None or not holds(status) or (since is not None and since - snapshot.captured_at > GAP):
            break
        since = snapshot.captured_at
    return since


def critical_now(feeds: Feeds, hours: Sequence[HourRow]) -> list[CriticalRow]:
    """The ten most critical stations of each feed before its newest snapshot."""
    return [row for feed in feeds for row in critical_at(feeds, feed, hours, feeds[feed][-1].captured_at)]


class _Hour(NamedTuple):
    """A station's part of an hour in the window: seconds, and the rides that are usual in a second of it, if that is known."""

    observed: int
    in_service: int
    empty: int
    full: int
    saturated: int
    departures: Fraction | None
    arrivals: Fraction | None


def critical_at(feeds: Feeds, feed: str, hours: Sequence[HourRow], as_of: datetime) -> list[CriticalRow]:
    """The ten most critical stations of one feed in the two hours before a moment."""
    snapshots, attributes = feeds[feed], attributes_now(feeds)
    begin, end = as_of - WINDOW, min(as_of, snapshots[-1].captured_at)
    usual: dict[tuple[str, object, int], list[HourRow]] = defaultdict(list)
    for row in hours:
        if row.feed == feed and row.departures is not None:
            usual[row.station_code, row.date_day, row.hour_of_day].append(row)
    pieces: dict[str, dict[datetime, list[tuple[int, Said]]]] = defaultdict(lambda: defaultdict(list))
    for status in station_status(snapshots):
        for hour_at, seconds in cut(max(status.valid_from, begin), min(status.valid_to, end)):
            says = said(status.state, status.bikes_available, status.docks_free, status.docks_total)
            pieces[status.station_code][hour_at].append((seconds, says))
    scored = []
    for code, by_hour in pieces.items():
        parts = [_part(of_hour, _before(usual, code, hour_at)) for hour_at, of_hour in by_hour.items()]
        if any(part.empty or part.saturated for part in parts):
            scored.append(_critical(feed, code, begin, as_of, parts))

    def order(row: CriticalRow) -> tuple[Any, ...]:
        capacity = attributes[row.station_code].capacity if row.station_code in attributes else None
        usual_rides = None if row.usual_departures is None else row.usual_departures + (row.usual_arrivals or 0)
        return -row.score, *_known_first(usual_rides), *_known_first(capacity), row.station_code

    scored.sort(key=order)
    return [row._replace(rank=rank) for rank, row in enumerate(scored[:MOST], start=1)]


def _before(usual: Mapping[tuple[str, object, int], list[HourRow]], code: str, hour_at: datetime) -> list[HourRow]:
    local = hour_at.astimezone(PARIS)
    days = [local.date() - timedelta(weeks=weeks) for weeks in WEEKS]
    return [row for day in days for row in usual.get((code, day, local.hour), [])]


def _known_first(value: float | None) -> tuple[bool, float]:
    """For sorting: the largest first, what is not known last."""
    return value is None, -(value or 0)


def _part(pieces: Sequence[tuple[int, Said]], before: Sequence[HourRow]) -> _Hour:
    seconds_before = sum(row.in_service_seconds for row in before)
    went, came = (sum(getattr(row, name) for row in before) for name in ("departures", "arrivals"))
    is_known = seconds_before + went + came > 0
    return _Hour(
        observed=sum(seconds for seconds, _ in pieces),
        in_service=sum(seconds for seconds, says in pieces if says.is_in_service),
        empty=sum(seconds for seconds, says in pieces if says.is_empty),
        full=sum(seconds for seconds, says in pieces if says.is_full),
        saturated=sum(seconds for seconds, says in pieces if says.is_saturated),
        departures=Fraction(went, max(seconds_before, 3600)) if is_known else None,
        arrivals=Fraction(came, max(seconds_before, 3600)) if is_known else None,
    )


def _critical(feed: str, code: str, begin: datetime, end: datetime, parts: Sequence[_Hour]) -> CriticalRow:
    empty, full, saturated = (sum(getattr(part, name) for part in parts) for name in ("empty", "full", "saturated"))
    failed_departures = _added(part.departures * part.empty for part in parts if part.departures is not None)
    failed_arrivals = _added(part.arrivals * part.full for part in parts if part.arrivals is not None)
    failed = (failed_departures or 0) + (failed_arrivals or 0)
    return CriticalRow(
        feed=feed,
        rank=0,
        station_code=code,
        from_at=begin,
        to_at=end,
        observed_minutes=sum(part.observed for part in parts) / 60,
        empty_minutes=empty / 60,
        full_minutes=full / 60,
        saturated_minutes=saturated / 60,
        usual_departures=_as_float(
            _added(part.departures * part.in_service for part in parts if part.departures is not None)
        ),
        usual_arrivals=_as_float(
            _added(part.arrivals * part.in_service for part in parts if part.arrivals is not None)
        ),
        failed_departures=_as_float(failed_departures),
        failed_arrivals=_as_float(failed_arrivals),
        score=float(_rounded(Fraction(empty + saturated, 60) + FAILED_RIDE * failed)),
    )


def _added(values: Iterable[Fraction]) -> Fraction | None:
    """Their sum, rounded; None of none."""
    known = list(values)
    return _rounded(sum(known, Fraction())) if known else None


def _as_float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _rounded(value: Fraction) -> Fraction:
    """To six decimals, halves up."""
    return Fraction((value * 10**6 + Fraction(1, 2)).__floor__(), 10**6)
