"""Whether a feed's files look like those of several: by their names and places alone."""

from __future__ import annotations

import pytest

from ingestion.loading.origins import mixture, origin

A = [f"/in/a/{day:02}/velib_202606{day:02}_{hour:02}0000.json" for day in range(1, 4) for hour in range(24)]
B = [f"/in/b/bikes-202606{day:02}T{hour:02}0100Z.json.gz" for day in range(1, 4) for hour in range(24)]


@pytest.mark.parametrize(
    "path",
    [
        "/in/2027/11/24/velib_20271124_090501.json.gz",
        "/in/2027/1/4/velib_20270104_090501_CEST.json",
        "/in/2026/11/04/velib_20261104T090501Z.json",
    ],
)
def test_one_collector_has_one_origin(path: str) -> None:
    assert origin(path).replace("#T#", "#_#") == "/in/#/#/#/velib_#_#"


def test_one_feed_is_one() -> None:
    assert mixture("f", A, []) is None
    assert mixture("f", A + B, []) is None, "a collector that was followed by another"
    assert mixture("f", [*A[:10], *B[:4], *A[10:20], *B[4:8], *A[20:]], []) is None, (
        "gaps that were filled from elsewhere"
    )
    assert mixture("f", A, [(path, path.replace("/in/a/", "/in/a/x/")) for path in A[:9]]) is None
    assert mixture("f", A, [(path, path.replace("0000.", "0001.")) for path in A]) is None, (
        "one collector, started twice"
    )
    assert mixture("f", [], []) is None


def test_collectors_that_take_turns_are_several() -> None:
    found = mixture("f", [path for pair in zip(A, B, strict=True) for path in pair], [])
    assert found is not None
    assert (found.snapshots, found.turns, found.conflicts) == (144, 143, 0)
    assert found.said == (
        "these look like several feeds: use feed=NAME (a folder, or --feed) for each;"
        " 143 of 144 snapshots come from elsewhere than the one before: /in/a/#/velib_#_#, /in/b/bikes-#T#"
    )


def test_collectors_that_conflict_are_several() -> None:
    found = mixture("f", A, list(zip(A, B, strict=True)))
    assert found is not None
    assert (found.turns, found.conflicts) == (0, 72)
    assert "72 files conflict with one from elsewhere" in found.said
