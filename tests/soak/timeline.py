"""What goes wrong, and when: minutes of the fast clock, for a soak of six hours; shorter ones are scaled."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Event(NamedTuple):
    """At a minute: `feed` begins to answer so (None: well again); a kill or stop of whom; a clock set by seconds."""

    minute: float
    what: Literal["feed", "kill", "stop", "set clock"]
    value: str | int | None


HOURS = 6

TIMELINE = (
    Event(20, "feed", "500"),
    Event(45, "feed", None),  # 25 minutes: an interruption
    Event(60, "kill", "collector"),
    Event(80, "feed", "any"),
    Event(140, "feed", None),  # an hour of everything that can go wrong: a gap
    Event(155, "stop", "database"),  # a restart in good order
    Event(180, "kill", "dagster"),
    Event(200, "set clock", -420),
    Event(225, "set clock", 420),
    Event(240, "kill", "database"),  # a crash
    Event(260, "feed", "busy"),
    Event(270, "feed", None),
    Event(290, "kill", "run"),  # what loads or builds at that moment
    Event(310, "kill", "collector"),
    Event(311, "kill", "dagster"),
    Event(312, "kill", "database"),  # a power cut, nearly
)


def timeline(hours: float) -> list[Event]:
    return [event._replace(minute=event.minute * hours / HOURS) for event in TIMELINE]
