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
# So many cases are feeds of two formats.
TWO_FORMATS = 0.1
_PAIRS = (
    *(("velib_app", "nextbike"), ("nextbike", "velib_app")),
    *(("velib_app", "velib_opendata"), ("velib_opendata", "velib_app")),
)
_PROBABILITIES = (0.0, 0.03, 0.12, 0.35)
_OFTEN = ("hop", "leave", "come_back")
# Each of these makes a whole file unacceptable, or nearly always does in a network so small.
_SELDOM = ("broken", "contradiction", "bikes_unlisted")


@dataclass(frozen=True)
class Shape:
    """The size of a case and how often each thing happens in it, as a probability a snapshot."""

    formats: tuple[str, ...]  # one, or two where the feed changes its format
    switch_at: int  # of two formats: the snapshot with which the second begins; 0: they take turns
    stations: int
    bikes: int
    snapshots: int
    cadence: int  # seconds
    jitter: int  # seconds, at most
    season: str  # "plain", or the hours round a clock change: "october", "march"
    naming: str  # how file names state the time: "utc", "z", "zone" (_CEST, _CET), "local" (nothing), "mixed"
    arrival: str  # how the files are spread over the steps of a history
    rates: dict[str, float]

    def format_at(self, tick: int) -> str:
        """The format of a snapshot, by its number."""
        first, last = self.formats[0], self.formats[-1]
        return (last if tick >= self.switch_at else first) if self.switch_at else self.formats[tick % len(self.formats)]


def shape_of(prove_seed: int, number: int) -> Shape:
    """The shape of the case with this number."""
    rnd = random.Random(f"{prove_seed} {number} shape")
    cadence = rnd.choice([60, 60, 300, 300, 900, 900, 2700])
    # A bike has to be away for a day without a gap to be in maintenance for that.
    snapshots = rnd.randint(33, 40) if cadence == 2700 else rnd.choice([3, 4, rnd.randint(5, 25), rnd.randint(5, 25)])
    calm = rnd.random() < 0.25
    only = rnd.choice(["velib_app", "velib_app", "nextbike"])
    turns = random.Random(f"{prove_seed} {number} formats")
    changes = turns.random() < TWO_FORMATS
    return Shape(
        formats=turns.choice(_PAIRS) if changes else (only,),
        switch_at=turns.choice([0, turns.randrange(1, snapshots)]) if changes else 0,
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
