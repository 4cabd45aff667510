"""When a file counts: at one time, whatever options come later, and not before its time has come."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from faults.processes import run
from raw import ONE, Raw
from tiny import app, gbfs, put, touch

from ingestion.loading.load import LoadOptions, load
from velib.core.errors import UsageError

MEXICO = LoadOptions(workers=1, time_zone=ZoneInfo("America/Mexico_City"))
NAMES = ("a_20260602_080000.json", "a_20260602_080500.json")


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, 6, 2, hour, minute, second, tzinfo=UTC)


def times(raw: Raw) -> list[datetime]:
    return [each for _, each, _ in raw.counting()]


@pytest.fixture
def two(folder: Path) -> Path:
    for number, name in enumerate(NAMES):
        put(folder / name, app({"1": [f"b{number}"], "2": []}))
    return folder


@pytest.mark.parametrize("stamp", ["kept", "another", "none"])
def test_loading_again_with_another_zone_is_refused(raw: Raw, two: Path, stamp: str) -> None:
    load([str(two)], ONE)
    if stamp == "another":
        for name in NAMES:
            touch(two / name)
    elif stamp == "none":  # as of files that were loaded as soon as they were written
        raw.execute("update raw.snapshots set file_modified_ns = null")
    put(two / "a_20260602_075500.json", app({"1": [], "2": []}))
    with pytest.raises(UsageError) as refused:
        load([str(two)], MEXICO)
    said = str(refused.value)
    for words in (NAMES[0], "06:00:00 UTC", "14:00:00 UTC", "--time-zone Europe/Paris", "VELIB_HOME"):
        assert words in said
    assert "\n" not in said
    assert times(raw) == [at(6), at(6, 5)], "not even the new file is loaded, at a time that may be wrong"
    assert load([str(two)], ONE).new == 1
    raw.check(two)


def test_loading_again_with_another_pattern_is_refused(raw: Raw, two: Path) -> None:
    by_pattern = LoadOptions(workers=1, name_time="%Y%d%m_%H%M%S")
    load([str(two)], by_pattern)
    assert times(raw) == [at(7).replace(month=2, day=6), at(7, 5).replace(month=2, day=6)]
    with pytest.raises(UsageError, match="--name-time '%Y%d%m_%H%M%S'"):
        load([str(two)], ONE)
    assert len(times(raw)) == 2
    assert load([str(two)], by_pattern).known == 2


def test_a_rewritten_file_is_refused_too_and_one_that_is_damaged_by_now(raw: Raw, two: Path) -> None:
    load([str(two)], ONE)
    put(two / NAMES[0], b"{")
    assert len(load([str(two)], ONE).quarantined) == 1
    put(two / NAMES[0], app({"1": ["other"], "2": []}))
    with pytest.raises(UsageError, match=NAMES[0]):
        load([str(two)], MEXICO)
    assert load([str(two)], ONE).new == 1
    raw.check(two)


def test_what_states_the_same_time_either_way_is_known(raw: Raw, folder: Path) -> None:
    """A zone in the name, the seconds since 1970, a time in the content, and feeds of two zones in one warehouse."""
    put(folder / "a_20260602_080000_UTC.json", app({"1": ["b"], "2": []}))
    put(folder / "a_1780387500.json", app({"1": [], "2": ["b"]}))
    put(folder / "status.json", gbfs({"1": 1}, at(9)))
    assert load([str(folder)], ONE).new == 3
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    put(elsewhere / "b_20260602_080000.json", app({"1": ["c"], "2": []}))
    assert (load([str(folder)], MEXICO).new, times(raw)) == (1, [at(9), at(8), at(8, 5), at(14)])
    for options in (MEXICO, MEXICO):
        assert load([str(folder)], options).known == 4
    for name in ("a_20260602_080000_UTC.json", "a_1780387500.json", "status.json"):
        touch(folder / name)
        assert load([str(folder / name)], ONE).known == 1


def test_the_verb_says_it_in_one_line(raw: Raw, two: Path) -> None:
    assert run("load", str(two)).code == 0
    found = run("load", "--time-zone", "America/Mexico_City", str(two))
    assert found.code == 2
    assert found.err.startswith(f"error: {two / NAMES[0]} counts at 2026-06-02 06:00:00 UTC")
    assert len(found.err.splitlines()) == 1


def test_a_warehouse_of_before_knows_the_zone_by_the_times(raw: Raw, two: Path) -> None:
    """The layout before did not note how names were read."""
    load([str(two)], ONE)
    raw.execute("drop table raw.name_readings; update raw.layout set version = 6")
    with pytest.raises(UsageError, match="Europe/Paris"):
        load([str(two)], MEXICO)
    assert load([str(two)], ONE).known == 2


def test_a_file_from_the_future_counts_once_its_time_has_come(raw: Raw, folder: Path) -> None:
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=12)
    put(folder / "a_20260602_080000_UTC.json", app({"1": ["b"], "2": []}))
    put(folder / f"a_{soon:%Y%m%d_%H%M%S}_UTC.json", app({"1": [], "2": ["b"]}))
    put(folder / "a_20620602_081500_UTC.json", app({"1": [], "2": []}))
    put(folder / "status.json", gbfs({"1": 1}, soon))
    exact = LoadOptions(workers=1, max_ahead=timedelta(0))
    summary = load([str(folder)], exact)
    assert (summary.new, {each.reason for each in summary.quarantined}) == (1, {"from_the_future"})
    assert len(raw.quarantine()) == 3
    again = load([str(folder)], exact)
    assert (again.known, again.quarantined, again.still_quarantined) == (1, [], 3), "the exit code is 0 from now on"
    while datetime.now(UTC) < soon:
        time.sleep(0.2)
    then = load([str(folder)], exact)
    assert (then.new, then.quarantined, then.still_quarantined) == (2, [], 1)
    assert raw.quarantine() == {"a_20620602_081500_UTC.json": "from_the_future"}
    raw.check(folder)


def test_how_far_ahead_a_clock_may_be(raw: Raw, folder: Path) -> None:
    ahead = datetime.now(UTC) + timedelta(minutes=30)
    put(folder / f"a_{ahead:%Y%m%d_%H%M%S}_UTC.json", app({"1": ["b"], "2": []}))
    assert run("load", "--max-ahead-hours", "0.25", str(folder)).code == 3
    assert run("load", "--max-ahead-hours", "0.25", str(folder)).code == 0
    assert "1 new" in run("load", str(folder)).out
