"""When ticks are due: without drift or overlap, whatever becomes of the clock."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velib.collecting.schedule import LONGEST, LONGEST_WAIT, SHORTEST, Schedule, Tick, Wait

INTERVALS = st.one_of(st.sampled_from([60, 300, 900, 3600]), st.integers(SHORTEST, LONGEST))
STARTS = st.floats(1.6e9, 2.2e9)


class World:
    """A wall clock that may be set, and one that only grows."""

    def __init__(self, every: int, now: float) -> None:
        self.wall, self.monotonic = now, 0.0
        self.schedule = Schedule(every, now)
        self.missed = 0

    def next_tick(self, most: float = math.inf) -> Tick | None:
        """Wait for the next tick, as `Poller.run` does; None when none came in `most` seconds."""
        end = self.monotonic + most
        while self.monotonic <= end:
            found = self.schedule.look(self.wall, self.monotonic)
            self.missed += found.missed
            if isinstance(found, Tick):
                return found
            assert 0 <= found.seconds <= LONGEST_WAIT
            self.pass_by(found.seconds)
        return None

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@given(every=INTERVALS, start=STARTS, busy=st.lists(st.floats(0, 0.9), min_size=3, max_size=20))
def test_no_drift(every: int, start: float, busy: list[float]) -> None:
    """Whatever a tick takes, each multiple has one, at its time."""
    world = World(every, start)
    expected = (math.floor(start / every) + 1) * every
    for part in busy:
        tick = world.next_tick()
        assert tick == Tick(expected, 0)
        assert world.wall - expected < 1e-3
        world.pass_by(part * every)
        expected += every
    assert world.missed == 0


@given(every=INTERVALS, start=STARTS, busy=st.floats(1.0, 10.0))
def test_a_tick_that_takes_too_long_costs_those_it_hides(every: int, start: float, busy: float) -> None:
    world = World(every, start)
    first = world.next_tick()
    assert first is not None
    world.pass_by(busy * every)
    second = world.next_tick()
    assert second is not None
    hidden = (second.due - first.due) // every - 1
    assert second.due % every == 0
    assert math.floor(busy) - 1 <= hidden <= math.floor(busy)
    assert hidden == world.missed  # said, each once


JUMPS = st.one_of(st.floats(-5, 5), st.floats(-5000, 5000), st.floats(-1e8, 1e8))


@given(
    every=INTERVALS,
    start=STARTS,
    events=st.lists(st.tuples(st.floats(0, 3), JUMPS), min_size=1, max_size=15),
)
def test_any_clock_jumps(every: int, start: float, events: list[tuple[float, float]]) -> None:
    world = World(every, start)
    last = -math.inf
    for intervals, jump in events:
        end = world.monotonic + intervals * every
        while (tick := world.next_tick(end - world.monotonic)) is not None:
            late = world.wall - tick.due
            assert tick.due % every == 0
            assert -1e-3 <= late <= every / 4 + 1e-3  # never early, never far from a multiple
            assert world.monotonic - last >= every / 2 - 1e-3  # never two at once
            last = world.monotonic
        world.wall += jump
    # And however the clock was set, ticks come again.
    before = world.monotonic
    assert world.next_tick(3 * every) is not None
    assert world.monotonic - before <= 2 * every + LONGEST_WAIT


def test_the_clock_goes_back_a_second_after_a_tick() -> None:
    world = World(900, 1_800_000_000 - 10)
    assert world.next_tick() == Tick(1_800_000_000, 0)
    world.wall -= 2
    assert world.next_tick() == Tick(1_800_000_900, 0)


def test_a_machine_that_slept() -> None:
    world = World(900, 1_800_000_000 - 10)
    world.next_tick()
    world.wall += 3 * 900 + 400
    world.monotonic += 10  # this clock stands still in sleep
    assert world.next_tick() == Tick(1_800_000_000 + 4 * 900, 0)
    assert world.missed == 3


@pytest.mark.parametrize("every", [0, 59, 86401])
def test_intervals_that_are_none(every: int) -> None:
    with pytest.raises(ValueError, match="interval"):
        Schedule(every, 0.0)


def test_before_its_time_nothing_is_due() -> None:
    schedule = Schedule(60, 1_800_000_001.0)
    assert schedule.look(1_800_000_001.0, 0.0) == Wait(LONGEST_WAIT, 0)
    assert schedule.look(1_800_000_059.5, 58.5) == Wait(0.5, 0)
    assert schedule.look(1_800_000_060.0, 59.0) == Tick(1_800_000_060, 0)
