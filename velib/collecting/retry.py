"""Trying again: how long to wait after which failure, and when to give up. Asking is client.py's business."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TypeVar

from velib.collecting.client import FetchError
from velib.collecting.clock import Clock

# No server is believed that it must be left alone for longer than this: it would be a gap that nobody wanted.
LONGEST_RETRY_AFTER = 3600.0

T = TypeVar("T")


def parse_retry_after(value: str | None, now: float) -> float | None:
    """The seconds that a header `Retry-After` asks to wait, from 0 to LONGEST_RETRY_AFTER; None where it says nothing.

    It holds seconds, or a date, which lies `now` or later, else in the past and means 0.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        # Python refuses to read numbers of thousands of digits.
        return min(float(text[:12]), LONGEST_RETRY_AFTER) if len(text) <= 12 else LONGEST_RETRY_AFTER
    try:
        date = parsedate_to_datetime(text)
        if date.tzinfo is None:  # "-0000", as some write UTC
            date = date.replace(tzinfo=UTC)
        wait = date.timestamp() - now
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(0.0, wait), LONGEST_RETRY_AFTER)


@dataclass(frozen=True)
class Retrying:
    """Exponential backoff with full jitter: before try n a random part of `base` x 2^n, at most `longest`."""

    tries: int = 4
    base: float = 1.0
    longest: float = 20.0
    chance: Callable[[float, float], float] = field(default=random.uniform)

    def pause(self, failures: int) -> float:
        """How long to wait after so many failures in a row."""
        return self.chance(0.0, min(self.longest, self.base * 2.0 ** min(failures, 30)))

    def call(self, ask: Callable[[], T], clock: Clock, deadline: float) -> T:
        """What `ask` answers, at the first try that is answered. Ends before `deadline` (monotonic).

        A server that says when to come again is taken at its word: the next try is then, or none is made, and the
        error says how long is still to be waited.
        """
        failures = 0
        while True:
            try:
                return ask()
            except FetchError as error:
                failures += 1
                if not error.is_passing or failures >= self.tries:
                    raise
                pause = self.pause(failures) if error.retry_after is None else error.retry_after
                if clock.monotonic() + pause >= deadline or not clock.sleep(pause):
                    raise
