"""The city as a library: iterate over it and get its snapshots, then ask for the truth.

city = City(CityConfig(stations=20, bikes=150, snapshots=60))
for captured_at, payload in city:
    ...
city.movements(), city.faults()
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from velib.simulator.chance import below, stream
from velib.simulator.config import CityConfig, utc
from velib.simulator.engine import Engine
from velib.simulator.feed import LATEST, Feed
from velib.simulator.operations import Operations
from velib.simulator.riders import Riders
from velib.simulator.truth import Fault, Movement

WARM_UP_SECONDS = 7_200
"""The city lives that long before its first snapshot, so that bikes are under way in it."""


class City:
    """One run of one city. Two of the same config give the same bytes."""

    def __init__(self, config: CityConfig) -> None:
        self.config = config
        self.engine = Engine(config)
        self.riders = Riders(self.engine)
        self.feed = Feed(self.engine, config)
        self._first: int | None = None

    def __iter__(self) -> Iterator[tuple[datetime, bytes]]:
        """(capture time in UTC, body of the snapshot), in the order of time; once."""
        for index, captured in self.captures():
            yield utc(captured), self.feed.snapshot(index, captured)

    def captures(self) -> Iterator[tuple[int, int]]:
        """(index, capture time) of each snapshot, the city being as it was then; once. What the feed says is not asked."""
        if self._first is not None:
            raise RuntimeError("a City runs once: make a new one from the same config")
        config, engine = self.config, self.engine
        jitter = stream(config.seed, "jitter")
        born = config.nominal(0) - WARM_UP_SECONDS
        engine.populate(stream(config.seed, "populate"), born)
        self.riders.start(born)
        Operations(engine).start(born)
        for index in range(config.snapshots):
            # a collector's request takes a moment; grids finer than 10 s are kept exactly
            captured = config.nominal(index) + (below(jitter, LATEST) if config.every >= 10 else 0)
            if self._first is None:
                self._first = captured
            engine.advance(captured)
            yield index, captured

    @property
    def first_captured(self) -> int:
        """When the first snapshot was captured, in epoch seconds: the truth begins there."""
        if self._first is None:
            raise RuntimeError("the city has not run yet")
        return self._first

    def movements(self) -> list[Movement]:
        """Every movement that began after the first snapshot or was under way then, in the order of departure."""
        return list(self.engine.truth.movements(self.first_captured))

    def faults(self) -> list[Fault]:
        """The faults of the feed (those of an archive's files are `archive`'s)."""
        return self.feed.faults()
