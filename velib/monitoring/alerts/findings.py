"""What a rule finds when it looks: one finding for each subject (a station, a district, a feed, …) that is worth a word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
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
