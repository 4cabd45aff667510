"""How fresh the mart is, and so how long an answer holds: ETag, Last-Modified and Cache-Control of everything that is read.

The mart changes only while a build runs, and by corrections. So the newest build, its end and the corrections so far name a
state of the mart, and an answer is as good as new as long as that state is. While a build runs nothing is promised.
"""

import asyncio
import hashlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from velib.api.database import Database
from velib.api.problems import Problem

# So long what was found out counts without asking again.
_SECONDS = 2.0
_LONGEST = 60
# And so long that it could not be found out: those who waited for the answer do not each wait for another.
_FAILED_SECONDS = 0.5

# The newest is the one with the largest number: a clock may have been wrong. A mart of before builds had numbers has no such
# column: then the name means the outer one, a null, and its clock is what there is.
NEWEST_BUILDS_FIRST = """
from (select null::bigint as build_number) as without_numbers
cross join lateral (
    select build_id, started_at, ended_at, has_succeeded, duration_seconds, build_number from mart.fct_builds
) as b
order by b.build_number desc nulls last, b.started_at desc
"""
_BUILDS = f"select b.build_id, b.started_at, b.ended_at {NEWEST_BUILDS_FIRST} limit 2"
_CORRECTIONS = "select count(*), count(undone_at) from mart.fct_corrections"
# From feed to feed through the index: reading all snapshots of a year for their feeds would take longer than any answer.
_FEEDS = """
with recursive feeds as (
    select min(feed) as feed from mart.fct_snapshots
    union all
    select (select min(s.feed) from mart.fct_snapshots as s where s.feed > feeds.feed) from feeds where feeds.feed is not null
)
select feeds.feed, first.snapshot_at as first_at, last.snapshot_at as newest_at
from feeds
cross join lateral (
    select s.snapshot_at from mart.fct_snapshots as s where s.feed = feeds.feed order by s.snapshot_at limit 1
) as first
cross join lateral (
    select s.snapshot_at from mart.fct_snapshots as s where s.feed = feeds.feed order by s.snapshot_at desc limit 1
) as last
order by feeds.feed
"""


@dataclass(frozen=True)
class Feed:
    name: str
    first_at: datetime
    newest_at: datetime


@dataclass(frozen=True)
class Freshness:
    """A state of the mart. `token` names it; None while a build runs."""

    token: str | None
    feeds: tuple[Feed, ...]
    built_at: datetime | None
    cadence: timedelta | None

    @property
    def newest_at(self) -> datetime | None:
        """The newest snapshot of any feed: what is now, to the mart."""
        return max((feed.newest_at for feed in self.feeds), default=None)

    @property
    def feed_names(self) -> list[str]:
        return [feed.name for feed in self.feeds]

    def headers(self, variant: str, is_private: bool) -> dict[str, str]:
        """What caches go by. The next build is due when one like the last has passed."""
        scope = "private" if is_private else "public"
        if self.token is None or self.built_at is None:
            return {"cache-control": f"{scope}, no-cache"}
        left = self.cadence - (datetime.now(UTC) - self.built_at) if self.cadence else timedelta()
        seconds = min(max(int(left.total_seconds()), 0), _LONGEST)
        return {
            "etag": f'"{self.token}-{variant}"',
            "last-modified": format_datetime(self.built_at.astimezone(UTC), usegmt=True),
            "cache-control": f"{scope}, max-age={seconds}, must-revalidate",
        }


# Of what changes without a build: nothing is promised.
NOT_OF_BUILDS = Freshness(None, (), None, None)


class Watch:
    """Asks the mart how fresh it is, and not more often than worth it."""

    def __init__(self, database: Database, version: str) -> None:
        self._database, self._version = database, version
        self._lock = asyncio.Lock()
        self._found: Freshness | None = None
        self._asked_at = float("-inf")
        self._failure: Exception | None = None
        self._failed_at = float("-inf")

    def forget(self) -> None:
        """Something was corrected: who asks next is told so."""
        self._asked_at = 0.0

    async def now(self) -> Freshness:
        if self._found is not None and time.monotonic() - self._asked_at < _SECONDS:
            return self._found
        async with self._lock:  # one asks for all that wait
            if self._found is not None and time.monotonic() - self._asked_at < _SECONDS:
                return self._found
            if self._failure is not None and time.monotonic() - self._failed_at < _FAILED_SECONDS:
                raise self._failure.with_traceback(None)
            try:
                self._found = await self._ask()
            except Exception as error:
                self._failure, self._failed_at = error, time.monotonic()
                raise
            self._failure, self._asked_at = None, time.monotonic()
            return self._found

    async def _ask(self) -> Freshness:
        builds = await self._database.fetch(_BUILDS)
        if not builds:
            raise Problem(503, "the mart has not been built yet: `velib build` builds it", "not-built", 60)
        feeds = tuple(Feed(*row) for row in await self._database.fetch(_FEEDS))
        last, before = builds[0], builds[1] if len(builds) > 1 else None
        if last["ended_at"] is None:
            return Freshness(None, feeds, None, None)
        made, undone = (await self._database.fetch(_CORRECTIONS))[0]
        told = f"{self._version} {last['build_id']} {last['ended_at']} {made} {undone}"
        token = hashlib.blake2b(told.encode(), digest_size=10).hexdigest()
        cadence = last["ended_at"] - before["ended_at"] if before and before["ended_at"] else None
        return Freshness(token, feeds, last["ended_at"], cadence)
