"""The feed: what it says of the city at the moment of a snapshot, true or not.

Three things it says wrong: a bike flickers (is missing from one snapshot though it never left; ordinary, and part of
the truth's movements), a station drops out of the list for a while, a bike is listed at two stations (faults, asked
for).
"""

from __future__ import annotations

from velib.simulator.chance import below, exponential, moments, pick, stream
from velib.simulator.config import CityConfig, utc
from velib.simulator.engine import Engine
from velib.simulator.network import Bike, Station
from velib.simulator.payload import station_entry
from velib.simulator.truth import Fault, Kind

FLICKERS = 3e-5
"""Chance that a parked bike is missing from a snapshot: about one in two snapshots of Paris has such a bike."""
LATEST = 3
"""A snapshot is captured less than this many seconds after its nominal time."""


class Double:
    """A bike listed at a second station."""

    __slots__ = ("bike", "first", "home", "last", "other", "until")

    def __init__(self, bike: Bike, home: Station, other: Station, first: int, until: int) -> None:
        self.bike, self.home, self.other = bike, home, other
        self.first = self.last = first
        self.until = until


class Feed:
    def __init__(self, engine: Engine, config: CityConfig) -> None:
        self._engine = engine
        self._config = config
        self._entries = [b""] * len(engine.stations)
        self._previous = 0
        self._flickers = stream(config.seed, "flickers")
        self._doubling = stream(config.seed, "twice")
        self._doubles: list[Double] = []
        self._captured: list[int] = []
        self._ended_doubles: list[Double] = []
        self._dropouts = self._plan_dropouts()

    # -- a snapshot

    def snapshot(self, index: int, captured: int) -> bytes:
        """The body of the snapshot captured now."""
        engine = self._engine
        absent, hidden = self.leave_out(index, captured)
        for i in engine.dirty:
            self._entries[i] = station_entry(engine.stations[i], engine.stations[i].bikes)
        engine.dirty.clear()
        self._distort(hidden)
        if not absent:
            return b"[" + b",".join(self._entries) + b"]"
        return b"[" + b",".join(entry for i, entry in enumerate(self._entries) if i not in absent) + b"]"

    def leave_out(self, index: int, captured: int) -> tuple[set[int], set[Bike]]:
        """The stations (by index) and the bikes that this snapshot does not list though they are there. Once a snapshot."""
        self._captured.append(captured)
        absent = {station for station, first, last in self._dropouts if first <= index <= last}
        self._update_doubles(index, captured, absent)
        hidden = self._flicker(index, captured)
        self._previous = captured
        return absent, hidden

    def _distort(self, hidden: set[Bike]) -> None:
        """Word anew the entries that say something wrong; marked dirty, they are put right at the next snapshot."""
        extra: dict[int, list[Bike]] = {bike.station.index: [] for bike in hidden if bike.station}
        for double in self._doubles:
            ghosts = extra.setdefault(double.other.index, [])
            ghost = double.bike.copy()
            ghost.station = double.other
            ghost.dock = double.other.capacity + double.other.max_overflow + 1 + len(ghosts)
            ghosts.append(ghost)
        for i, ghosts in extra.items():
            station = self._engine.stations[i]
            self._entries[i] = station_entry(station, [b for b in station.bikes if b not in hidden] + ghosts)
            self._engine.dirty.add(i)

    # -- flickers

    def _flicker(self, index: int, captured: int) -> set[Bike]:
        """Bikes to leave out of this snapshot: the one before saw them, and they are held so that the next one does."""
        hidden: set[Bike] = set()
        bikes = self._engine.bikes
        doubled = {double.bike for double in self._doubles}
        for _ in moments(self._flickers, 0, 1, FLICKERS * len(bikes)):
            bike = pick(self._flickers, bikes)
            station = bike.station
            if (
                station is None
                or not 0 < index < self._config.snapshots - 1
                or bike.since >= self._previous
                or bike.held_until >= captured
            ):
                continue
            bike.held_until = self._config.nominal(index + 1) + LATEST
            # held all the same, so that a fault changes nothing about the rest of the city
            if bike in doubled or any(
                i == station.index and a <= index + 1 and index - 1 <= b for i, a, b in self._dropouts
            ):
                continue
            truth = self._engine.truth
            truth.close(truth.open(bike, station, captured, Kind.flicker), station, captured + 1)
            hidden.add(bike)
        return hidden

    # -- faults

    def _plan_dropouts(self) -> list[tuple[int, int, int]]:
        """(station, first snapshot, last snapshot) of each; the first station never drops out, so no list is empty."""
        rng = stream(self._config.seed, "dropouts")
        plan = []
        snapshots = self._config.snapshots
        for _ in range(self._config.dropouts):
            station = 1 + below(rng, self._config.stations - 1)
            first = min(1 + below(rng, max(1, snapshots - 2)), snapshots - 1)
            # from a single snapshot up to some hours
            length = 1 + int(exponential(rng, 2_700) / self._config.every)
            plan.append((station, first, min(first + length - 1, max(first, snapshots - 2))))
        return plan

    def _update_doubles(self, index: int, captured: int, absent: set[int]) -> None:
        still = []
        for double in self._doubles:
            gone = double.bike.station is not double.home or {double.home.index, double.other.index} & absent
            if gone or index > double.until:
                self._ended_doubles.append(double)
            else:
                double.last = captured
                still.append(double)
        self._doubles = still
        if self._config.twice <= 0 or self._doubling.random() >= self._config.twice:
            return
        length = 1 + int(exponential(self._doubling, 1.5))
        bike, other = pick(self._doubling, self._engine.bikes), pick(self._doubling, self._engine.stations)
        home = bike.station
        if home is None or home is other or {home.index, other.index} & absent:
            return
        if all(double.bike is not bike for double in still) and bike.held_until < captured:
            still.append(Double(bike, home, other, captured, index + length - 1))

    def faults(self) -> list[Fault]:
        """The faults put into the snapshots so far."""
        captured, stations = self._captured, self._engine.stations
        found = [
            Fault(
                "dropout", None, stations[station].code, None, utc(captured[first]),
                utc(captured[min(last, len(captured) - 1)]), f"{last - first + 1} snapshots without the station",
            )
            for station, first, last in self._dropouts
            if first < len(captured)
        ]  # fmt: skip
        for double in self._ended_doubles + self._doubles:
            detail = f"listed there too, while it stands at {double.home.code}"
            found.append(
                Fault("twice", None, double.other.code, double.bike.name, utc(double.first), utc(double.last), detail)
            )
        return sorted(found, key=lambda fault: (fault.first_at, fault.kind, fault.station_code or ""))
