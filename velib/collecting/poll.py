"""A tick: all feeds asked at once, each answer written, what was written loaded and built. And one tick after the other.

What the outside world does is an event of one line, and the next tick goes on. Only threads ask: what they bring is
judged, written and remembered here, in the one thread that ticks.
"""

from __future__ import annotations

import gzip
import queue
import threading
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ingestion.landing.capture_time import is_plausible
from velib.collecting import feeds
from velib.collecting.backlog import Backlog
from velib.collecting.client import Client, FetchError
from velib.collecting.clock import Clock
from velib.collecting.configuration import Feed
from velib.collecting.documents import Documents
from velib.collecting.events import Events
from velib.collecting.following import Followed, Following
from velib.collecting.landing import Landing, folder_of, path_of
from velib.collecting.payloads import Answer, UnusableError
from velib.collecting.retry import LONGEST_RETRY_AFTER, Retrying
from velib.collecting.schedule import Schedule, Tick
from velib.collecting.state import FeedFolder, FeedState, digest

# For a tick, or three quarters of its interval: after that a feed is given up until the next one.
LONGEST_TICK = 120.0
# How long after its time a thread may need to say that it has found nothing.
_GRACE = 2.0

# Of the answers that were no snapshots the newest are kept, by feed, and their beginnings only.
_MOST_REJECTED = 10
_REJECTED_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Outcome:
    """What became of a feed in a tick. `path` is what was written, None where nothing was."""

    feed: str
    path: str | None


@dataclass(frozen=True)
class _Brought:
    """What a thread brings: an answer, or why there is none."""

    feed: Feed
    state: FeedState
    answer: Answer | None = None
    remarks: Sequence[str] = ()
    error: FetchError | None = None
    bug: str | None = None


