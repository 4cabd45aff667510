"""The truth of a simulated archive: for each bike its movements, for each snapshot what the feed said wrong in it.

Times are epoch seconds here: capture times and true times are whole seconds.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet

LONG_SECONDS = 3 * 3600


class Movement(NamedTuple):
    """One true movement; still under way at the end: no destination, no arrival."""

    bike_id: str
    origin: str
    destination: str | None
    departed: int
    arrived: int | None
    kind: str

    @property
    def true_type(self) -> str:
        """The trip_type that somebody who knows everything would give it: its kind, but `long` for rides over three hours."""
        assert self.arrived is not None
        if self.kind in ("trip", "round_trip") and self.arrived - self.departed > LONG_SECONDS:
            return "long"
        return self.kind

    @property
    def is_customer(self) -> bool:
        """Whether fct_trips should say is_customer_trip."""
        return self.true_type in ("trip", "round_trip")


class Double(NamedTuple):
    """A bike listed at a wrong station too, from one snapshot to another, both included."""

    station: str
    first: int
    last: int


@dataclass(frozen=True)
class World:
    """What happened, and in what the feed was wrong."""

    bikes: dict[str, list[Movement]]
    """Each bike's movements in the order of time."""
    dropouts: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """When a station was not listed: from and to, both included."""
    doubles: dict[str, list[Double]] = field(default_factory=dict)
    """When a bike was listed at a second station."""

    def is_listed(self, station: str, at: int) -> bool:
        """Whether the snapshot of that time lists the station."""
        return not any(first <= at <= last for first, last in self.dropouts.get(station, ()))

    def is_said_elsewhere(self, bike_id: str, station: str, at: int) -> bool:
        """Whether the snapshot lists the bike at a wrong station whose code sorts first: the one that counts."""
        return any(d.first <= at <= d.last and d.station < station for d in self.doubles.get(bike_id, ()))


def read_world(archive: Path) -> World:
    """The truth beside an archive of `velib simulate`."""
    table = pyarrow.parquet.read_table(archive / "truth" / "movements.parquet")
    # Parquet has no whole seconds: it kept milliseconds.
    seconds = [
        (table[name].cast(pa.timestamp("s", "UTC")).cast("int64")).to_pylist() for name in ("departed_at", "arrived_at")
    ]
    names = ("bike_id", "origin_station_code", "destination_station_code")
    columns = [table[name].to_pylist() for name in names] + seconds + [table["kind"].to_pylist()]
    dropouts: dict[str, list[tuple[int, int]]] = {}
    doubles: dict[str, list[Double]] = {}
    with (archive / "truth" / "faults.csv").open(newline="") as lines:
        for fault in csv.DictReader(lines):
            first, last = (int(datetime.fromisoformat(fault[name]).timestamp()) for name in ("first_at", "last_at"))
            if fault["kind"] == "dropout":
                dropouts.setdefault(fault["station_code"], []).append((first, last))
            elif fault["kind"] == "twice":
                doubles.setdefault(fault["bike_id"], []).append(Double(fault["station_code"], first, last))
            else:
                raise ValueError(f"an archive with {fault['kind']} files: its snapshots are not those of its grid")
    return World(by_bike(map(Movement._make, zip(*columns, strict=True))), dropouts, doubles)


def by_bike(movements: Iterable[Movement]) -> dict[str, list[Movement]]:
    """Each bike's movements in the order of time."""
    found: dict[str, list[Movement]] = {}
    for movement in movements:
        found.setdefault(movement.bike_id, []).append(movement)
    for own in found.values():
        own.sort(key=lambda movement: movement.departed)
    return found


def to_be_found(world: World, times: Sequence[int]) -> list[Movement]:
    """The movements that began and ended between the first snapshot and the last."""
    return [
        movement
        for own in world.bikes.values()
        for movement in own
        if movement.departed > times[0] and movement.arrived is not None and movement.arrived <= times[-1]
    ]


def parted(times: Sequence[int], windows: Iterable[tuple[int, int]]) -> list[int]:
    """The times without those strictly inside the windows: an archive with gaps."""
    kept: list[int] = []
    start = 0
    for first, last in windows:
        kept += times[start : bisect_right(times, first)]
        start = bisect_right(times, last - 1)
    return kept + list(times[start:])
