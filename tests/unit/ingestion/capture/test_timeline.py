"""The order of a batch, and how it is cut into spans."""

from __future__ import annotations

from itertools import pairwise

import pytest
from tiny import minute

from ingestion.capture.network_state import Counts
from ingestion.capture.timeline import LoadedSnapshot, arrange, spans
from ingestion.landing.files import LandingFile


def file(path: str) -> LandingFile:
    return LandingFile(f"/landing/{path}", 1, 1)


def loaded(number: int, path: str) -> LoadedSnapshot:
    return LoadedSnapshot(
        "feed", minute(number), None, number, file(path), "hash", "velib_app", Counts(0, 0, 0, 0, 0, 0)
    )


def test_slots_stand_in_order_of_time_with_ids_in_the_same_order() -> None:
    slots = arrange([(minute(3), file("c")), (minute(1), file("a")), (minute(2), file("b"))], [], 100)
    assert [slot.captured_at for slot in slots] == [minute(1), minute(2), minute(3)]
    assert [slot.change_set_id for slot in slots] == [100, 101, 102]


def test_files_of_one_time_share_a_slot_in_an_order_of_their_own() -> None:
    slots = arrange([(minute(1), file("b")), (minute(1), file("a"))], [], 1)
    assert [[each.path for each in slot.candidates] for slot in slots] == [["/landing/a", "/landing/b"]]


def test_loaded_neighbours_take_their_places() -> None:
    slots = arrange([(minute(2), file("new"))], [loaded(3, "after"), loaded(1, "before")], 1)
    assert [(slot.captured_at, slot.loaded is not None, len(slot.candidates)) for slot in slots] == [
        (minute(1), True, 0),
        (minute(2), False, 1),
        (minute(3), True, 0),
    ]


def test_a_new_file_meets_the_loaded_snapshot_of_its_time() -> None:
    (slot,) = arrange([(minute(1), file("new"))], [loaded(1, "old")], 1)
    assert slot.loaded is not None
    assert [each.path for each in slot.candidates] == ["/landing/new"]


def test_nothing_makes_no_slot() -> None:
    assert arrange([], [], 1) == []


@pytest.mark.parametrize(("slots", "length"), [(0, 3), (1, 3), (3, 3), (4, 3), (10, 1), (2, 100)])
def test_spans_cover_everything_once(slots: int, length: int) -> None:
    found = list(spans(arrange([(minute(n), file(str(n))) for n in range(slots)], [], 0), length))
    assert sum(stop - start for start, stop in found) == slots
    assert all(0 < stop - start <= length for start, stop in found)
    assert all(before[1] == after[0] for before, after in pairwise(found))
    assert not found or (found[0][0], found[-1][1]) == (0, slots)
