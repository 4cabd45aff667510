"""What a case is like: its size, and how often each thing happens in it.

Drawn with a plain random generator: hypothesis, tried, spends a quarter of its examples on networks without bikes and
takes ten seconds for three hundred, and what it is for, shrinking, would cost a build of the warehouse a step.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

# One case in ten shares its stations and bikes with the one before it: two feeds of one network.
TWIN = 10

HAPPENINGS = (
    *("hop", "leave", "come_back", "street", "listed_twice", "status", "battery", "truck"),
    *("unlisted", "state", "station_moves", "rename", "station_twice", "bikes_unlisted"),
    *("same_body", "gap", "gap_of_days", "copy", "conflict", "broken", "repaired", "rewritten", "contradiction"),
)
_PROBABILITIES = (0.0, 0.03, 0.12, 0.35)
_OFTEN = ("hop", "leave", "come_back")
# Each of these makes a whole file unacceptable, or nearly always does in a network so small.
_SELDOM = ("broken", "contradiction", "bikes_unlisted")


@dataclass(frozen=True)
class Shape:
    """The size of a case and how often each thing happens in it, as a probability a snapshot."""

    format_name: str
    stations: int
    bikes: int
    snapshots: int
    cadence: int  # seconds
    jitter: int  # seconds, at most
    season: str  # "plain", or the hours round a clock change: "october", "march"
    naming: str  # how file names state the time: "utc", "z", "zone" (_CEST, _CET), "local" (nothing), "mixed"
    arrival: str  # how the files are spread over the steps of a history
    rates: dict[str, float]


def shape_of(prove_seed: int, number: int) -> Shape:
    """The shape of the case with this number."""
    rnd = random.Random(f"{prove_seed} {number} shape")
    cadence = rnd.choice([60, 60, 300, 300, 900, 900, 2700])
    # A bike has to be away for a day without a gap to be in maintenance for that.
    snapshots = rnd.randint(33, 40) if cadence == 2700 else rnd.choice([3, 4, rnd.randint(5, 25), rnd.randint(5, 25)])
    calm = rnd.random() < 0.25
    return Shape(
        format_name=rnd.choice(["velib_app", "velib_app", "nextbike"]),
        stations=rnd.randint(1, 6),
        bikes=rnd.choice([0, *range(1, 9), *range(1, 9)]),
        snapshots=snapshots,
        cadence=cadence,
        jitter=rnd.choice([0, 0, 7, 25]),
        season=rnd.choice(["plain", "plain", "october", "march"]),
        naming=rnd.choice(["utc", "z", "zone", "local", "mixed"]),
        arrival=rnd.choice(["ordered", "shuffled", "late", "backwards", "at_once"]),
        rates={
            name: rnd.choice(_PROBABILITIES[1:] if name in _OFTEN else (0.0, 0.0, 0.03) if calm else _PROBABILITIES)
            * (0.3 if name in _SELDOM else 1)
            for name in HAPPENINGS
        },
    )
