"""Draws the simulator needs, all from the one stdlib primitive whose sequence Python promises to keep: `random()`.

Each concern has a stream of its own (`stream(seed, "trucks")`), so that a change in one does not shift all others.
Seeds are hashed by `random.seed` version 2 (SHA-512): PYTHONHASHSEED has no say.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from random import Random
from typing import TypeVar

T = TypeVar("T")


def stream(seed: int, *concern: object) -> Random:
    """A random stream for one concern of one city."""
    return Random(":".join(map(str, (seed, *concern))))


def below(rng: Random, n: int) -> int:
    """A whole number in [0, n)."""
    return int(rng.random() * n)


def between(rng: Random, low: float, high: float) -> float:
    """A number in [low, high)."""
    return low + (high - low) * rng.random()


def pick(rng: Random, items: Sequence[T]) -> T:
    """One of the items."""
    return items[int(rng.random() * len(items))]


def exponential(rng: Random, mean: float) -> float:
    """A waiting time with this mean."""
    return -mean * math.log(1.0 - rng.random())


def normal(rng: Random) -> float:
    """A standard normal number (Box-Muller; `Random.gauss` keeps state between calls and is no promise)."""
    return math.sqrt(-2.0 * math.log(1.0 - rng.random())) * math.cos(2.0 * math.pi * rng.random())


def lognormal(rng: Random, median: float, sigma: float) -> float:
    """A positive number with this median; sigma is the spread of its logarithm."""
    return median * math.exp(sigma * normal(rng))


def moments(rng: Random, start: int, seconds: int, expected: float) -> list[int]:
    """The times in [start, start + seconds) of a Poisson process that is expected to fire so often."""
    times: list[int] = []
    if expected <= 0:
        return times
    gap = seconds / expected
    at = exponential(rng, gap)
    while at < seconds:
        times.append(start + int(at))
        at += exponential(rng, gap)
    return times


class Weighted:
    """Draws indexes in proportion to fixed weights."""

    def __init__(self, weights: Iterable[float]) -> None:
        self.cumulated = list(accumulate(weights))
        self.total = self.cumulated[-1]
        self.cumulated[-1] = math.inf  # `random()` is below 1, but rounding may bring the product up to the total

    def draw(self, rng: Random) -> int:
        return bisect_right(self.cumulated, rng.random() * self.total)
