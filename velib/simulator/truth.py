"""What really happened: every movement, and every fault put into the feed.

A movement is open from its departure to its arrival. Times are whole seconds, and a snapshot captured at second t
shows the city after everything that happened up to and including t: a bike with `departed_at <= t < arrived_at` is in
no station. A movement that was under way at the first snapshot is told too: no snapshot saw that bike leave, but without it
nobody could tell that the bike was away.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

from velib.simulator.config import utc
from velib.simulator.network import Bike, Station

NOWHERE = -1


class Kind(IntEnum):
    trip = 0
    round_trip = 1
    boomerang = 2
    rebalancing = 3
    maintenance = 4
    flicker = 5


class Movement(NamedTuple):
    """One true movement; the destination and the arrival of one still under way are None."""

    bike_id: str
    bike_type: str
    origin_station_code: str
    destination_station_code: str | None
    departed_at: datetime
    arrived_at: datetime | None
    kind: str


class Fault(NamedTuple):
    """One fault of the feed or the archive; first and last are capture times of snapshots that show it."""

    kind: str
    file: str | None
    station_code: str | None
    bike_id: str | None
    first_at: datetime
    last_at: datetime
    detail: str


class Truth:
    """The movements, in columns: a week of Paris has a million of them."""

    def __init__(self, bikes: list[Bike], stations: list[Station]) -> None:
        self._bikes = bikes
        self._stations = stations
        self._bike = array("i")
        self._origin = array("h")
        self._destination = array("h")
        self._departed = array("q")
        self._arrived = array("q")
        self._kind = array("b")

    def __len__(self) -> int:
        return len(self._bike)

    def open(self, bike: Bike, origin: Station, at: int, kind: Kind) -> int:
        """A bike leaves: returns the number under which its arrival is told."""
        self._bike.append(bike.index)
        self._origin.append(origin.index)
        self._destination.append(NOWHERE)
        self._departed.append(at)
        self._arrived.append(NOWHERE)
        self._kind.append(kind)
        return len(self._bike) - 1

    def close(self, number: int, destination: Station, at: int) -> None:
        """It has arrived. Only now is it known whether a ride was a round trip: a full station turns some away."""
        self._destination[number] = destination.index
        self._arrived[number] = at
        if self._kind[number] in (Kind.trip, Kind.round_trip, Kind.boomerang):
            if destination.index != self._origin[number]:
                self._kind[number] = Kind.trip
            elif self._kind[number] == Kind.trip:
                self._kind[number] = Kind.round_trip

    def movements(self, since: int) -> Iterator[Movement]:
        """Those that departed after `since` or were under way then, in the order of departure."""
        order = sorted(range(len(self._bike)), key=lambda n: (self._departed[n], n))
        for n in order:
            if self._arrived[n] > since or self._arrived[n] == NOWHERE:
                yield self._movement(n)

    def _movement(self, n: int) -> Movement:
        bike, arrived = self._bikes[self._bike[n]], self._arrived[n]
        return Movement(
            bike.name,
            "electric" if bike.electric else "mechanical",
            self._stations[self._origin[n]].code,
            None if arrived == NOWHERE else self._stations[self._destination[n]].code,
            utc(self._departed[n]),
            None if arrived == NOWHERE else utc(arrived),
            Kind(self._kind[n]).name,
        )

    def kinds(self, since: int) -> dict[str, int]:
        """How many movements of each kind departed after `since` or were under way then."""
        counts = dict.fromkeys((kind.name for kind in Kind), 0)
        for arrived, kind in zip(self._arrived, self._kind, strict=True):
            if arrived > since or arrived == NOWHERE:
                counts[Kind(kind).name] += 1
        return counts

    def write(self, path: Path, since: int) -> None:
        """The movements as Parquet, built column by column so that a week of Paris fits easily."""
        import numpy
        import pyarrow as pa
        import pyarrow.parquet as pq

        departed = numpy.array(self._departed, dtype="int64")
        order = numpy.argsort(departed, kind="stable")
        arrived = numpy.array(self._arrived, dtype="int64")
        order = order[((arrived > since) | (arrived == NOWHERE))[order]]

        def column(values: array[int], kind: str) -> numpy.ndarray:
            return numpy.array(values, dtype=kind)[order]

        def texts(values: numpy.ndarray, names: list[str], mask: numpy.ndarray | None = None) -> pa.Array:
            return pa.DictionaryArray.from_arrays(pa.array(values, mask=mask), pa.array(names)).cast(pa.string())

        bikes, arrived = column(self._bike, "int32"), arrived[order]
        codes, under_way = [s.code for s in self._stations], arrived == NOWHERE
        electric = numpy.array([int(bike.electric) for bike in self._bikes], dtype="int8")
        seconds = pa.timestamp("s", tz="UTC")
        table = pa.table(
            {
                "bike_id": texts(bikes, [bike.name for bike in self._bikes]),
                "bike_type": texts(electric[bikes], ["mechanical", "electric"]),
                "origin_station_code": texts(column(self._origin, "int16"), codes),
                "destination_station_code": texts(column(self._destination, "int16"), codes, under_way),
                "departed_at": pa.array(departed[order], pa.int64()).cast(seconds),
                "arrived_at": pa.array(arrived, pa.int64(), mask=under_way).cast(seconds),
                "kind": texts(column(self._kind, "int8"), [kind.name for kind in Kind]),
            }
        )
        pq.write_table(table, path, compression="zstd")
