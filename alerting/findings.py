"""What a rule finds when it looks: one finding for each subject (a station, a district, a feed, …) that is worth a word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Verdict(StrEnum):
    """What is so of a subject. One that is not found is well: its incident is over."""

    HOLDS = "holds"  # opens an incident
    LINGERS = "lingers"  # so now, but not for long enough to open one; one that is open stays open
    UNKNOWN = "unknown"  # nothing is known of it now: what is open stays so, what is closed too


@dataclass(frozen=True)
class Finding:
    """A subject with its verdict. `label` is how people call it, `fact` what to say of it, `since` when it began."""

    subject: str
    verdict: Verdict
    label: str
    fact: str = ""
    since: datetime | None = None


def span(length: timedelta) -> str:
    """A length of time in words: 45 min, 2 h, 3 d."""
    minutes = round(length.total_seconds() / 60)
    if minutes < 60 or (minutes < 120 and minutes % 60):
        return f"{minutes} min"
    hours = minutes / 60
    return f"{hours:.3g} h" if hours < 72 else f"{hours / 24:.3g} d"
