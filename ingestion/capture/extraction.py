"""A span of snapshots read into change sets: the work of one worker process, the same work without one.

A worker gets the whole timeline of the batch and the span that is its own. It starts from the nearest acceptable
snapshot before the span and walks forward. Whether a file is acceptable depends on that file alone, so two workers
never disagree. No database here: what comes out is Arrow tables and the outcomes that are not snapshots.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

import xxhash

from ingestion.capture import arrow_tables
from ingestion.capture.network_state import NetworkState, Reading
from ingestion.capture.timeline import LoadedSnapshot, Slot
from ingestion.formats import FORMATS, Format, FormatError, detect
from ingestion.landing.capture_time import EARLIEST, LATEST, PARIS, UnknownZoneError, from_name, is_plausible
from ingestion.landing.decompression import content
from ingestion.landing.files import LandingFile, UnreadableFile
from ingestion.landing.landing_zone import read
from ingestion.landing.read_ahead import ReadAhead

# A file changed so short a time before it was read may change again within its time stamp's grain: such a stamp is not
# kept, and the next load compares the content instead (as git does with its index).
RACY_NANOSECONDS = 2_000_000_000

# How many slots before its span a worker reads in search of one that counts. More cannot count only where a collector kept
# thousands of error pages, and then every span would read all of them again.
MAX_STEPS_BACK = 64
# A detail is read in a line of a table; the longest holds a path, which may have 2,000 characters before they are escaped.
MAX_DETAIL_LENGTH = 2500


@dataclass(frozen=True)
class Expected:
    """What every file of a batch is taken for: its feed, its format unless its content shows another, and how large it may be."""

    feed: str
    format_name: str
    max_bytes: int
    feed_is_forced: bool = False
    format_is_forced: bool = False
    time_zone: ZoneInfo = PARIS
    name_time: str | None = None
    not_after: datetime = LATEST  # what was captured later cannot have been yet


@dataclass(frozen=True)
class Quarantined:
    """A file that cannot count, and why."""

    file: LandingFile
    content_hash: str
    reason: str
    detail: str
    feed: str | None = None
    captured_at: datetime | None = None


@dataclass(frozen=True)
class Duplicate:
    """A file with the content of the snapshot that counts for its capture time."""

    file: LandingFile
    content_hash: str
    feed: str
    captured_at: datetime


@dataclass(frozen=True)
class Misplaced:
    """A file of another feed than the batch's, or of another time by now: to be planned again where it belongs."""

    file: LandingFile
    captured_at: datetime
    feed: str
    format_name: str


@dataclass(frozen=True)
class Inspected:
    """What a file says of itself, without being compared with another."""

    file: LandingFile
    captured_at: datetime | None  # None: the payload states no time
    feed: str
    format_name: str


@dataclass
class SpanResult:
    """What a span came to. `tables` holds Arrow IPC by table (see ingestion.capture.arrow_tables)."""

    tables: dict[str, bytes] = field(default_factory=dict)
    snapshots: int = 0
    changes: int = 0
    quarantined: list[Quarantined] = field(default_factory=list)
    duplicates: list[Duplicate] = field(default_factory=list)
    misplaced: list[Misplaced] = field(default_factory=list)
    unchanged: list[LandingFile] = field(default_factory=list)
    loaded_paths: list[str] = field(default_factory=list)
    # Loaded snapshots whose file is gone or rewritten: the span has to be done again with their content (Slot.content).
    needs_content: list[int] = field(default_factory=list)
    # The snapshots before the span's first and at its end, as (capture time, content hash). Two workers read the file
    # at their border; one that vanished or changed in between would break the chain without a trace.
    starts_after: tuple[datetime, str] | None = None
    ends_at: tuple[datetime, str] | None = None
    # The slot of `ends_at`, -1 where there is none.
    ends_index: int = -1
    # So many files before the span cannot count that the search for its neighbour was given up: to be done with `after`.
    needs_neighbour: bool = False


@dataclass(frozen=True)
class _Payload:
    file: LandingFile
    data: bytes
    content_hash: str


@dataclass(frozen=True)
class _Winner:
    """The content that counts for a slot: a new file's, or the loaded snapshot's."""

    reading: Reading
    payload: _Payload | None  # None: content rebuilt from the change sets
    is_new: bool


class _MissingContentError(Exception):
    """A loaded snapshot's file is gone or rewritten."""


