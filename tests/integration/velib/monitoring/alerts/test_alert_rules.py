"""What each rule finds, on a small mart: at the last snapshot, by the intervals before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from small_mart import SmallMart, small_mart
from tiny import minute

from velib.building.dbt_process import BUILD_LOCK
from velib.core import settings
from velib.monitoring.alerts import failures, pipeline, stations
from velib.monitoring.alerts.configuration import Alerts, Rule
from velib.postgres import advisory_lock
from velib.postgres.connections import connect_to

ALERTS = Alerts((), ())
EMPTY = Rule("empty", "station_empty", lasting=timedelta(minutes=30))


class World:
    """A small mart, and what rules find in it. The clock shows a minute after the newest snapshot, unless told otherwise."""

    def __init__(self, mart: SmallMart) -> None:
        self.mart, self.url = mart, mart.url
        self.execute, self.snapshot, self.station, self.status = mart.execute, mart.snapshot, mart.station, mart.status

    def found(self, rule: Rule, at: float = 121, mark: int | None = 0) -> dict[str, str]:
        """Verdicts by subject."""
        return {each.subject: str(each.verdict) for each in self.findings(rule, at, mark)}

    def findings(self, rule: Rule, at: float = 121, mark: int | None = 0) -> Any:
        now = minute(0) + timedelta(minutes=at)
        with self.mart.connection.cursor() as cursor:
            if rule.kind in pipeline.KINDS:
                return pipeline.look(cursor, rule, now, mark).findings
            return stations.look(cursor, rule, ALERTS, now)


@pytest.fixture(scope="module")
def mart(postgres_home: Path) -> Iterator[SmallMart]:
    with small_mart(postgres_home) as made:
        yield made


@pytest.fixture
def world(mart: SmallMart) -> World:
    """Its newest snapshot is that of minute 120."""
    mart.clear()
    mart.snapshot(120)
    return World(mart)


def test_a_station_is_empty_for_as_long_as_it_was_seen_empty(world: World) -> None:
    for code in ("at_once", "split", "short", "bike", "closed", "stateless"):
        world.station(code, last_seen=120)
    world.status("at_once", 0, 90, 3)
    world.status("at_once", 90, None, 0)
    # Other columns may change meanwhile: it still is empty.
    world.status("split", 0, 89, 3)
    world.status("split", 89, 100, 0, docks_free=4)
    world.status("split", 100, None, 0, docks_free=3)
    world.status("short", 0, 60, 0)
    world.status("short", 60, 91, 1)
    world.status("short", 91, None, 0)
    world.status("bike", 0, None, 1)
    world.status("closed", 0, None, 0, state="Close")
    world.status("stateless", 0, None, 0, state=None)
    assert world.found(EMPTY) == {"at_once": "holds", "split": "holds", "short": "lingers", "stateless": "holds"}
    assert {each.subject: each.since for each in world.findings(EMPTY)}["split"] == minute(89)
    assert world.found(replace(EMPTY, stations=("short", "bike"))) == {"short": "lingers"}


def test_what_was_not_observed(world: World) -> None:
    for code in ("dropped", "gap", "away"):
        world.station(code, last_seen=120)
    world.station("gone", last_seen=120 - 25 * 60)
    # Feeds leave a station out now and then: a run goes over that, but not over a gap.
    world.status("dropped", 60, 80, 0)
    world.status("dropped", 120, None, 0)
    world.status("gap", 0, 60, 0)
    world.status("gap", 106, None, 0)
    # Not listed by the last snapshot: nothing is known of it, and after a day it is no more.
    world.status("away", 0, 119, 0)
    world.status("gone", -2000, -1600, 0)
    assert world.found(EMPTY) == {"dropped": "holds", "gap": "lingers", "away": "unknown"}
    # The newest snapshot is old: it tells how things were.
    assert world.found(EMPTY, at=181) == {"dropped": "unknown", "gap": "unknown", "away": "unknown"}


def test_of_two_feeds_the_one_that_knows_counts(world: World) -> None:
    world.snapshot(120, "g")
    world.snapshot(10, "old")
    for code in ("1", "2", "3"):
        world.station(code, last_seen=120)
    world.status("1", 0, None, 0, feed="f")
    world.status("1", 0, None, 3, feed="g")  # both know: the name that sorts last
    world.status("2", 0, None, 0, feed="f")
    world.status("2", 0, 100, 3, feed="g")  # no longer listed there
    world.status("3", 0, None, 0, feed="old")
    assert world.found(EMPTY) == {"2": "holds", "3": "unknown"}
    assert world.found(replace(EMPTY, feed="f")) == {"1": "holds", "2": "holds"}
    assert world.found(replace(EMPTY, feed="g")) == {"2": "unknown"}


def test_full(world: World) -> None:
    full = Rule("full", "station_full")
    for code in ("full", "free", "unsaid"):
        world.station(code, "75101" if code == "full" else None, last_seen=120)
    world.status("full", 0, None, 10, docks_free=0)
    world.status("free", 0, None, 9, docks_free=1)
    world.status("unsaid", 0, None, 9, docks_free=None)
    assert world.found(full) == {"full": "holds"}
    assert [each.label for each in world.findings(full)] == ["Station full (full), District 75101"]
    assert world.found(replace(full, districts=("75102",))) == {}
    assert world.found(replace(full, districts=("District 75101",))) == {"full": "holds"}


def test_a_district_is_short_of_bikes(world: World) -> None:
    short = Rule("short", "district_short", lasting=timedelta(minutes=15), below=0.1)
    for district, codes in {
        "A": ("a1", "a2"),
        "B": ("b1", "b2"),
        "C": ("c1",),
        "D": ("d1", "d2", "d3"),
        "E": ("e1",),
        "F": ("f1", "f2"),
    }.items():
        for code in codes:
            world.station(code, district, last_seen=120)
    world.station("no district", None, last_seen=120)
    world.status("no district", 0, None, 0)
    world.status("a1", 0, 103, 9)
    world.status("a1", 103, None, 1)
    world.status("a2", 0, 110, 0)
    world.status("a2", 110, None, 0, docks_free=6)
    # Together they were short all the time but at minute 106, when one had got bikes and the other had them still.
    world.status("b1", 0, 107, 1)
    world.status("b1", 107, None, 0)
    world.status("b2", 0, 106, 0)
    world.status("b2", 106, None, 1)
    world.status("c1", 0, None, 1)  # 1 of 10 is not less than 10 %
    # More bikes than docks are no more docks with a bike, and a closed station has neither.
    world.status("d1", 0, None, 30, docks_total=10)
    world.status("d2", 0, None, 0, docks_total=90)
    world.status("d3", 0, None, 50, docks_total=50, state="Close")
    world.status("e1", 0, 118, 0)
    # What ends at the last snapshot does not count beside what begins there: it would be 2 of 12.
    world.status("f1", 0, None, 0)
    world.status("f2", 0, 120, 1, docks_total=1)
    world.status("f2", 120, None, 1, docks_total=1, docks_free=1)
    assert world.found(short) == {"A": "holds", "B": "lingers", "E": "unknown", "F": "holds"}
    a, b, *_ = sorted(world.findings(short), key=lambda each: each.subject)
    assert (a.label, a.fact, a.since) == ("District A", "bikes in 1 of 20 docks", None)
    assert b.since == minute(107)
    longer = world.found(replace(short, lasting=timedelta(minutes=18)))
    assert longer == {"A": "lingers", "B": "lingers", "E": "unknown", "F": "holds"}
    more = world.found(replace(short, below=0.11))
    assert more == {**dict.fromkeys("ABCDF", "holds"), "E": "unknown"}
    assert world.found(replace(short, districts=("B",))) == {"B": "lingers"}


def test_the_worst_of_the_last_hours(world: World) -> None:
    worst = Rule("worst", "critical_stations", lasting=timedelta(hours=1), within=timedelta(hours=2), at_least=2)
    for code in ("a", "b", "c", "d"):
        world.station(code, last_seen=120)
    world.status("a", -300, 30, 0)
    world.status("a", 30, 90, 3)
    world.status("a", 90, None, 0)  # 30 + 30 minutes
    world.status("b", -300, None, 10, docks_free=0)
    world.status("c", -300, 0, 0)
    world.status("c", 0, 61, 5)
    world.status("c", 61, None, 0)  # 59 minutes: what was before the window does not count
    world.status("d", -300, None, 0, state="Close")
    (found,) = world.findings(worst)
    assert (found.subject, found.label) == ("network", "2 stations")
    assert found.fact.splitlines() == ["Station b (b): full 2 h", "Station a (a): empty 1 h"]
    assert world.found(replace(worst, at_least=3)) == {}
    assert world.found(worst, at=200) == {"network": "unknown"}


def test_a_silent_feed(world: World) -> None:
    silent = Rule("silent", "feed_silent", lasting=timedelta(minutes=30))
    world.snapshot(60, "late")
    world.snapshot(-8 * 24 * 60, "archive")
    # Loaded, but its load did not come to an end: it does not count.
    world.snapshot(119, "half")
    world.execute("update raw.loads set completed_at = null where load_id like 'half%%'")
    assert world.found(silent) == {"late": "holds", "archive": "unknown", "half": "holds"}
    assert world.found(silent, at=151) == {"f": "holds", "late": "holds", "archive": "unknown", "half": "holds"}
    assert world.found(replace(silent, feeds=("f", "archive", "never"))) == {"archive": "holds", "never": "holds"}


def test_a_quarantine_that_grows(world: World) -> None:
    grows = Rule("grows", "quarantine_grows", files=2)

    def quarantine(path: str, reason: str) -> None:
        world.execute(
            """
            insert into raw.quarantined_files (path, content_hash, reason, detail, file_bytes, first_seen_at, last_seen_at)
            values (%s, '', %s, '', 1, now(), now())
            """,
            *(path, reason),
        )

    quarantine("a", "no_time")
    assert world.found(grows, mark=None) == {}  # what was there before the first look is not new
    assert world.found(grows, mark=0) == {}
    quarantine("b", "truncated_gzip")
    quarantine("c", "truncated_gzip")
    (found,) = world.findings(grows, mark=0)
    assert (found.label, found.fact) == ("3 files", "2 truncated_gzip, 1 no_time")
    world.execute("update raw.quarantined_files set resolved_at = now()")
    assert world.found(grows, mark=3) == {}


def test_a_failed_run(world: World) -> None:
    failed = Rule("failed", "failed_run")
    build = "insert into intermediate.builds values (%s, %s, %s, %s)"
    world.execute(build, "1", minute(100), minute(101), True)
    assert world.found(failed) == {}
    world.execute(build, "2", minute(110), minute(111), False)
    assert world.found(failed) == {"build": "holds"}
    world.execute(build, "3", minute(120), None, None)
    assert [each.fact for each in world.findings(failed)] == ["did not come to an end"]
    with connect_to(world.url, "dbt") as dbt:  # somebody's plain dbt: perhaps it is that build
        assert world.found(failed) == {"build": "unknown"}
    dbt.close()
    with connect_to(world.url, "velib tests") as other, other.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(%s)", (BUILD_LOCK,))
        assert world.found(failed) == {"build": "holds"}  # begun before whoever builds now
        world.execute("update intermediate.builds set started_at = now() where invocation_id = '3'")
        assert [each.fact for each in world.findings(failed)] == ["failed"]  # under way: the one before it counts
    other.close()
    world.execute("update intermediate.builds set ended_at = now(), has_succeeded = true")
    world.execute(build, "ahead", minute(10**7), minute(10**7), False)
    world.execute(build, "after it", minute(130), minute(131), True)
    assert world.found(failed) == {}, "the newest is the one that was begun last, whatever the clock said before"
    world.execute("alter table intermediate.builds drop column build_number cascade")
    assert world.found(failed) == {"build": "holds"}, "of an older database nobody knows better than its clock"
    world.execute("delete from intermediate.builds where invocation_id = 'ahead'")
    world.execute("alter table intermediate.builds add column build_number bigint generated always as identity")
    world.execute("insert into raw.loads values ('dead', %s, 9)", minute(121))
    assert world.found(failed) == {"load": "holds"}
    with connect_to(world.url, "velib tests") as other, other.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(%s)", (advisory_lock.LOAD_LOCK,))
        world.execute("update raw.loads set started_at = now() where load_id = 'dead'")
        assert world.found(failed) == {}
    other.close()
    world.execute("update raw.loads set cleaned_at = now() where load_id = 'dead'")
    assert world.found(failed) == {"load": "holds"}  # to clean is not to load
    world.execute("insert into raw.loads values ('next', now(), 10, now())")
    assert world.found(failed) == {}


def test_a_run_that_failed_before_it_came_to_the_database(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = Rule("failed", "failed_run")
    monkeypatch.setenv(settings.HOME, str(tmp_path))
    world.execute("update raw.loads set completed_at = %s", minute(90))
    failures.note("load", None, minute(100))
    assert not list(tmp_path.iterdir()), "of what goes well nothing is noted"
    failures.note("load", "error: no such folder", minute(100))
    failures.note("load", "error: cannot list s3://b: not allowed", minute(110))
    failures.note("build", "error: dbt is not installed", minute(111))
    found = {each.subject: (each.fact, each.since) for each in world.findings(failed)}
    assert found == {
        "load": ("error: cannot list s3://b: not allowed", minute(100)),
        "build": ("error: dbt is not installed", minute(111)),
    }
    assert world.found(failed, at=110 + 25 * 60) == {"build": "holds"}, "nobody tries any more"
    # Others may have made up for it, and whoever noted it has not noticed.
    world.execute("insert into raw.loads values ('next', %s, 10, %s)", minute(112), minute(112))
    world.execute("insert into intermediate.builds values ('1', %s, %s, true)", minute(112), minute(113))
    assert world.found(failed) == {}
    failures.note("load", "error: no such folder", minute(114))
    failures.note("build", None, minute(114))
    assert world.found(failed) == {"load": "holds"}
    (tmp_path / "poll" / "failed.json").write_text("[half")
    assert world.found(failed) == {}


def test_before_anything_was_loaded(cursor: Any) -> None:
    now = minute(0)
    assert stations.look(cursor, EMPTY, ALERTS, now) is None
    for kind in pipeline.KINDS:
        assert pipeline.look(cursor, Rule("rule", kind), now, None).findings == []
    (found,) = pipeline.look(cursor, Rule("rule", "feed_silent", feeds=("f",)), now, None).findings
    assert (found.subject, found.fact) == ("f", "not one snapshot so far")
