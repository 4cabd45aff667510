"""mart.fct_refresh: which snapshots came into the mart by which build, and how old they were then."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import tiny
from raw import Raw

from ingestion.loading.load import load
from velib.monitoring.refresh_times import refresh_times

pytestmark = pytest.mark.slow

# One branch of the models: those that are not there do not hold a snapshot back.
SOME = ("--select", "+int_feeds fct_refresh kpi_refresh_now", "--resource-type", "model")


def refreshes(raw: Raw) -> list[tuple[Any, ...]]:
    return raw.rows(
        "select feed, snapshots, first_snapshot_at, last_snapshot_at, landing_seconds_min, landing_seconds_max"
        " from mart.fct_refresh order by visible_at, feed"
    )


def put(folder: Path, at: datetime, payload: bytes, age: float) -> datetime:
    """A file captured at `at`, landed `age` seconds ago."""
    path = folder / f"r_{at:%Y%m%d_%H%M%S}_UTC.json"
    path.write_bytes(payload)
    os.utime(path, (time.time() - age,) * 2)
    return at


def test_builds_write_down_what_they_made_visible(raw: Raw, folder: Path, velib_build: Callable[..., None]) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    old = put(folder, datetime(2026, 6, 2, tzinfo=UTC), tiny.app({"1001": ["b1"]}), 9000)
    first = put(folder, now - timedelta(seconds=1000), tiny.app({"1001": ["b1"]}), 900)
    last = put(folder, now - timedelta(seconds=400), tiny.app({"1001": []}), 300)
    load([str(folder)])
    velib_build(*SOME)
    [(feed, snapshots, earliest, latest, least, most)] = refreshes(raw)
    assert (feed, snapshots, earliest, latest) == ("velib_app", 3, old, last)
    assert 300 <= least <= 360
    assert 9000 <= most <= 9060

    # Of the last day, for `velib status`: an archive that is loaded years later says nothing of how a live feed fares.
    [found] = refresh_times(raw.connection)
    assert (found.feed, found.snapshots) == ("velib_app", 2)
    assert 400 <= found.from_capture.min <= 460
    assert 1000 <= found.from_capture.max <= 1060
    assert 900 <= found.from_landing.max <= 960
    assert found.from_landing.min <= found.from_landing.mean <= found.from_landing.p95 <= found.from_landing.max

    # By a late file its successor is written again: only the late one has become visible. A full refresh makes nothing so.
    late = put(folder, first + timedelta(seconds=300), tiny.app({"1001": ["b2"]}), 60)
    load([str(folder)])
    velib_build(*SOME, "--full-refresh")
    assert [row[1:4] for row in refreshes(raw)[1:]] == [(1, late, late)]
    [found] = refresh_times(raw.connection)
    assert found.snapshots == 2, "the one that was written again is left out"

    # A warehouse of before there was this record: what it holds, nobody knows since when.
    raw.execute("drop table intermediate.refreshes cascade")
    velib_build(*SOME)
    assert refreshes(raw) == []
    assert refresh_times(raw.connection) == ()