def content_hash(payload: bytes) -> str:
    """The identity of a payload, decompressed: XXH3, 128 bits, as 32 hex digits."""
    return xxhash.xxh3_128_hexdigest(payload)


def extract_span(
    slots: Sequence[Slot], start: int, stop: int, expected: Expected, after: int | None = None
) -> SpanResult:
    """Read the slots `start` to `stop` into change sets. Raises nothing for what files can do wrong.

    `after` is the slot of the snapshot before them, where that is known (-1: there is none); else it is looked for.
    """
    return _Span(slots, start, stop, expected, after).run()


def settle_pruned(slots: Sequence[Slot], expected: Expected, through: datetime) -> SpanResult:
    """Of the slots up to `through`, whose change sets are pruned: what is loaded is known, and nothing else can count.

    What a new content changed could no longer be told, neither of it nor of what came after.
    """
    span = _Span(slots, 0, 0, expected, None)
    result = span.result
    for slot in slots:
        for candidate in slot.candidates:
            if span.is_loaded(slot, candidate):
                continue
            found = span.accept(slot, candidate)
            if found is None:
                continue
            file, digest = found.file, found.content_hash
            why = f"the change sets up to {through:%Y-%m-%d %H:%M:%S} UTC are pruned: nothing captured by then can be added"
            result.quarantined.append(Quarantined(file, digest, "pruned", why, expected.feed, slot.captured_at))
    return result


def inspect(file: LandingFile, max_bytes: int, format_name: str | None) -> Inspected | Quarantined:
    """Read a file for its feed, format and stated time: of a file whose name has no time, and of a batch's first."""
    digest = ""
    try:
        data, file = _read(file, max_bytes)
        digest = content_hash(data)
        found = FORMATS[format_name] if format_name else detect(data)
        return Inspected(file, found.captured_at(data), found.feed(data), found.name)
    except (UnreadableFile, FormatError) as error:
        return _quarantined(file, digest, error, None, None)


def unknown_zone(file: LandingFile, what: str, feed: str | None, captured_at: datetime | None = None) -> Quarantined:
    """A file whose name states a zone that is not understood. What it holds does not matter."""
    ways = "--time-zone of a place that has it reads it, --name-time with a pattern that leaves it out takes the time for local"
    return Quarantined(file, "", "unknown_zone", f"{_one_line(what)}: {ways}", feed, captured_at)


def _quarantined(
    file: LandingFile, digest: str, error: UnreadableFile | FormatError, feed: str | None, captured_at: datetime | None
) -> Quarantined:
    if isinstance(error, UnreadableFile):
        if error.reason in (
            "unreadable",
            "broken_member",
        ):  # it may be readable the next time, with the same size and stamp
            file = file._replace(modified_ns=None)
        return Quarantined(file, digest, error.reason, error.detail, feed, captured_at)
    return Quarantined(file, digest, error.reason, str(error), feed, captured_at)


