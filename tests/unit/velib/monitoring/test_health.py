"""What `velib status` takes for well and what not: decisions on what was found, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from tiny import minute

from velib.monitoring.health import Incident, Line, Seen, as_json, judge
from velib.monitoring.refresh_times import RefreshTime, Seconds
from velib.monitoring.status import FeedStatus, Gap, LastBuild, WarehouseStatus

GAP = timedelta(minutes=45)
# A minutely feed, its newest snapshot half a minute old, loaded and built.
NOW = minute(600) + timedelta(seconds=30)
FEED = FeedStatus(
    feed="f",
    snapshots=601,
    first_at=minute(0),
    newest_at=minute(600),
    stations=3,
    bikes=9,
    cadence=timedelta(seconds=60),
    gap_count=0,
    gaps=(),
    newest_loaded_at=minute(600) + timedelta(seconds=5),
)
BUILT = LastBuild(minute(600), minute(600) + timedelta(seconds=9), has_succeeded=True, is_under_way=False)
DEAD = replace(BUILT, ended_at=None, has_succeeded=False)
FAILED = replace(BUILT, has_succeeded=False)
UNDER_WAY = replace(DEAD, is_under_way=True)
WAREHOUSE = WarehouseStatus((FEED,), {}, (), 0, None, 0, minute(600), 0, BUILT, 12_300_000, gap=GAP)
WELL = Seen(NOW, WAREHOUSE, free_bytes=10**10)


def seen(at: datetime = NOW, **warehouse: Any) -> Seen:
    return replace(WELL, at=at, warehouse=replace(WAREHOUSE, **warehouse))


def line(found: Seen, what: str) -> Line:
    [only] = [each for each in judge(found) if each.what == what]
    return only


def test_all_is_well_in_ten_lines() -> None:
    lines = judge(WELL)
    assert [each.what for each in lines] == [
        "feed",
        "gaps",
        "loads",
        "marts",
        "refresh",
        "quarantine",
        "alerts",
        "disk",
    ]
    assert all(each.is_well for each in lines)
    nothing = judge(Seen(NOW, WarehouseStatus((), {}, (), 0, None, 0, None, None, None, 0, gap=GAP)))
    assert all(each.is_well for each in nothing), "an empty warehouse lacks nothing"


@pytest.mark.parametrize(
    ("minutes", "cadence", "is_well"),
    [(44, 60, True), (46, 60, False), (46, 1800, True), (91, 1800, False), (7 * 1440 + 1, 60, True)],
)
def test_a_live_feed_that_is_silent(minutes: int, cadence: int, is_well: bool) -> None:
    feed = replace(FEED, cadence=timedelta(seconds=cadence))
    assert line(seen(minute(600 + minutes), feeds=(feed,)), "feed").is_well == is_well


def test_what_a_gap_is_the_marts_say() -> None:
    """Status goes by the var that they were built with, in what it judges and in what it says."""
    hourly = seen(minute(646), gap=timedelta(hours=1))
    assert line(hourly, "feed").is_well
    assert line(hourly, "gaps").said.startswith("none over 1 h in ")


@pytest.mark.parametrize("loaded", [None, minute(600) + timedelta(days=200)])
def test_an_archive_is_not_silent(loaded: datetime | None) -> None:
    assert line(seen(minute(660), feeds=(replace(FEED, newest_loaded_at=loaded),)), "feed").is_well


@pytest.mark.parametrize(
    ("age", "loaded", "said"),
    [
        (timedelta(seconds=40), timedelta(seconds=5), "f, newest 40 s ago; "),
        (timedelta(hours=5), timedelta(days=200), "f: an archive, newest 5 h ago (2026-06-02); "),
        (timedelta(days=752), None, "f: an archive, newest 2.1 years ago (2026-06-02); "),
        (timedelta(hours=5), timedelta(seconds=5), "f: silent, newest 5 h ago; "),
        (timedelta(days=8), timedelta(seconds=5), "f: no longer collected, newest 8 days ago (2026-06-02); "),
    ],
)
def test_a_feed_says_how_old_it_is(age: timedelta, loaded: timedelta | None, said: str) -> None:
    """An archive of two years ago is well, and does not look like now."""
    newest = FEED.newest_at
    feed = replace(FEED, newest_loaded_at=None if loaded is None else newest + loaded)
    assert line(seen(newest + age, feeds=(feed,)), "feed").said.startswith(said)


def test_silent_feeds_come_first_and_are_all_named() -> None:
    fresh = [replace(FEED, feed=f"a{n}", newest_at=minute(700), newest_loaded_at=minute(700)) for n in range(5)]
    silent = [replace(FEED, feed=f"z{n}") for n in range(4)]
    feeds = [each for each in judge(seen(minute(700), feeds=(*fresh, *silent))) if each.what == "feed"]
    assert [(each.is_well, each.said[:2]) for each in feeds[:4]] == [(False, f"z{n}") for n in range(4)]
    assert feeds[-1].said == "… and 5 more"


@pytest.mark.parametrize(("build", "is_well"), [(BUILT, False), (UNDER_WAY, True)])
def test_what_users_read_and_is_not_there(build: LastBuild, is_well: bool) -> None:
    missing = ("compat.velo", "mart.dim_bike", "mart.dim_station", "mart.fct_trips", "mart.fct_builds")
    found = line(seen(minute(601), not_built=0, last_build=build, missing=missing), "marts")
    assert found.is_well == is_well
    if not is_well:
        assert found.said == "missing compat.velo, mart.dim_bike, mart.dim_station and 2 more: `velib build`"


@pytest.mark.parametrize(
    ("not_built", "build", "minutes_since_load", "is_well", "said"),
    [
        (0, BUILT, 60, True, "up to date, built 2026-06-02 18:00:09 UTC"),
        (5, BUILT, 1, True, "5 snapshots behind: `velib build`"),
        (5, BUILT, 31, False, "5 snapshots behind: `velib build`"),
        (5, UNDER_WAY, 31, True, "a build is under way since 2026-06-02 18:00:00 UTC"),
        (
            5,
            DEAD,
            1,
            False,
            "5 snapshots behind; the build of 2026-06-02 18:00:00 UTC has not come to an end: `velib build`",
        ),
        (0, FAILED, 1, False, "up to date; the build of 2026-06-02 18:00:00 UTC failed: `velib build` says why"),
        (None, None, 1, True, "none yet: `velib build`"),
        (None, None, 31, False, "none yet: `velib build`"),
        (
            None,
            DEAD,
            1,
            False,
            "not all there; the build of 2026-06-02 18:00:00 UTC has not come to an end: `velib build`",
        ),
    ],
)
def test_the_marts(
    not_built: int | None, build: LastBuild | None, minutes_since_load: int, is_well: bool, said: str
) -> None:
    at = NOW - timedelta(minutes=minutes_since_load)
    found = line(seen(not_built=not_built, last_build=build, last_load_at=at), "marts")
    assert (found.is_well, found.said) == (is_well, said)


def test_marts_that_nobody_builds_while_loads_go_on() -> None:
    behind = {"not_built": 40, "last_load_at": NOW - timedelta(minutes=1), "behind_since": NOW - timedelta(minutes=29)}
    assert line(seen(**behind), "marts").is_well
    behind["behind_since"] = NOW - timedelta(minutes=31)
    assert not line(seen(**behind), "marts").is_well
    assert line(seen(**behind, loading_since=NOW), "marts").is_well, (
        "somebody loads an archive: the build comes after it"
    )


@pytest.mark.parametrize(
    ("quarantined", "loaded", "is_well"), [(0, 0, True), (1, 99, True), (1, 98, False), (3, 0, False)]
)
def test_the_quarantine(quarantined: int, loaded: int, is_well: bool) -> None:
    found = replace(seen(quarantine_counts={"empty_file": 9}), quarantined=quarantined, loaded=loaded)
    assert line(found, "quarantine") == Line("quarantine", is_well, f"9 files (9 empty_file), {quarantined} in 24 h")


def test_only_critical_incidents_make_it_unwell() -> None:
    empty = Incident("warning", "Bastille", "empty for 40 min", minute(590))
    lines = [each for each in judge(replace(WELL, incidents=(empty, empty))) if each.what.startswith("alert")]
    assert lines == [Line("alerts", True, "2 open")]
    grave = Incident("critical", "velib build", "failed", minute(590))
    lines = [each for each in judge(replace(WELL, incidents=(grave, empty))) if each.what.startswith("alert")]
    assert lines == [
        Line("alert", False, "velib build: failed, since 2026-06-02 17:50:00 UTC"),
        Line("alerts", True, "1 more open"),
    ]
    five = [each for each in judge(replace(WELL, incidents=(grave,) * 5)) if each.what.startswith("alert")]
    assert [each.is_well for each in five] == [False] * 4


def test_gaps_loads_the_refresh_time_and_the_disk_are_told() -> None:
    feed = replace(FEED, gap_count=7, gaps=(Gap(minute(0), minute(60)), Gap(minute(-3000), minute(-2900))))
    found = seen(feeds=(feed,), dead_loads=1)
    assert line(found, "gaps").said == "1 in 24 h, the longest 1 h; 7 in all"
    assert line(found, "loads").said == (
        "the last at 2026-06-02 18:00:00 UTC; 1 did not come to an end, `velib clean` removes their rows"
    )
    seconds = Seconds(2.04, 3.0, 8.0, 9.0)
    fast = replace(WELL, refresh=(RefreshTime("f", 1440, seconds, Seconds(1.0, 2.0, 7.0, 8.0)),))
    assert line(fast, "refresh").said == (
        "f, 24 h: capture to mart 2.0 s at least, 3.0 mean, 8.0 p95; from landing 1.0, 2.0, 7.0"
    )
    assert line(replace(WELL, free_bytes=10**9 - 1), "disk").is_well is False
    assert as_json(fast, judge(fast))["refresh"][0]["from_capture"]["p95"] == 8.0
