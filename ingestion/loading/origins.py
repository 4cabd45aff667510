"""Where a feed's files come from, and whether they look like several feeds in one.

Three collectors in one tree are taken for one feed: their snapshots take turns, and what one writes and another does not flips at
each. No file says so, but their names do. It is evidence and no rule: nothing is decided by it, it is said.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

# So many of the newest snapshots, and files in conflict, are looked at.
_LOOKED_AT = 1000
# A load of fewer files shows nothing new of it.
LEAST_FILES = 10
# Fewer turns say nothing: a gap that was filled from a copy has two, and each change of a collector's naming one.
_LEAST = 10
_LEAST_SHARE = 0.05

# Of a path what differs between the snapshots of one collector: times, compression, and the zone of summer and winter.
_DIGITS = re.compile(r"[0-9]+")
_ENDING = re.compile(r"(_?(CEST|CET|UTC|Z))?(\.json)?(\.gz)?$", re.IGNORECASE)


@dataclass(frozen=True)
class Mixture:
    """A feed whose files look like those of several: by how often they take turns, and how many claim another's capture time."""

    feed: str
    snapshots: int
    turns: int
    conflicts: int
    examples: tuple[str, ...]  # of where they come from, those of most files first

    @property
    def said(self) -> str:
        facts = []
        if self.turns:
            facts.append(f"{self.turns:,} of {self.snapshots:,} snapshots come from elsewhere than the one before")
        if self.conflicts:
            facts.append(f"{self.conflicts:,} files conflict with one from elsewhere")
        return (
            f"these look like several feeds: use feed=NAME (a folder, or --feed) for each; {' and '.join(facts)}:"
            f" {', '.join(self.examples)}"
        )


def origin(path: str) -> str:
    """What the paths of one collector's files have in common: without the times in the name and in folders."""
    return _DIGITS.sub("#", _ENDING.sub("", path))


def mixture(feed: str, files: Sequence[str], conflicts: Iterable[tuple[str, str]]) -> Mixture | None:
    """Judge a feed by its snapshots' files in the order of time, and by pairs that claim one time. None: it looks like one."""
    origins = [origin(file) for file in files]
    turns = sum(a != b for a, b in pairwise(origins))
    between = [(origin(a), origin(b)) for a, b in conflicts]
    across = [pair for pair in between if pair[0] != pair[1]]
    turns = turns if turns >= _LEAST and turns > _LEAST_SHARE * len(files) else 0
    if not turns and len(across) < _LEAST:
        return None
    counted = Counter(origins if turns else [])
    counted.update(each for pair in across for each in pair)
    return Mixture(feed, len(files), turns, len(across), tuple(each for each, _ in counted.most_common(3)))


def mixtures(connection: Connection) -> list[Mixture]:
    """Of all feeds, by their newest snapshots and the conflicts that stand."""
    from ingestion.loading import catalog

    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            select f.feed, latest.files, conflicts.files, conflicts.with_files
            from raw.feeds f
            cross join lateral (
                select array_agg(s.file order by s.snapshot_at) as files
                from (
                    select distinct on (s.snapshot_at) s.snapshot_at, s.file from raw.snapshots s
                    where s.feed = f.feed and {catalog.IS_COMPLETE}
                    order by s.snapshot_at desc, s.change_set_id desc limit {_LOOKED_AT}
                ) as s
            ) as latest
            cross join lateral (
                select array_agg(lost.path) as files, array_agg(winner.file) as with_files
                from (
                    select q.path, q.feed, q.snapshot_at from raw.quarantined_files q
                    where q.feed = f.feed and q.reason = 'conflicting_capture_time' and q.resolved_at is null
                    limit {_LOOKED_AT}
                ) as lost
                cross join lateral (
                    select s.file from raw.snapshots s
                    where s.feed = lost.feed and s.snapshot_at = lost.snapshot_at and {catalog.IS_COMPLETE}
                    order by s.change_set_id desc limit 1
                ) as winner
            ) as conflicts
            order by f.feed
            """
        )
        rows = cursor.fetchall()
    judged = [mixture(feed, files or (), zip(lost or (), won or (), strict=True)) for feed, files, lost, won in rows]
    return [each for each in judged if each is not None]
