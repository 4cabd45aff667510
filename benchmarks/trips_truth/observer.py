"""What snapshots can show of the truth at best, from the truth and the times of the snapshots alone.

A true movement is *observable* when a perfect observer of the snapshots sees it apart from what the bike did before and after:

1. some snapshot shows the bike at the origin after its last arrival there and before this departure,
2. some snapshot shows it at the destination after this arrival and before its next departure,
3. if origin and destination are one station, some snapshot between departure and arrival lists that station,
4. and no snapshot between the two sightings says something wrong of the bike.

A snapshot shows a bike where it stands when it lists that station and does not list the bike elsewhere.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from benchmarks.trips_truth.truth import Movement, World

_EVER = 1 << 60


class Brackets(NamedTuple):
    """What a perfect observer knows of a movement: the four times of fct_trips."""

    last_seen: int
    first_missing: int
    last_missing: int
    first_seen: int


def observable(world: World, times: Sequence[int]) -> Iterator[tuple[Movement, Brackets]]:
    """The observable movements, each with its brackets."""
    for own in world.bikes.values():
        for number, movement in enumerate(own):
            since = own[number - 1].arrived if number else times[0]
            until = own[number + 1].departed if number + 1 < len(own) else _EVER
            if since is not None and movement.arrived is not None:
                brackets = _brackets(world, times, movement, since, until)
                if brackets is not None:
                    yield movement, brackets


def _brackets(world: World, times: Sequence[int], movement: Movement, since: int, until: int) -> Brackets | None:
    bike_id, origin, destination, departed, arrived, _ = movement
    assert destination is not None
    assert arrived is not None
    left, back = (
        bisect_left(times, departed),
        bisect_left(times, arrived),
    )  # the first snapshots without it, and with it again

    before = left - 1
    while before >= 0 and times[before] >= since and not world.is_listed(origin, times[before]):
        before -= 1
    after = back
    while after < len(times) and times[after] < until and not world.is_listed(destination, times[after]):
        after += 1
    if before < 0 or times[before] < since or after >= len(times) or times[after] >= until:
        return None
    if any(world.is_said_elsewhere(bike_id, origin, at) for at in times[before:left]):
        return None
    if any(world.is_said_elsewhere(bike_id, destination, at) for at in times[back : after + 1]):
        return None

    # Between the two sightings the bike was at neither station as far as the snapshots say; those that list the station say so.
    without_origin = [at for at in times[left:after] if world.is_listed(origin, at)]
    without_destination = [at for at in times[before + 1 : back] if world.is_listed(destination, at)]
    if origin == destination:
        away = [at for at in times[left:back] if world.is_listed(origin, at)]
        return Brackets(times[before], away[0], away[-1], times[after]) if away else None
    return Brackets(
        times[before],
        without_origin[0] if without_origin else times[after],
        without_destination[-1] if without_destination else times[before],
        times[after],
    )


class Sight(NamedTuple):
    """One movement as snapshots show it: from one stay that was seen to the next, with what truly lies between."""

    movements: tuple[Movement, ...]
    last_seen: int
    first_seen: int


def sights(world: World, times: Sequence[int]) -> Iterator[Sight]:
    """The rows that fct_trips has of a feed that says nothing wrong, and the movements in each: more than one are merged."""
    for own in world.bikes.values():
        # the stays: before the first movement, between two, after the last; each with its first and last snapshot
        start = times[0] if own[0].departed > times[0] else None
        stays = [(start, own[0].departed)]
        stays += [(one.arrived, other.departed) for one, other in pairwise(own)]
        stays.append((own[-1].arrived, _EVER))
        seen: tuple[int, int] | None = None  # number of the stay, and of its last snapshot
        for number, (since, until) in enumerate(stays):
            if since is None:
                continue
            first, last = bisect_left(times, since), bisect_left(times, until) - 1
            if first > last:
                continue
            if seen is not None:
                between = tuple(own[seen[0] : number])
                if between[0].origin != between[-1].destination or first - seen[1] > 1:
                    yield Sight(between, times[seen[1]], times[first])
            seen = number, last
