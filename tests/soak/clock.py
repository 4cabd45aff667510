"""A wall clock that runs faster than the machine's, and that may be set while it runs: shared by all sides through a small file."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from velib.collecting.clock import Clock


@dataclass(frozen=True)
class Speed:
    """`factor` seconds pass for one of the machine's. Where it shows `begins_at`, the machine's clock showed `began_at`.

    `ahead` is by how many seconds somebody has set it forward since (or back, below 0).
    """

    factor: float
    began_at: float
    begins_at: float
    ahead: float = 0.0

    def now(self) -> float:
        return self.passed() + self.begins_at + self.ahead

    def passed(self) -> float:
        """Seconds since the beginning, whatever it was set to."""
        return (time.time() - self.began_at) * self.factor

    def write(self, path: Path) -> None:
        partial = path.with_suffix(".tmp")
        partial.write_text(json.dumps(asdict(self)))
        os.replace(partial, path)

    @staticmethod
    def read(path: Path) -> Speed:
        return Speed(**json.loads(path.read_text()))


class FastClock(Clock):
    """What the collector sees of time."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def now(self) -> float:
        return Speed.read(self._path).now()

    def monotonic(self) -> float:
        return Speed.read(self._path).passed()

    def sleep(self, seconds: float) -> bool:
        return super().sleep(seconds / Speed.read(self._path).factor)
