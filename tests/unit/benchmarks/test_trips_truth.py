"""What the comparison with the truth stands on: what snapshots can show, what a row truly is, a page for the figures."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.trips_truth import figures, page, rules
from benchmarks.trips_truth import world as worlds
from benchmarks.trips_truth.matching import Fate, Row, Verdict, compare
from benchmarks.trips_truth.observer import Brackets, observable, sights
from benchmarks.trips_truth.plots import recall_and_precision
from benchmarks.trips_truth.truth import Double, Movement, World, by_bike, parted, to_be_found
from velib.core import settings

TIMES = list(range(0, 660, 60))


def moved(origin: str, destination: str | None, departed: int, arrived: int | None, kind: str = "trip") -> Movement:
    return Movement("b", origin, destination, departed, arrived, kind)


def world(
    *movements: Movement, dropouts: dict[str, list[tuple[int, int]]] | None = None, doubles: list[Double] | None = None
) -> World:
    return World(by_bike(movements), dropouts or {}, {"b": doubles or []})


def row(origin: str, destination: str, *brackets: int, trip_type: str = "trip", **others: object) -> Row:
    last_seen, first_missing, last_missing, first_seen = brackets
    values = {
        **dict.fromkeys(Row._fields, None),
        "bike_id": "b",
        "origin": origin,
        "destination": destination,
        "last_seen": last_seen,
        "first_missing": first_missing,
        "last_missing": last_missing,
        "first_seen": first_seen,
        "departed": (last_seen + first_missing) / 2,
        "arrived": (last_missing + first_seen) / 2,
        "duration_min": max(0, last_missing - first_missing),
        "duration_max": first_seen - last_seen,
        "duration": (last_missing + first_seen - last_seen - first_missing) / 2,
        "trip_type": trip_type,
        "is_customer_trip": trip_type in ("trip", "round_trip"),
        "has_gap": False,
        "together": 1,
        **others,
    }
    return Row(**values)  # type: ignore[arg-type]


def seen(w: World) -> list[Brackets]:
    return [brackets for _, brackets in observable(w, TIMES)]


def test_a_movement_seen_at_both_ends_is_observable_with_its_brackets() -> None:
    assert seen(world(moved("A", "B", 61, 299))) == [Brackets(60, 120, 240, 300)]
    # what a snapshot shows of its own second has happened
    assert seen(world(moved("A", "B", 60, 300))) == [Brackets(0, 60, 240, 300)]
    # a hop between two snapshots: both brackets are that interval
    assert seen(world(moved("A", "B", 61, 119))) == [Brackets(60, 120, 60, 120)]


@pytest.mark.parametrize(
    "unseen",
    [
        world(moved("A", "A", 61, 119, "boomerang")),  # back before a snapshot missed it
        world(moved("A", "B", -5, 119)),  # under way at the first snapshot
        world(moved("A", None, 61, None)),  # and at the last
        world(moved("A", "B", 61, 601)),  # no snapshot after it
    ],
)
def test_what_no_snapshot_shows_is_not_observable(unseen: World) -> None:
    assert seen(unseen) == []


def test_of_two_movements_with_no_snapshot_between_none_is_observable() -> None:
    merged = world(moved("A", "B", 61, 125), moved("B", "C", 170, 299))
    assert seen(merged) == []
    (sight,) = sights(merged, TIMES)
    assert (len(sight.movements), sight.last_seen, sight.first_seen) == (2, 60, 300)
    # a snapshot between them tells them apart
    assert len(seen(world(moved("A", "B", 61, 120), moved("B", "C", 170, 299)))) == 2


def test_a_return_that_ends_where_it_began_leaves_no_sight_unless_it_was_missed() -> None:
    there_and_back = world(moved("A", "B", 61, 80), moved("B", "A", 90, 115))
    assert list(sights(there_and_back, TIMES)) == []
    assert len(list(sights(world(moved("A", "B", 61, 80), moved("B", "A", 90, 125)), TIMES))) == 1


def test_a_station_that_is_not_listed_says_nothing() -> None:
    w = world(moved("A", "B", 61, 299), dropouts={"A": [(60, 120)], "B": [(240, 360)]})
    assert seen(w) == [Brackets(0, 180, 180, 420)]
    assert seen(world(moved("A", "B", 61, 299), dropouts={"A": [(0, 60)]})) == []
    # a return is not seen where its station was not listed meanwhile
    assert seen(world(moved("A", "A", 61, 179), dropouts={"A": [(120, 120)]})) == []


def test_a_bike_listed_elsewhere_is_not_shown_where_it_stands() -> None:
    movement = moved("B", "C", 130, 299)
    assert seen(world(movement, doubles=[Double("A", 60, 120)])) == []
    # the station whose code sorts first counts
    assert seen(world(movement, doubles=[Double("D", 60, 120)])) == [Brackets(120, 180, 240, 300)]


def test_a_row_is_what_its_brackets_hold() -> None:
    w = world(moved("A", "B", 61, 125), moved("B", "C", 170, 299), moved("C", "D", 421, 475))
    rows = [row("A", "C", 60, 120, 240, 300), row("C", "D", 420, 480, 420, 480), row("D", "E", 540, 600, 540, 600)]
    found = compare(w, rows, to_be_found(w, TIMES))
    assert [match.verdict for match in found.matches] == [Verdict.MERGED, Verdict.MOVEMENT, Verdict.PHANTOM]
    assert [fate for _, fate, _ in found.fates] == [Fate.MERGED, Fate.MERGED, Fate.FOUND]


@pytest.mark.parametrize(
    "wrong",
    [
        row("A", "X", 60, 120, 240, 300),
        row("A", "B", 60, 120, 180, 240),
        row("A", "B", 0, 60, 240, 300),
        row("A", "B", 61, 120, 240, 300),
    ],
)
def test_a_row_with_a_wrong_station_or_a_time_outside_its_brackets_is_no_movement(wrong: Row) -> None:
    w = world(moved("A", "B", 61, 300))
    found = compare(w, [wrong], to_be_found(w, TIMES))
    assert found.matches[0].verdict in (Verdict.WRONG, Verdict.PHANTOM)
    assert found.fates[0][1] is not Fate.FOUND


def test_a_movement_inside_a_stay_is_unseen() -> None:
    w = world(moved("A", "A", 61, 100, "boomerang"), moved("A", "B", 301, 359))
    found = compare(w, [row("A", "B", 300, 360, 300, 360)], to_be_found(w, TIMES))
    assert [fate for _, fate, _ in found.fates] == [Fate.UNSEEN, Fate.FOUND]


def test_rides_over_three_hours_are_long_and_no_customer_s() -> None:
    assert moved("A", "B", 0, 10_801).true_type == "long"
    assert not moved("A", "B", 0, 10_801).is_customer
    assert moved("A", "B", 0, 10_800).is_customer
    assert moved("A", "B", 0, 99_999, "maintenance").true_type == "maintenance"


def test_rules_that_differ_from_the_mart_s_are_an_error() -> None:
    rules.check([row("A", "A", 0, 60, 60, 120, trip_type="flicker")])
    with pytest.raises(AssertionError, match="1 rows"):
        rules.check([row("A", "A", 0, 60, 60, 120, trip_type="boomerang")])


def test_a_sweep_sees_only_what_no_rule_before_took() -> None:
    w = world(moved("A", "A", 61, 119 + 60, "boomerang"))
    rows = [row("A", "A", 60, 120, 120, 180, trip_type="boomerang", destination_dock="2")]
    one = figures.watched(1, w, TIMES, rows)
    boomerangs = next(sweep for sweep in figures.SWEEPS if sweep.threshold == "boomerang_seconds")
    assert figures.swept(one, boomerangs, 300) == figures.Caught(1, 0, 0, 0)
    assert figures.swept(one, boomerangs, 30) == figures.Caught(0, 0, 0, 1)
    (observed,) = seen(w)
    assert observed == rows[0].brackets
    assert (one.observable, one.in_brackets) == (1, 1)


def test_parted_times_have_the_gap_and_nothing_else_missing() -> None:
    assert parted(TIMES, [(60, 240), (360, 480)]) == [0, 60, 240, 300, 360, 480, 540, 600]


def test_a_movement_across_a_gap_is_counted() -> None:
    times = list(range(0, 86_400, 60))
    w = world(moved("A", "B", 3 * 3600 + 100, 3 * 3600 + 500), moved("B", "C", 3 * 3600 + 1000, 3 * 3600 + 1500))
    assert figures.across_gaps(w, times, 600) == figures.Bridged(1, 1, 1)
    assert figures.across_gaps(w, times, 1800) == figures.Bridged(1, 0, 0)


def test_every_figure_has_its_place_in_the_page() -> None:
    text = (settings.project_root() / "docs" / "trips.md").read_text(encoding="utf-8")
    assert sorted(name for _, name, _, _ in page._MARKED.findall(text)) == sorted(page.SECTIONS)


def test_the_page_is_renewed_in_its_marked_sections_only(tmp_path: Path) -> None:
    original = (settings.project_root() / "docs" / "trips.md").read_text(encoding="utf-8")
    copy = tmp_path / "trips.md"
    copy.write_text(page._MARKED.sub(r"\1OLD\n\4", original), encoding="utf-8")
    w = world(moved("A", "B", 61, 299), moved("B", "C", 421, 475))
    rows = [row("A", "B", 60, 120, 240, 300), row("B", "C", 420, 480, 420, 480)]
    one = [figures.watched(1, w, TIMES, rows)]
    page.write_page(copy, {"stations": 3, "bikes": 1, "days": 1, "seed": 1, "faulty_days": 1}, one, one)
    renewed = copy.read_text(encoding="utf-8")
    assert "OLD" not in renewed
    assert page._MARKED.sub("", renewed) == page._MARKED.sub("", original)
    assert "| share | 100.000 % |" in renewed
    assert ElementTree.fromstring(recall_and_precision(one)).get("role") == "img"
    copy.write_text(original.replace("<!-- figures: gaps -->", ""), encoding="utf-8")
    with pytest.raises(ValueError, match="marks for"):
        page.write_page(copy, {}, one, one)


def test_what_other_code_made_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.HOME, "put back after the test")
    folder, built = tmp_path / "world", tmp_path / "world" / "built.json"
    for name, stays in (("first", False), ("first", True), ("second", False)):
        worlds.use_own_warehouse(folder / "home")
        built.touch()
        monkeypatch.setattr(worlds, "sources_hash", lambda _root, name=name: name)
        worlds.forget_what_others_made(folder)
        assert built.exists() == stays
        assert (folder / "home").is_dir()


@pytest.mark.parametrize(
    "changed", ["dbt_project/dbt_project.yml", "dbt_project/models/mart/a.sql", "ingestion/new.py"]
)
def test_the_code_that_decides_the_rows_is_known_by_its_hash(tmp_path: Path, changed: str) -> None:
    for name in ("dbt_project/dbt_project.yml", "dbt_project/models/mart/a.sql", "simulator/a.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("as it was")
    before = worlds.sources_hash(tmp_path)
    assert worlds.sources_hash(tmp_path) == before
    (tmp_path / changed).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / changed).write_text("otherwise")
    assert worlds.sources_hash(tmp_path) != before
