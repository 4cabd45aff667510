"""When to tick: at the wall clock's multiples of an interval. No clock is read here: the caller says what it shows.

So ticks do not drift: each is computed from the clock, none from the tick before. The clock may be set in between, by a
second or by years: ticks then follow the new time, never two of them closer together than half an interval.
"""

from __future__ import annotations

from typing import NamedTuple

SHORTEST = 60
LONGEST = 24 * 3600

# The clock is looked at so often at least, because it may be set while we sleep.
LONGEST_WAIT = 20.0


class Tick(NamedTuple):
    """It is time. `due` is the multiple that it is for, `missed` how many before it there was no tick for."""

    due: int
    missed: int


class Wait(NamedTuple):
    """Nothing to do for so many seconds; then look again. `missed` ticks are given up."""

    seconds: float
    missed: int


class Schedule:
    """The ticks of one run of `velib poll --every`."""

    def __init__(self, every: int, now: float) -> None:
        if not SHORTEST <= every <= LONGEST:
            raise ValueError(f"an interval of {every} s")
        self.every = every
        # So late a tick still is one. Later it is given up: the next one is on time again.
        self.tolerance = every / 4
        self.due = self._after(now)
        self._last: float | None = None

    def look(self, now: float, monotonic: float) -> Tick | Wait:
        """What to do, as the clocks show `now` and `monotonic`."""
        if self.due - now > self.every:  # set back
            self.due = self._after(now)
        if now < self.due:
            return Wait(min(self.due - now, LONGEST_WAIT), 0)
        newest = int(now // self.every) * self.every
        missed = (newest - self.due) // self.every
        self.due = newest + self.every
        if now - newest > self.tolerance:
            return Wait(0.0, missed + 1)
        if self._last is not None and monotonic - self._last < self.every / 2:
            # The clock was set: back by a moment, so that a multiple comes twice, or forward by nearly an interval.
            return Wait(0.0, missed)
        self._last = monotonic
        return Tick(newest, missed)

    def _after(self, now: float) -> int:
        return (int(now // self.every) + 1) * self.every
