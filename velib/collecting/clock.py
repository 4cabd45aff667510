"""Time as collecting sees it, in one place, so that a test can stand in for it."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime


class Clock:
    """The machine's clocks, and a sleep that ends early when everything is to end."""

    def __init__(self) -> None:
        self._ending = threading.Event()

    def now(self) -> float:
        """The wall clock: seconds since 1970, which may jump."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that only ever grow, from no particular beginning."""
        return time.monotonic()

    def sleep(self, seconds: float) -> bool:
        """Sleep. False when it was cut short because everything is to end."""
        return not self._ending.wait(max(0.0, seconds))

    def end(self) -> None:
        """Wake all who sleep, for good."""
        self._ending.set()

    @property
    def is_ending(self) -> bool:
        return self._ending.is_set()

    def utc(self) -> datetime:
        """The wall clock as an aware time, to the second, as file names have it."""
        return datetime.fromtimestamp(int(self.now()), UTC)
