"""How completely each local day was collected, from the capture times alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import NamedTuple

from reference.facts import GAP
from reference.network import PARIS, FullSnapshot


class CollectionRow(NamedTuple):
    """kpi_collection_daily, but for the files that do not count and for when builds ran."""

    feed: str
    date_day: date
    usual_seconds: float | None
    snapshots_expected: int | None
    snapshots_received: int
    received_share: float | None
    gaps: int
    gap_seconds: float


def collection_days(feeds: Mapping[str, Sequence[FullSnapshot]]) -> list[CollectionRow]:
    """Each local day from a feed's first snapshot to its last."""
    return [
        row
        for feed, snapshots in feeds.items()
        if snapshots
        for row in _days(feed, [snapshot.captured_at for snapshot in snapshots])
    ]


def _days(feed: str, times: Sequence[datetime]) -> list[CollectionRow]:
    rows = []
    day, last_day = (each.astimezone(PARIS).date() for each in (times[0], times[-1]))
    while day <= last_day:
        begin, end = _begin(day), _begin(day + timedelta(days=1))
        steps = [later - earlier for earlier, later in pairwise(times) if begin <= later < end]
        watched = sorted(step.total_seconds() for step in steps if step <= GAP)
        before = [later - earlier for earlier, later in pairwise(times) if later < begin and later - earlier <= GAP]
        # Of an even number the lower of the two in the middle.
        median = watched[(len(watched) - 1) // 2] if watched else before[-1].total_seconds() if before else None
        usual = median if median is None or median < 300 else 60.0 * round(median / 60)
        from_at = max(begin, times[0])
        expected = None
        if usual:
            until_last = (times[-1] - from_at).total_seconds() + usual
            expected = round(min((end - from_at).total_seconds(), until_last) / usual)
        received = sum(begin <= at < end for at in times)
        gaps = [(earlier, later) for earlier, later in pairwise(times) if later - earlier > GAP]
        rows.append(
            CollectionRow(
                feed=feed,
                date_day=day,
                usual_seconds=usual,
                snapshots_expected=expected,
                snapshots_received=received,
                received_share=received / expected if expected else None,
                gaps=sum(begin <= earlier < end for earlier, _ in gaps),
                gap_seconds=sum(
                    max((min(later, end) - max(earlier, begin)).total_seconds(), 0.0) for earlier, later in gaps
                ),
            )
        )
        day += timedelta(days=1)
    return rows


def _begin(day: date) -> datetime:
    """The first moment of a local day."""
    return datetime.combine(day, time(), PARIS).astimezone(UTC)
