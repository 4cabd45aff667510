"""Change capture over files, whatever they are like: how a batch is cut into spans, and what is in between, leaves no trace.

Properties of two neighbouring snapshots are in test_network_state.py, those of file names in test_capture_time.py.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import app, minute, street, write

from ingestion.capture.arrow_tables import CHANGE_SETS, from_ipc
from ingestion.capture.extraction import Expected, SpanResult, extract_span
from ingestion.capture.network_state import Counts, NetworkState
from ingestion.capture.timeline import LoadedSnapshot, Slot, arrange
from ingestion.formats import FORMATS
from ingestion.formats.model import Station
from ingestion.landing.files import LandingFile

BROKEN = [b"[]", b"", b"\x1f\x8b", b'{"what": "is this"}']
STATIONS = st.dictionaries(st.sampled_from("123"), st.lists(st.sampled_from("abcd"), max_size=3), max_size=3)
CONTENTS = {
    "velib_app": st.one_of(STATIONS.map(app), st.sampled_from(BROKEN)),
    "nextbike": st.one_of(
        st.builds(street, STATIONS, st.lists(st.sampled_from("abcd"), max_size=2)), st.sampled_from(BROKEN)
    ),
}
# Each slot has a file or two; which of those it loads is decided by their contents.
FILES = st.sampled_from(list(CONTENTS)).flatmap(
    lambda name: st.tuples(
        st.just(name), st.lists(st.lists(CONTENTS[name], min_size=1, max_size=2), min_size=1, max_size=7)
    )
)


def slots_of(folder: Path, contents: Sequence[Sequence[bytes]]) -> list[Slot]:
    files = [
        (minute(number), _listed(write(folder, number, content, prefix=prefix)))
        for number, claims in enumerate(contents)
        for prefix, content in zip("ab", claims, strict=False)
    ]
    return arrange(files, [], 100)


def _listed(path: Path) -> LandingFile:
    about = path.stat()
    return LandingFile(str(path), about.st_size, about.st_mtime_ns)


def rows(results: Iterable[SpanResult]) -> dict[str, list[Any]]:
    """All change sets, and the outcomes that are none, as lists that compare."""
    found: dict[str, list[Any]] = {"quarantined": [], "duplicates": []}
    for result in results:
        for name, data in result.tables.items():
            found.setdefault(name, []).extend(_changes(name, from_ipc(data).to_pylist()))
        found["quarantined"] += [(each.file.path, each.reason) for each in result.quarantined]
        found["duplicates"] += [each.file.path for each in result.duplicates]
    # Within a change set rows have no order: stations that are not listed any more come in that of the file before.
    return {name: sorted(each, key=str) for name, each in found.items()}


def _changes(name: str, stored: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """The rows of a table; of a table of change sets each change as one."""
    if name not in CHANGE_SETS:
        return stored
    columns = CHANGE_SETS[name].names
    return [
        {"change_set_id": row["change_set_id"], **dict(zip(columns, change, strict=True))}
        for row in stored
        for change in zip(*(row[each] or [None] * len(row[columns[0]]) for each in columns), strict=True)
    ]


@given(FILES, st.sets(st.integers(1, 6)))
@settings(max_examples=150, deadline=None)
def test_any_partition_into_spans_gives_the_same_change_sets(
    files: tuple[str, list[list[bytes]]], cuts: set[int]
) -> None:
    format_name, contents = files
    expected = Expected("feed", format_name, 1_000_000, feed_is_forced=True)
    with tempfile.TemporaryDirectory() as folder:
        slots = slots_of(Path(folder), contents)
        whole = extract_span(slots, 0, len(slots), expected)
        borders = [0, *sorted(cut for cut in cuts if cut < len(slots)), len(slots)]
        parts = [extract_span(slots, *span, expected) for span in pairwise(borders)]
    assert rows(parts) == rows([whole])
    # What the loader checks to know that nobody changed a file at a border.
    assert [part.starts_after for part in parts[1:]] == [part.ends_at for part in parts[:-1]]
    assert parts[-1].ends_at == whole.ends_at


@given(FILES, st.integers(0, 6), st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_late_file_gives_the_change_sets_of_one_load_in_order(
    files: tuple[str, list[list[bytes]]], late: int, file_is_gone: bool
) -> None:
    """Between loaded neighbours; the one before it by its file, or by what the change sets tell where that is gone."""
    format_name, contents = files
    contents = [claims[:1] for claims in contents]
    late %= len(contents)
    expected = Expected("feed", format_name, 1_000_000, feed_is_forced=True)
    with tempfile.TemporaryDirectory() as folder:
        slots = slots_of(Path(folder), contents)
        in_order = rows([extract_span(slots, 0, len(slots), expected)])
        loaded = {row["snapshot_at"]: row for row in in_order.get("snapshots", [])}
        before = max((at for at in loaded if at < minute(late)), default=None)
        after = min((at for at in loaded if at > minute(late)), default=None)
        neighbours = [_loaded(loaded[at]) for at in (before, after) if at is not None]
        around = arrange([(minute(late), slots[late].candidates[0])], neighbours, 100)
        for slot in around:
            slot.change_set_id = 100 + [each.captured_at for each in slots].index(slot.captured_at)
        if before is not None and file_is_gone:
            path = next(slot.candidates[0].path for slot in slots if slot.captured_at == before)
            around[0].content = list(_stations(format_name, Path(path).read_bytes()))
            Path(path).unlink()
        result = rows([extract_span(around, 0, len(around), expected)])
    if minute(late) not in loaded:
        assert "snapshots" not in result
        return
    rewritten = {row["change_set_id"] for at, row in loaded.items() if at in (minute(late), after)}
    for name in ("snapshots", "station_change_sets", "station_attribute_changes", "bike_change_sets"):
        expected_rows = [row for row in in_order.get(name, []) if row["change_set_id"] in rewritten]
        assert result.get(name, []) == expected_rows


def _loaded(row: dict[str, Any]) -> LoadedSnapshot:
    return LoadedSnapshot(
        row["feed"],
        row["snapshot_at"],
        row["previous_snapshot_at"],
        row["change_set_id"],
        LandingFile(row["file"], row["file_bytes"], row["file_modified_ns"]),
        row["content_hash"],
        row["format"],
        Counts(
            row["station_count"],
            row["station_without_code_count"],
            row["station_listed_twice_count"],
            row["bike_count"],
            row["bike_in_street_count"],
            row["bike_listed_twice_count"],
        ),
    )


def _stations(format_name: str, payload: bytes) -> Iterator[Station]:
    """A snapshot as ingestion.loading.rebuilding makes it: each bike at the one place that counts."""
    places = NetworkState(FORMATS[format_name]).read(payload).places
    for code, place in places.items():
        bikes = tuple(
            bike
            for bike_id, bike in place.bikes.items()
            if code
            == min((each for each in places if bike_id in places[each].bikes), key=lambda each: (not each, each))
        )
        yield place.station._replace(bikes=bikes, bikes_counted=None)


def test_the_properties_have_something_to_hold_on_to(tmp_path: Path) -> None:
    slots = slots_of(tmp_path, [[app({"1": ["a"]})], [app({"1": ["b"]}), b"[]"]])
    found = rows([extract_span(slots, 0, 2, Expected("feed", "velib_app", 1_000_000, feed_is_forced=True))])
    assert (len(found["snapshots"]), len(found["bike_change_sets"]), len(found["quarantined"])) == (2, 3, 1)