class _Span:
    def __init__(self, slots: Sequence[Slot], start: int, stop: int, expected: Expected, after: int | None) -> None:
        self.slots, self.start, self.stop, self.expected = slots, start, stop, expected
        self.after = after
        self.format: Format = FORMATS[expected.format_name]
        self.result = SpanResult()
        self.rows = arrow_tables.ChangeSetRows(expected.feed)
        files = [file for slot in slots[start:stop] for file in slot.candidates]
        self.ahead = ReadAhead(files, expected.max_bytes)

    def run(self) -> SpanResult:
        with self.ahead:
            return self._run()

    def _run(self) -> SpanResult:
        previous, state = self._before_span()
        self.result.ends_at = self.result.starts_after
        if self.result.needs_content or self.result.needs_neighbour:
            return self.result
        for index in range(self.start, self.stop):
            slot = self.slots[index]
            try:
                winner = self._settle(slot, state, report=True)
            except _MissingContentError:
                self.result.needs_content.append(index)
                break
            if winner is None:
                continue
            changes, counts = state.advance(winner.reading)
            if winner.payload is None:
                counts = _loaded(slot).counts
            digest = winner.payload.content_hash if winner.payload else _loaded(slot).content_hash
            self.result.ends_at, self.result.ends_index = (slot.captured_at, digest), index
            # A loaded snapshot is written again only when its neighbour before is a new one.
            if winner.is_new or (previous is not None and previous[1]):
                source = winner.payload.file if winner.payload else _loaded(slot).file
                self.rows.add(
                    slot.change_set_id,
                    slot.captured_at,
                    previous[0] if previous else None,
                    winner.reading.format.name if winner.is_new else _loaded(slot).format_name,
                    source,
                    digest,
                    counts,
                    changes,
                )
                if winner.is_new:
                    self.result.snapshots += 1
                    self.result.loaded_paths.append(source.path)
                self.result.changes += len(changes.stations) + len(changes.attributes) + len(changes.bikes)
            previous = (slot.captured_at, winner.is_new)
        if not self.result.needs_content:
            self.result.tables = self.rows.to_ipc()
        return self.result

    def is_loaded(self, slot: Slot, file: LandingFile) -> bool:
        """Whether a file holds the loaded snapshot of its slot: then that is noted, and nothing of it is parsed."""
        if slot.loaded is None:
            return False
        try:
            data, file = _read(file, self.expected.max_bytes)
        except UnreadableFile:
            return False
        digest = content_hash(data)
        if slot.loaded.content_hash != digest:
            return False
        if slot.loaded.file.path == file.path:
            self.result.unchanged.append(file)
        else:
            self.result.duplicates.append(Duplicate(file, digest, self.expected.feed, slot.captured_at))
        return True

    def accept(self, slot: Slot, file: LandingFile) -> _Payload | None:
        """A file on its own, where it is acceptable; else the result says why not."""
        found = self._read_candidate(slot, file, NetworkState(self.format), report=True)
        return None if found is None else found[0]

    def _before_span(self) -> tuple[tuple[datetime, bool] | None, NetworkState]:
        """The nearest acceptable snapshot before the span, as (capture time, is new) and state."""
        state = NetworkState(self.format)
        first = self.start - 1 if self.after is None else self.after
        for index in range(first, -1, -1):
            if first - index >= MAX_STEPS_BACK:
                self.result.needs_neighbour = True
                break
            slot = self.slots[index]
            try:
                winner = self._settle(slot, state, report=False)
            except _MissingContentError:
                self.result.needs_content.append(index)
                break
            if winner is not None:
                state.advance(winner.reading)
                digest = winner.payload.content_hash if winner.payload else _loaded(slot).content_hash
                self.result.starts_after, self.result.ends_index = (slot.captured_at, digest), index
                return (slot.captured_at, winner.is_new), state
        return None, state

    def _settle(self, slot: Slot, state: NetworkState, report: bool) -> _Winner | None:
        """Decide which content counts for a capture time. `report` says whether this span is the one to tell of it."""
        if not slot.candidates:
            return self._loaded_content(slot, state)
        accepted: list[tuple[_Payload, Reading]] = []
        for file in slot.candidates:
            found = self._read_candidate(slot, file, state, report)
            if found is not None:
                accepted.append(found)
        loaded = slot.loaded
        unchanged: Reading | None = None
        own: tuple[_Payload, Reading] | None = None
        if loaded is not None:
            # The loaded snapshot's own file, read again: with the same content nothing is new; rewritten, it counts by its
            # new content; unreadable now, it is not here and the old content stays: a damaged file takes nothing away.
            own = next((pair for pair in accepted if pair[0].file.path == loaded.file.path), None)
            if own is not None and own[0].content_hash == loaded.content_hash:
                accepted.remove(own)
                unchanged = own[1]
            elif own is not None:
                loaded = None
        accepted.sort(key=lambda pair: (pair[0].content_hash, pair[0].file.path))
        if loaded is not None and (not accepted or loaded.content_hash <= accepted[0][0].content_hash):
            if report:
                if own is not None:
                    self.result.unchanged.append(own[0].file)
                for payload, _ in accepted:
                    self._report_loser(slot, payload, loaded.content_hash, loaded.file.path)
            if accepted and loaded.content_hash == accepted[0][0].content_hash:
                unchanged = accepted[0][1]
            return self._kept(slot, unchanged) if unchanged is not None else self._loaded_content(slot, state)
        if not accepted:
            return None
        best, reading = accepted[0]
        if report:
            for payload, _ in accepted[1:]:
                self._report_loser(slot, payload, best.content_hash, best.file.path)
            if loaded is not None:
                lost = own[0] if own is not None else _Payload(loaded.file, b"", loaded.content_hash)
                self._report_loser(slot, lost, best.content_hash, best.file.path)
        return _Winner(reading, best, is_new=True)

    def _read_candidate(
        self, slot: Slot, file: LandingFile, state: NetworkState, report: bool
    ) -> tuple[_Payload, Reading] | None:
        digest = ""
        try:
            data, file = _read(file, self.expected.max_bytes, self.ahead)
            digest = content_hash(data)
            found = self.format if self.expected.format_is_forced else detect(data)
            named = self.expected.feed if self.expected.feed_is_forced else found.feed(data)
            captured_at = self._captured_at(slot, file, data, found)
            if (named, captured_at) != (self.expected.feed, slot.captured_at):
                if report:
                    self.result.misplaced.append(Misplaced(file, captured_at, named, found.name))
                return None
            if not is_plausible(captured_at):
                years = f"{EARLIEST.year} to {LATEST.year - 1}"
                message = f"the stated time of capture, {captured_at.isoformat()}, lies outside {years}"
                raise FormatError("implausible_capture_time", message)
            if captured_at > self.expected.not_after:
                message = (
                    f"the stated time of capture, {captured_at.isoformat()}, is yet to come; it is looked at again then"
                )
                raise FormatError("from_the_future", message)
            return _Payload(file, data, digest), state.read(data, found)
        except (UnreadableFile, FormatError) as error:
            if report:
                feed = self.expected.feed if digest else None
                self.result.quarantined.append(_quarantined(file, digest, error, feed, slot.captured_at))
        except UnknownZoneError as error:
            if report:
                refused = unknown_zone(file, str(error), self.expected.feed, slot.captured_at)
                self.result.quarantined.append(refused)
        return None

    def _captured_at(self, slot: Slot, file: LandingFile, data: bytes, found: Format) -> datetime:
        """The file's time once more: one whose name states none may have been rewritten since it was put in order."""
        named = from_name(file.path, self.expected.time_zone, self.expected.name_time)
        return named or found.captured_at(data) or slot.captured_at

    def _report_loser(self, slot: Slot, payload: _Payload, winning_hash: str, winning_path: str) -> None:
        if payload.content_hash == winning_hash:
            self.result.duplicates.append(
                Duplicate(payload.file, payload.content_hash, self.expected.feed, slot.captured_at)
            )
            return
        self.result.quarantined.append(
            Quarantined(
                payload.file,
                payload.content_hash,
                "conflicting_capture_time",
                _one_line(f"another content has the same capture time and counts: {winning_path}"),
                self.expected.feed,
                slot.captured_at,
            )
        )

    def _kept(self, slot: Slot, reading: Reading) -> _Winner:
        """The loaded snapshot, by a reading of the same content."""
        loaded = _loaded(slot)
        return _Winner(reading, _Payload(loaded.file, b"", loaded.content_hash), is_new=False)

    def _loaded_content(self, slot: Slot, state: NetworkState) -> _Winner:
        loaded = _loaded(slot)
        if slot.content is not None:
            return _Winner(Reading.of_stations(self.format, slot.content), None, is_new=False)
        try:
            data, _ = _read(loaded.file, self.expected.max_bytes)
            if content_hash(data) != loaded.content_hash:
                raise _MissingContentError
            reading = state.read(data, FORMATS[loaded.format_name])
            return _Winner(reading, _Payload(loaded.file, data, loaded.content_hash), is_new=False)
        except (UnreadableFile, FormatError):
            raise _MissingContentError from None


def _one_line(detail: str) -> str:
    """A detail with a path in it: a file's name may hold line breaks, and whatever a terminal obeys."""
    shown = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in detail)
    return shown if len(shown) <= MAX_DETAIL_LENGTH else f"{shown[: MAX_DETAIL_LENGTH - 1]}…"


def _loaded(slot: Slot) -> LoadedSnapshot:
    assert slot.loaded is not None, "a slot without candidates holds a loaded snapshot"
    return slot.loaded


def _read(file: LandingFile, max_bytes: int, ahead: ReadAhead | None = None) -> tuple[bytes, LandingFile]:
    """The payload, and the file with a time stamp only where that can be trusted."""
    read_at = time.time_ns()
    if ahead is not None and (taken := ahead.take(file)) is not None:
        read_at, data = taken[0], content(taken[1], max_bytes)
    else:
        data = read(file, max_bytes)
    if file.modified_ns is not None and read_at - file.modified_ns < RACY_NANOSECONDS:
        file = file._replace(modified_ns=None)
    return data, file
