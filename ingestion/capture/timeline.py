"""The order of a batch: new files and the loaded snapshots next to them, by capture time.

A change set depends on a snapshot and its neighbour before, so a batch needs of the database only the neighbours of its
new files. Types and pure functions only: what the database knows comes in as `LoadedSnapshot`s, the files are read
elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ingestion.capture.network_state import Counts
from ingestion.formats.model import Station
from ingestion.landing.files import LandingFile


@dataclass(frozen=True)
class LoadedSnapshot:
    """A snapshot that counts in raw.snapshots at this moment."""

    feed: str
    captured_at: datetime
    previous_at: datetime | None
    change_set_id: int
    file: LandingFile
    content_hash: str
    format_name: str
    counts: Counts


@dataclass
class Slot:
    """One capture time of one feed: the files that claim it, and the snapshot that is loaded for it, if any.

    `change_set_id` is the identity of the change set this batch would write for it. `content` stands in for the loaded
    snapshot's file when that is gone.
    """

    captured_at: datetime
    candidates: list[LandingFile] = field(default_factory=list)
    loaded: LoadedSnapshot | None = None
    change_set_id: int = 0
    content: list[Station] | None = None


def arrange(
    candidates: Iterable[tuple[datetime, LandingFile]], neighbours: Iterable[LoadedSnapshot], first_change_set_id: int
) -> list[Slot]:
    """Slots in order of capture time, each with a change set id of its own, in the same order.

    A loaded snapshot whose own file is among the candidates has been rewritten: its old content no longer counts.
    """
    slots: dict[datetime, Slot] = {}
    for captured_at, file in candidates:
        slots.setdefault(captured_at, Slot(captured_at)).candidates.append(file)
    for loaded in neighbours:
        slot = slots.setdefault(loaded.captured_at, Slot(loaded.captured_at))
        slot.loaded = loaded
    ordered = sorted(slots.values(), key=lambda slot: slot.captured_at)
    for index, slot in enumerate(ordered):
        slot.change_set_id = first_change_set_id + index
        slot.candidates.sort(key=lambda file: file.path)
    return ordered


def spans(slots: Sequence[Slot], length: int) -> Iterator[tuple[int, int]]:
    """Cut the slots into half-open index ranges of at most `length`, each one worker's share."""
    for start in range(0, len(slots), length):
        yield start, min(start + length, len(slots))