class Poller:
    """Collects the feeds of a configuration into a landing zone."""

    def __init__(
        self,
        configured: Sequence[Feed],
        home: Path,
        landing: Landing,
        backlog: Backlog,
        client: Client,
        events: Events,
        clock: Clock,
        retrying: Retrying | None = None,
        following: Following | None = None,
    ) -> None:
        """`home` is where the state is kept. Without `following` nothing is loaded."""
        self.feeds, self.home, self.landing, self.backlog = tuple(configured), home, landing, backlog
        self.client, self.events, self.clock, self.following = client, events, clock, following
        self.retrying = retrying or Retrying()
        self._asking: dict[str, threading.Thread] = {}
        self._pass: threading.Thread | None = None

    def run(self, every: int) -> None:
        """Tick until `end`."""
        schedule = Schedule(every, self.clock.now())
        first = datetime.fromtimestamp(schedule.due, UTC)
        self.events.info("started", feeds=",".join(feed.name for feed in self.feeds), every=every, first=first)
        while not self.clock.is_ending:
            found = schedule.look(self.clock.now(), self.clock.monotonic())
            if found.missed:
                self.events.warning("ticks_missed", ticks=found.missed)
            if isinstance(found, Tick):
                self.tick(min(LONGEST_TICK, every * 0.75))
                self.follow()
            else:
                self.clock.sleep(found.seconds)

    def once(self) -> int:
        """One tick and what follows it. Returns the exit code."""
        outcomes = self.tick(LONGEST_TICK)
        followed = Followed()
        if self.following is not None:
            followed = self.following.run()
        if any(outcome.path is None for outcome in outcomes):
            return 1
        return followed.exit_code

    def end(self) -> None:
        """End what is under way."""
        self.clock.end()
        if self.following is not None:
            self.following.end()
        if self._pass is not None:
            self._pass.join(_GRACE)

    def follow(self) -> None:
        """Load and build beside the ticks: a build that takes long must not cost an observation."""
        if self.following is None:
            return
        if self._pass is not None and self._pass.is_alive():
            self.events.info("load_skipped", why="the one before is still under way; the next one takes this tick too")
            self.following.watch()
            return
        self._pass = threading.Thread(target=self._follow, args=(self.following,), name="load and build", daemon=True)
        self._pass.start()

    def _follow(self, following: Following) -> None:
        try:
            following.run()
        except Exception as error:  # noqa: BLE001  # the ticks must go on
            self.events.error("load_failed", said=f"{type(error).__name__}: {error}")

    # --- a tick -------------------------------------------------------------------------------------------------------

    def tick(self, seconds: float) -> list[Outcome]:
        """Ask all feeds, write what they answer. Takes hardly longer than `seconds`."""
        if not is_plausible(self.clock.utc()):
            self.events.error("clock_not_set", now=self.clock.utc())
            return [Outcome(feed.name, None) for feed in self.feeds]
        deadline = self.clock.monotonic() + seconds
        brought: queue.SimpleQueue[_Brought] = queue.SimpleQueue()
        asked = {feed.name for feed in self.feeds if self._ask(feed, deadline, brought)}
        outcomes = [Outcome(feed.name, None) for feed in self.feeds if feed.name not in asked]
        while asked:
            try:
                found = brought.get(timeout=max(0.0, deadline + _GRACE - self.clock.monotonic()))
            except queue.Empty:
                break
            asked.discard(found.feed.name)
            outcomes.append(Outcome(found.feed.name, self._settle(found)))
        for name in sorted(asked):
            self.events.warning("failed", feed=name, reason="timed_out", detail="nothing came in the time of this tick")
            outcomes.append(Outcome(name, None))
        return outcomes

    def _ask(self, feed: Feed, deadline: float, brought: queue.SimpleQueue[_Brought]) -> bool:
        before = self._asking.get(feed.name)
        if before is not None and before.is_alive():
            self.events.warning("skipped", feed=feed.name, why="its question of an earlier tick is still under way")
            return False
        folder = self._folder(feed)
        state = folder.read()
        # Further away than any server may ask for, the clock has been set since.
        if state.not_before is not None and 0 < state.not_before - self.clock.now() <= LONGEST_RETRY_AFTER:
            until = datetime.fromtimestamp(state.not_before, UTC)
            self.events.warning("left_alone", feed=feed.name, why="its server has asked for that", until=until)
            return False
        state.not_before = None
        documents = Documents(feed, folder, state, self.client, self.retrying, self.clock, deadline)
        thread = threading.Thread(
            target=_bring, args=(feed, state, documents, brought), name=f"asks {feed.name}", daemon=True
        )
        self._asking[feed.name] = thread
        thread.start()
        return True

    def _settle(self, found: _Brought) -> str | None:
        """Write what was brought, and remember it. Returns what was written."""
        feed, state = found.feed, found.state
        for remark in found.remarks:
            self.events.warning("incomplete", feed=feed.name, detail=remark)
        path = None
        if found.answer is not None:
            path = self._take(feed, state, found.answer)
        elif found.error is not None:
            self._note_failure(feed, state, found.error)
        else:
            self.events.error("bug", feed=feed.name, detail=found.bug)
        try:
            self._folder(feed).write(state)
        except OSError as error:
            self.events.error("state_not_kept", feed=feed.name, detail=error.strerror)
        return path

    def _take(self, feed: Feed, state: FeedState, answer: Answer) -> str | None:
        at, content = answer.received_at, digest(answer.payload)
        failures, state.failures, state.failing_since = state.failures, 0, None
        asked_lately = state.answered_at is not None and 0 <= at - state.answered_at <= feed.repeat_limit
        is_there = content == state.content and at == state.answered_at
        state.answered_at = at
        if content == state.content and asked_lately and state.content_since is not None:
            state.repeats += 1
        else:  # what was the same before a long pause may have changed, and changed back
            state.content, state.content_since, state.repeats = content, at, 0
        since = datetime.fromtimestamp(state.content_since, UTC)
        if state.repeats and at - state.content_since > feed.repeat_limit:
            self.events.warning("source_stopped", feed=feed.name, unchanged_since=since, repeats=state.repeats)
            return None
        captured_at = datetime.fromtimestamp(at, UTC)
        path = path_of(feed.name, captured_at)
        data = gzip.compress(answer.payload, 6, mtime=0)
        try:
            self.backlog.add(folder_of(feed.name, captured_at))
            self.landing.write(path, data)
        except FileExistsError:
            if is_there:  # asked twice within a second
                return path
            self.events.warning("not_written", feed=feed.name, file=path, detail="a file of this second is there")
            return None
        except OSError as error:
            self.events.error("not_written", feed=feed.name, file=path, detail=error.strerror or type(error).__name__)
            return None
        self.events.info(
            "landed",
            feed=feed.name,
            file=path,
            bytes=len(data),
            entries=answer.entries,
            unchanged_since=since if state.repeats else None,
            after_failures=failures or None,
        )
        return path

    def _note_failure(self, feed: Feed, state: FeedState, error: FetchError) -> None:
        now = self.clock.now()
        state.failures += 1
        if state.failing_since is None:
            state.failing_since = now
        if error.retry_after is not None:
            state.not_before = now + error.retry_after
        kept = None
        reason: str = error.reason
        if isinstance(error, UnusableError):
            reason, kept = error.why, self._reject(feed, error)
        since = datetime.fromtimestamp(state.failing_since, UTC)
        self.events.warning(
            "failed",
            feed=feed.name,
            reason=reason,
            detail=error.detail,
            kept=kept,
            failures=state.failures if state.failures > 1 else None,
            since=since if state.failures > 1 else None,
        )

    def _reject(self, feed: Feed, error: UnusableError) -> Path | None:
        """Keep what was answered, for whoever wants to know what it was."""
        name = f"{self.clock.utc():%Y%m%dT%H%M%SZ}_{error.why}.gz"
        beginning = self.events.redactor.in_bytes((error.body or b"")[:_REJECTED_BYTES])
        try:
            return self._folder(feed).keep_rejected(name, gzip.compress(beginning, 6, mtime=0), _MOST_REJECTED)
        except OSError:
            return None

    def _folder(self, feed: Feed) -> FeedFolder:
        return FeedFolder(self.home / feed.name)


def _bring(feed: Feed, state: FeedState, documents: Documents, brought: queue.SimpleQueue[_Brought]) -> None:
    """A thread: ask, and bring what comes of it."""
    try:
        answer, remarks = feeds.fetch(feed, documents)
        brought.put(_Brought(feed, state, answer, remarks))
    except FetchError as error:
        brought.put(_Brought(feed, state, error=error))
    except Exception as error:  # noqa: BLE001  # a mistake of ours: said, with its place, and the other feeds go on
        last = traceback.extract_tb(error.__traceback__)[-1]
        at = f"{Path(last.filename).name}:{last.lineno}"
        brought.put(_Brought(feed, state, bug=f"{type(error).__name__} at {at}: {error}"))
