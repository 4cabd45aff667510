"""The parameters of a city. Everything a run depends on is in here: two equal configs give the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
MOST_STATIONS = 4_000


@dataclass(frozen=True)
class CityConfig:
    """Sizes and faults of a city; the defaults are Paris for a day."""

    snapshots: int = 1440
    bikes: int = 15_000
    stations: int = 1_485
    start: datetime = datetime(2026, 6, 2)  # noqa: DTZ001 (local by definition)
    """Local Paris time, without zone."""
    seed: int = 7
    every: int = 60
    """Seconds between the nominal times of two snapshots."""
    dropouts: int = 0
    """How many times a station drops out of the feed for a while."""
    twice: float = 0.0
    """The chance, at each snapshot, that some bike begins to be listed at a second station."""

    def __post_init__(self) -> None:
        for name, least in (("snapshots", 1), ("bikes", 1), ("stations", 2), ("every", 1), ("dropouts", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, not {getattr(self, name)}")
        if self.stations > MOST_STATIONS:
            raise ValueError(f"stations must be at most {MOST_STATIONS}: a commune has no more than 99 codes")
        if not 0 <= self.twice <= 1:
            raise ValueError(f"twice is a chance between 0 and 1, not {self.twice}")
        if self.start.tzinfo is not None:
            raise ValueError("start is local Paris time and carries no time zone")

    @property
    def start_epoch(self) -> int:
        """The nominal time of the first snapshot, in epoch seconds."""
        return int(self.start.replace(tzinfo=PARIS).timestamp())

    def nominal(self, index: int) -> int:
        """The nominal time of snapshot `index`: elapsed time counts, so the grid runs on through a clock change."""
        return self.start_epoch + index * self.every


def utc(epoch: int) -> datetime:
    """Epoch seconds as an aware UTC datetime."""
    return datetime.fromtimestamp(epoch, UTC)
