"""The proof's own parts: cases that follow from their seed, and everything that is to happen happening in them."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from prove.case import Case, arrange_arrivals
from prove.history import DISTURBANCES, make_plan
from prove.marts import Difference, report
from prove.proof import cases_of, with_twin
from reference.network import UnacceptableError, read_content

SEED, MANY = 5, range(300)
# The hour that October repeats, for the second time.
SECOND_HOUR = datetime(2026, 10, 25, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return cases_of(SEED, MANY)


def test_a_case_follows_from_its_seed_and_number_alone(cases: list[Case]) -> None:
    for number in (0, 41, 299):
        [alone] = cases_of(SEED, [number])
        arrange_arrivals(SEED, alone, 4)
        arrange_arrivals(SEED, cases[number], 4)
        assert alone == cases[number]
    assert cases_of(SEED + 1, [41]) != cases_of(SEED, [41])


def test_twins_share_stations_and_bikes_and_nobody_else_does(cases: list[Case]) -> None:
    assert with_twin(18) == with_twin(19) == [18, 19]
    assert with_twin(17) == [17]
    owners = Counter(code for case in cases for code in {*case.codes, *case.bike_ids})
    shared = {name for name, count in owners.items() if count > 1}
    assert shared
    for case in cases:
        assert bool(shared & {*case.codes, *case.bike_ids}) == (len(with_twin(case.number)) == 2)


def test_each_content_arrives_in_a_step_of_its_own_time(cases: list[Case]) -> None:
    for case in cases:
        arrange_arrivals(SEED, case, 4)
        for file in case.files:
            assert len(file.arrivals) == len(file.contents)
            assert file.arrivals == sorted(file.arrivals)
            assert set(file.arrivals) <= set(range(4))


def test_what_happens_to_real_feeds_happens(cases: list[Case]) -> None:
    happened: Counter[str] = Counter()
    for case in cases:
        times = []
        claims: dict[datetime, set[str]] = {}
        for file in case.files:
            contents = [_outcome(file.path, content) for content in file.contents]
            happened["unacceptable"] += contents == [None]
            happened["repaired"] += len(contents) > 1 and contents[0] is None
            happened["rewritten"] += len(contents) > 1 and contents[0] is not None
            if contents[-1] is None:
                continue
            at, digest = contents[-1]
            happened["October's first hour"] += datetime(2026, 10, 25, 0, tzinfo=UTC) <= at < SECOND_HOUR
            happened["October's second hour"] += SECOND_HOUR <= at < SECOND_HOUR + timedelta(hours=1)
            happened["a copy"] += digest in claims.get(at, set())
            happened["a conflict"] += bool(claims.setdefault(at, set()) - {digest})
            claims[at].add(digest)
            times.append(at)
        for before, after in pairwise(sorted(set(times))):
            happened["a gap"] += after - before > timedelta(minutes=45)
            happened["exactly 45 minutes"] += after - before == timedelta(minutes=45)
    assert all(happened.values()), happened
    assert len(happened) == 9
    assert happened["unacceptable"] < 0.2 * sum(len(case.files) for case in cases)


def _outcome(path: str, content: bytes) -> tuple[datetime, str] | None:
    try:
        snapshot, digest = read_content(Path(path), content)
    except UnacceptableError:
        return None
    return snapshot.captured_at, digest


@pytest.mark.parametrize("batch", range(20))
def test_every_history_has_all_that_may_go_wrong(batch: int) -> None:
    plan = make_plan(SEED, batch)
    assert sorted(name for step in plan for name in step.disturbances) == sorted(DISTURBANCES)
    loads, builds = Counter(step.load for step in plan), Counter(step.build for step in plan)
    assert loads["killed"] >= 2
    assert loads["two"] == builds["whole"] == builds["meanwhile"] == 1
    assert builds["killed"] + builds["orphaned"] == 2


def test_a_feed_in_ten_is_of_two_formats(cases: list[Case]) -> None:
    found = Counter(
        (case.shape.switch_at > 0, *sorted(_formats(case))) for case in cases if len(case.shape.formats) > 1
    )
    assert 0.05 * len(cases) < found.total() < 0.15 * len(cases)
    for pair in (("nextbike", "velib_app"), ("velib_app", "velib_opendata")):
        assert found[True, *pair]
        assert found[False, *pair]
    assert all(len(_formats(case)) < 2 for case in cases if len(case.shape.formats) == 1)


def _formats(case: Case) -> set[str]:
    found = set()
    for file in case.files:
        with suppress(UnacceptableError):
            found.add(read_content(Path(file.path), file.contents[-1])[0].format_name)
    return found


def test_a_report_names_the_cases() -> None:
    rows = [Difference(case, "mart.fct_trips", "this history", "{}") for case in (7, 3, 7)]
    assert [line for line in report(rows).splitlines() if line.startswith("case")] == [
        "case 3: 1 rows differ in mart.fct_trips",
        "case 7: 2 rows differ in mart.fct_trips",
    ]
