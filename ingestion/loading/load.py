"""`load`: files of the landing zone into the raw schema, a batch at a time.

A batch is: take the load lock, leave out what is known, put the new files in order beside their loaded neighbours, read
spans of them in parallel, write all of it in one dlt load, note what became of the rest. Whatever kills it, the batches
completed before stand and the next load does the rest.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pyarrow as pa

from ingestion.capture.arrow_tables import from_ipc
from ingestion.capture.extraction import (
    Expected,
    Inspected,
    Quarantined,
    SpanResult,
    extract_span,
    inspect,
    settle_pruned,
    unknown_zone,
)
from ingestion.capture.timeline import Slot, arrange, spans
from ingestion.formats import FORMATS
from ingestion.landing import feed_name, landing_zone
from ingestion.landing.bucket import Part, walk
from ingestion.landing.capture_time import READ, UnknownZoneError, check_pattern, from_name
from ingestion.landing.files import LandingFile
from ingestion.landing.landing_zone import list_files, no_longer_closed
from ingestion.landing.links import Links
from ingestion.landing.store import is_in_bucket
from ingestion.loading import catalog, raw_schema, settled_folders
from ingestion.loading.catalog import NameReading
from ingestion.loading.dlt_source import load_tables, work_folder
from ingestion.loading.origins import LEAST_FILES, Mixture, mixtures
from ingestion.loading.rebuilding import rebuild_snapshot
from ingestion.loading.workers import worker_pool
from velib.core import settings
from velib.core.errors import UsageError, VelibError
from velib.postgres.database import connect, database_url

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

# A file may be this large, decompressed; Paris is 4 MB.
DEFAULT_MAX_BYTES = 256 * 1024 * 1024
# Files a dlt load: large enough that dlt's fixed cost of about a second does not count, small enough to lose little.
DEFAULT_BATCH_FILES = 4096
# Slots a worker takes at once, at most. It reads and parses one snapshot more, some 15 times the work of a following one.
SPAN = 384
# Below this many files starting processes costs more than it saves.
MIN_FILES_FOR_WORKERS = 24

_CHANGED = "files changed while they were read; nothing of this batch counts, load again"

Progress = Callable[[int], None]


@dataclass(frozen=True)
class LoadOptions:
    """How to read the files. `feed` and `format_name` force what is otherwise found from the payload."""

    feed: str | None = None
    format_name: str | None = None
    time_zone: ZoneInfo = field(default_factory=settings.time_zone)
    name_time: str | None = field(default_factory=settings.name_time)
    max_ahead: timedelta = field(default_factory=settings.max_ahead)
    max_bytes: int = DEFAULT_MAX_BYTES
    batch_files: int = DEFAULT_BATCH_FILES
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    relist: bool = False  # of object storage every folder, settled or not
    follow_links: bool = field(default_factory=settings.follow_links)

    @property
    def read_as(self) -> str:
        """The options that decide whether a file is accepted: with others, a quarantined one deserves another look."""
        times = f"zone={self.time_zone.key} name={self.name_time} ahead={self.max_ahead.total_seconds():g}"
        return f"feed={self.feed} format={self.format_name} {times} limit={self.max_bytes}"


@dataclass
class LoadSummary:
    """What a load came to, in files; `changes` are rows of the change sets, `seconds` the whole of it."""

    files: int = 0
    new: int = 0
    known: int = 0
    duplicates: int = 0
    quarantined: list[Quarantined] = field(default_factory=list)
    still_quarantined: int = 0
    mixed: list[Mixture] = field(default_factory=list)
    refused_links: list[str] = field(default_factory=list)
    changes: int = 0
    seconds: float = 0.0
    load_ids: list[str] = field(default_factory=list)

    @property
    def skipped(self) -> int:
        """Files that were loaded before, or hold what was."""
        return self.known + self.duplicates

    @property
    def ms_per_snapshot(self) -> float | None:
        """Milliseconds a new snapshot, None where there was none."""
        return 1000 * self.seconds / self.new if self.new else None


@dataclass(frozen=True)
class _Candidate:
    """A file to be read, with what is known of it so far. `feed_is_given`: by the user or its folder, whatever it holds.

    `unknown_zone` says what its name states of a zone that is not understood: then its time is not known, whatever it holds.
    """

    file: LandingFile
    captured_at: datetime | None
    feed: str | None = None
    format_name: str | None = None
    feed_is_given: bool = False
    unknown_zone: str | None = None

    @classmethod
    def of(cls, file: LandingFile, options: LoadOptions) -> _Candidate:
        feed = options.feed or feed_name.from_path(file.path)
        captured_at, unknown_zone = None, None
        try:
            captured_at = from_name(file.path, options.time_zone, options.name_time)
        except UnknownZoneError as error:
            unknown_zone = str(error)
        return cls(file, captured_at, feed, options.format_name, feed is not None, unknown_zone)


def load(
    paths: Sequence[str],
    options: LoadOptions | None = None,
    on_listed: Progress | None = None,
    on_progress: Progress | None = None,
    on_wait: Callable[[], None] | None = None,
) -> LoadSummary:
    """Load folders, globs and files. `on_progress` gets how many more files are dealt with.

    `on_listed` gets the number of files: once, or of object storage, which is listed in parts, the number so far.

    Raises VelibError when a path does not exist or the database cannot be written.
    """
    options = options or LoadOptions()
    if options.format_name is not None and options.format_name not in FORMATS:
        raise UsageError(f"unknown format {options.format_name}: one of {', '.join(FORMATS)}")
    if options.name_time is not None:
        try:
            check_pattern(options.name_time)
        except ValueError as error:
            raise UsageError(f"no time can be read by --name-time {options.name_time}: {error}") from None
    started = time.monotonic()
    summary = LoadSummary()
    local = [path for path in paths if not is_in_bucket(path)]
    links = Links(local, options.follow_links)
    here = [Part(list_files(local, links))] if local else []
    summary.refused_links = list(links.refused)
    url = database_url()
    with ExitStack() as stack:
        stack.enter_context(catalog.errors_in_one_line())
        connection = connect("velib load", autocommit=True)
        stack.callback(connection.close)
        raw_schema.ensure(connection)
        if opened := no_longer_closed(catalog.closed(connection), paths):
            catalog.resolve_loaded(connection, opened, datetime.now(UTC))
        loader = _Loader(options, summary, connection, url, stack, on_progress or (lambda files: None))
        for part in chain(here, _in_buckets(paths, connection, options)):
            candidates = _in_order(part, options)
            summary.files += len(candidates)
            if on_listed:
                on_listed(summary.files)
            loader.refuse_second_times(candidates)  # before anything is loaded, and again in each batch's lock
            for start in range(0, len(candidates), options.batch_files):
                with catalog.exclusive(connection, on_wait):
                    loader.load_batch(candidates[start : start + options.batch_files])
            settled_folders.remember(connection, part.folders, loader.out_of_reach, options.read_as)
        # A live load of a file or two cannot show it, and does not pay for the look.
        if summary.new + len(summary.quarantined) >= LEAST_FILES:
            summary.mixed = mixtures(connection)
    summary.seconds = time.monotonic() - started
    return summary


def _in_buckets(paths: Sequence[str], connection: Connection, options: LoadOptions) -> Iterator[Part]:
    """What is to be loaded from object storage, a part at a time: the next one is listed when the one before is loaded."""
    urls = [path for path in paths if is_in_bucket(path)]
    if not urls:
        return
    known = frozenset[str]() if options.relist else settled_folders.folders(connection, options.read_as)
    for url in urls:
        yield from walk(url, known.__contains__)


def _in_order(part: Part, options: LoadOptions) -> list[_Candidate]:
    """The files of a part by capture time. Those without one in their name come last: they have to be read to be put in order."""
    latest = datetime.max.replace(tzinfo=UTC)
    candidates = [_Candidate.of(file, options) for file in part.files]
    return sorted(candidates, key=lambda each: (each.captured_at or latest, each.file.path))


def _second_time(path: str, at: datetime, reading: NameReading, now: datetime | None) -> str:
    """One line on a file that would count at two times."""
    before = f"--time-zone {reading.time_zone}"
    if reading.name_time is not None:
        before += f" --name-time {reading.name_time!r}"
    would = "at no time" if now is None else f"at {now:%Y-%m-%d %H:%M:%S} UTC as well"
    return (
        f"{path} counts at {at:%Y-%m-%d %H:%M:%S} UTC ({before}) and would with these options count {would}; "
        "nothing of it was loaded: load with the options of before, or all files into another warehouse (VELIB_HOME)"
    )


class _Loader:
    def __init__(
        self,
        options: LoadOptions,
        summary: LoadSummary,
        connection: Connection,
        url: str,
        stack: ExitStack,
        on_progress: Progress,
    ) -> None:
        self.options, self.summary, self.connection, self.url = options, summary, connection, url
        self.stack, self.on_progress = stack, on_progress
        self._pool: Executor | None = None
        self._folder: Path | None = None
        self.out_of_reach: set[str] = set()  # files that could not be read, and are to be tried again
        self._not_after = datetime.now(UTC) + options.max_ahead
        self._again: set[str] = set()  # files looked at once more because of another: known, and counted already

    def load_batch(self, batch: Sequence[_Candidate]) -> None:
        self._again = set()
        self.refuse_second_times(batch)
        fresh = self._leave_out_known(batch)
        self.on_progress(len(batch) - len(fresh))
        fresh = self._find_times(fresh)
        planned: set[_Candidate] = set()
        while fresh:
            fresh = self._load_once(fresh)
            # One that is never what its last reading said would have us go on for ever.
            if not planned.isdisjoint(fresh):
                raise VelibError(_CHANGED)
            planned.update(fresh)

    def refuse_second_times(self, candidates: Sequence[_Candidate]) -> None:
        """Raise UsageError where one of these files counts at a time that its name stated with other options than today's.

        It would count twice. What states the same time either way is asked for nothing.
        """
        options = self.options
        others = catalog.other_readings(self.connection, options.time_zone.key, options.name_time)
        if not others:
            return
        read: dict[str, dict[datetime, NameReading]] = {}
        now = {each.file.path: each.captured_at for each in candidates}
        for each in others:
            zone = settings.time_zone(each.time_zone)
            for path, at in now.items():
                with suppress(UnknownZoneError):
                    then = from_name(path, zone, each.name_time)
                    if then is not None and then != at:
                        read.setdefault(path, {})[then] = each
        for path, times in catalog.times_of(self.connection, list(read)).items():
            moved = [at for at in times if at in read[path]]
            if moved and now[path] not in times:
                raise UsageError(_second_time(path, moved[0], read[path][moved[0]], now[path]))

    def _load_once(self, batch: Sequence[_Candidate]) -> list[_Candidate]:
        """Load the files in one dlt load. Returns those that have to wait for the next: for what this one adds to their feed."""
        results: list[SpanResult] = []
        waiting: list[_Candidate] = []
        first_id = catalog.next_change_set_ids(self.connection, 1)
        stream = self._change_sets(batch, results, waiting)
        first = next(stream, None)
        load_id = None
        if first is not None:
            load_id = load_tables(
                chain([first], stream),
                self.url,
                self._work_folder(),
                lambda begun: catalog.begin_load(self.connection, begun, first_id),
            )
            self.summary.load_ids.append(load_id)
        with catalog.transaction(self.connection):
            if load_id is not None:
                catalog.complete_load(self.connection, load_id)
                catalog.note_reading(self.connection, self.options.time_zone.key, self.options.name_time)
            for result in results:
                self._record(result)
        return waiting

    def _change_sets(
        self, batch: Sequence[_Candidate], results: list[SpanResult], waiting: list[_Candidate]
    ) -> Iterator[tuple[str, pa.Table]]:
        """The change sets of the batch, feed by feed. Files of a feed that turn up after it is done go to `waiting`."""
        done: set[str] = set()
        while batch:
            expected = self._expect(batch)
            if expected.feed in done:
                waiting += batch
                break
            done.add(expected.feed)
            mine = [each for each in batch if self._fits(each, expected)]
            rest = [each for each in batch if not self._fits(each, expected)]
            of_feed: list[SpanResult] = []
            yield from self._feed(mine, expected, of_feed)
            results += of_feed
            batch = rest + [
                _Candidate(each.file, each.captured_at, each.feed, each.format_name, expected.feed_is_forced)
                for result in of_feed
                for each in result.misplaced
            ]
        catalog.still_exclusive(self.connection)

    def _leave_out_known(self, batch: Sequence[_Candidate]) -> list[_Candidate]:
        known = catalog.known_files(self.connection, [each.file.path for each in batch])
        fresh: list[_Candidate] = []
        seen_again: list[str] = []
        for each in batch:
            before = known.get(each.file.path)
            read_otherwise = before is not None and before.is_quarantined and before.read_as != self.options.read_as
            has_come = before is not None and before.comes_at is not None and before.comes_at <= self._not_after
            if before is None or not before.is_same(each.file) or read_otherwise or has_come:
                fresh.append(each)
            elif before.is_quarantined:
                seen_again.append(each.file.path)
            else:
                self.summary.known += 1
        if seen_again:
            self.summary.still_quarantined += len(seen_again)
            catalog.see_again(self.connection, seen_again, datetime.now(UTC))
        return fresh

    def _find_times(self, batch: Sequence[_Candidate]) -> list[_Candidate]:
        """Read the files whose names have no time for the time their payload states."""
        timed = [each for each in batch if each.captured_at is not None]
        for each in batch:
            if each.captured_at is not None:
                continue
            found: Inspected | Quarantined
            if each.unknown_zone is not None:
                found = unknown_zone(each.file, each.unknown_zone, each.feed)
            else:
                found = inspect(each.file, self.options.max_bytes, each.format_name)
            if isinstance(found, Inspected) and found.captured_at is None:
                forms = f"{READ}, or " if self.options.name_time is None else ""
                why = f"neither the file's name nor its content states a time; of a name is read: {forms}what --name-time says"
                found = Quarantined(found.file, "", "no_capture_time", why, found.feed)
            if isinstance(found, Quarantined):
                with catalog.transaction(self.connection):
                    self._record(SpanResult(quarantined=[found]))
                self.on_progress(1)
            else:
                timed.append(
                    _Candidate(
                        each.file, found.captured_at, each.feed or found.feed, found.format_name, each.feed_is_given
                    )
                )
        return timed

    def _expect(self, batch: Sequence[_Candidate]) -> Expected:
        """What the batch is taken for, by its first readable file: files of other feeds are sorted out as they are read."""
        first = batch[0]
        feed, format_name = first.feed, first.format_name
        for each in () if feed and format_name else batch[:16]:
            if (each.feed, each.feed_is_given) != (first.feed, first.feed_is_given):
                continue
            found = inspect(each.file, self.options.max_bytes, each.format_name)
            if isinstance(found, Inspected):
                feed, format_name = each.feed or found.feed, found.format_name
                break
        format_name = format_name or next(iter(FORMATS))
        return Expected(
            feed or format_name,
            format_name,
            self.options.max_bytes,
            feed_is_forced=first.feed_is_given,
            format_is_forced=self.options.format_name is not None,
            time_zone=self.options.time_zone,
            name_time=self.options.name_time,
            not_after=self._not_after,
        )

    @staticmethod
    def _fits(each: _Candidate, expected: Expected) -> bool:
        return each.feed_is_given == expected.feed_is_forced and each.feed in (None, expected.feed)

    def _feed(
        self, batch: Sequence[_Candidate], expected: Expected, results: list[SpanResult]
    ) -> Iterator[tuple[str, pa.Table]]:
        """The change sets of the files of one feed, between the loaded snapshots next to them."""
        files = [(each.captured_at, each.file) for each in batch if each.captured_at is not None]
        files = self._after_pruning(files, expected, results)
        times = sorted({at for at, _ in files})
        loaded = catalog.neighbours(self.connection, expected.feed, times)
        rewritten = {each.captured_at for each in loaded} & set(times)
        again = catalog.other_claimants(self.connection, expected.feed, sorted(rewritten)) if rewritten else []
        present = {file.path for _, file in files}
        again = [(at, file) for at, file in again if file.path not in present]
        away = {file.path for _, file in again if not landing_zone.exists(file.path)}  # not in a closed folder either
        catalog.forget_stamps(self.connection, sorted(away))  # should one come back, it is looked at then
        again = [(at, file) for at, file in again if file.path not in away]
        files += again
        self._again |= {file.path for _, file in again}
        slots = arrange(files, loaded, 0)
        first_id = catalog.next_change_set_ids(self.connection, len(slots))
        for slot in slots:
            slot.change_set_id += first_id
        yield from self._tables(slots, expected, results)

    def _after_pruning(
        self, files: list[tuple[datetime, LandingFile]], expected: Expected, results: list[SpanResult]
    ) -> list[tuple[datetime, LandingFile]]:
        """The files that can be added. What lies where change sets are pruned is settled, in `results`."""
        through = catalog.pruned_through(self.connection, expected.feed)
        early = [each for each in files if through is not None and each[0] <= through]
        if through is None or not early:
            return files
        times = sorted({at for at, _ in early})
        loaded = catalog.neighbours(self.connection, expected.feed, times)
        slots = arrange(early, [each for each in loaded if each.captured_at in times], 0)
        results.append(settle_pruned(slots, expected, through))
        self.on_progress(len(early) - len(results[-1].misplaced))
        return [each for each in files if each[0] > through]

    def _tables(
        self, slots: Sequence[Slot], expected: Expected, results: list[SpanResult]
    ) -> Iterator[tuple[str, pa.Table]]:
        """The change sets of all slots, a span at a time and in order; what else a span found goes to `results`."""
        border: tuple[datetime, str] | None = None
        border_index = -1
        looked_for: set[tuple[int, int]] = set()
        for span, result in self._extract(slots, expected):
            while result.needs_content or result.needs_neighbour:
                if result.needs_neighbour and span in looked_for:
                    raise VelibError(_CHANGED)
                looked_for.add(span)
                for index in result.needs_content:
                    slot = slots[index]
                    slot.content = rebuild_snapshot(self.connection, expected.feed, slot.captured_at)
                result = extract_span(slots, *span, expected, border_index)
            if result.starts_after != border:
                raise VelibError(_CHANGED)
            border, border_index = result.ends_at, result.ends_index
            yield from ((name, from_ipc(data)) for name, data in result.tables.items())
            result.tables = {}
            results.append(result)
            mine = [file for slot in slots[slice(*span)] for file in slot.candidates if file.path not in self._again]
            self.on_progress(len(mine) - sum(each.file.path not in self._again for each in result.misplaced))

    def _extract(self, slots: Sequence[Slot], expected: Expected) -> Iterator[tuple[tuple[int, int], SpanResult]]:
        if len(slots) < MIN_FILES_FOR_WORKERS or self.options.workers < 2:
            for span in spans(slots, SPAN):
                yield span, extract_span(slots, *span, expected)
            return
        pool = self._workers()
        # A few spans ahead of what dlt has taken: the workers never wait, and memory holds no more than these.
        # As many spans for one worker as for the next: the last one would work alone.
        rounds = -(-len(slots) // (SPAN * self.options.workers))
        length = -(-len(slots) // (rounds * self.options.workers))
        ahead: deque[tuple[tuple[int, int], Future[SpanResult]]] = deque()
        try:
            for span in spans(slots, length):
                ahead.append((span, pool.submit(extract_span, slots, *span, expected)))
                if len(ahead) > 2 * self.options.workers:
                    done, future = ahead.popleft()
                    yield done, future.result()
            for done, future in ahead:
                yield done, future.result()
        except BrokenProcessPool as error:  # of the span that was read, or when the next one is handed in
            raise VelibError(
                "a process that read files was killed (out of memory?); nothing of this batch counts, load again, "
                "if need be with fewer --workers"
            ) from error

    def _record(self, result: SpanResult) -> None:
        """Count what a span came to, and note it in the transaction that makes its change sets count."""
        now = datetime.now(UTC)
        self.summary.new += result.snapshots
        self.summary.changes += result.changes
        quarantined = [each for each in result.quarantined if each.file.path not in self._again]
        tried_again = (*catalog.OUT_OF_REACH, "from_the_future")
        self.out_of_reach.update(each.file.path for each in quarantined if each.reason in tried_again)
        before = catalog.quarantined_before(self.connection, quarantined, self.options.read_as)
        self.summary.quarantined += [each for each in quarantined if each.file.path not in before]
        self.summary.still_quarantined += len(before)
        self.summary.duplicates += sum(each.file.path not in self._again for each in result.duplicates)
        self.summary.known += len(result.unchanged)
        catalog.resolve_loaded(self.connection, result.loaded_paths, now)
        catalog.record_outcomes(
            self.connection, result.quarantined, result.duplicates, result.unchanged, now, self.options.read_as
        )

    def _workers(self) -> Executor:
        if self._pool is None:
            self._pool = self.stack.enter_context(worker_pool(self.options.workers))
        return self._pool

    def _work_folder(self) -> Path:
        if self._folder is None:
            self._folder = self.stack.enter_context(work_folder())
        return self._folder
