"""A payload cut by what the one before held has the entries that a scan finds, or has to be scanned."""

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingestion.formats.cut import Cut

_scan = msgspec.json.Decoder(list[msgspec.Raw])
_text = st.text(st.sampled_from('ab,[]{}"\\ é'), max_size=4)
_value = st.recursive(st.none() | st.integers(0, 9) | _text, lambda inner: st.dictionaries(_text, inner, max_size=2))
_entry = st.dictionaries(st.sampled_from(["c", "n", "b"]), _value | st.lists(_value, max_size=2), max_size=3)
_entries = st.lists(_entry, min_size=1, max_size=5)
_layout = st.sampled_from([("[", ",", "]"), ("[", ", ", "]"), (" [\n", "\n ,\n", "\n]\n")])


def write(entries: list[object], layout: tuple[str, str, str]) -> bytes:
    opening, separator, closing = layout
    return (opening + separator.join(msgspec.json.encode(each).decode() for each in entries) + closing).encode()


def cut(payload: bytes) -> Cut:
    return Cut.of(payload, _scan.decode(payload))


def decodes(entry: bytes) -> bool:
    try:
        msgspec.json.decode(entry)
    except msgspec.DecodeError:
        return False
    return True


def check(before: bytes, payload: bytes) -> None:
    known = cut(before)
    again = known.again(payload)
    if again is None or not all(decodes(new) for new, old in zip(again, known, strict=True) if new is not old):
        return  # whoever reads it scans it whole
    assert list(again) == [bytes(each) for each in _scan.decode(payload)]
    assert (again.opening, again.separator, again.closing) == (known.opening, known.separator, known.closing)


@given(_entries, _entries, _layout, _layout)
@example([{"c": 1}, {"c": 1}], [{"c": 1}, {"c": 1}, {"c": 1}], ("[", ",", "]"), ("[", ",", "]"))
@example([{"n": ","}, {"c": '{"c":'}], [{"n": ',{"c":'}, {"c": '{"c":'}], ("[", ",", "]"), ("[", ",", "]"))
def test_two_lists(
    before: list[object], after: list[object], layout: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    check(write(before, layout), write(after, layout))
    check(write(before, layout), write(after, other))


@given(_entries, st.data())
def test_a_list_whose_bytes_were_changed(entries: list[object], data: st.DataObject) -> None:
    before = write(entries, ("[", ",", "]"))
    start, stop = sorted(data.draw(st.integers(0, len(before))) for _ in range(2))
    check(
        before,
        before[:start] + data.draw(st.sampled_from([b"", b",", b"]", b'"', b"1", b'{"c":1},', before])) + before[stop:],
    )


@pytest.mark.parametrize("layout", [("[", ",", "]"), ("[", ", ", "]"), ("[\n", ",\n", "\n]\n")])
def test_unchanged_entries_are_the_same_objects_and_changed_ones_are_found(layout: tuple[str, str, str]) -> None:
    stations: list[object] = [{"code": str(code), "bikes": ["x" * 60, code]} for code in range(5)]
    before = cut(write(stations, layout))
    for changed in range(5):
        after = [
            {"code": str(changed), "bikes": ["y", "z"]} if code == changed else each
            for code, each in enumerate(stations)
        ]
        again = before.again(write(after, layout))
        assert again is not None
        assert [index for index, (new, old) in enumerate(zip(again, before, strict=True)) if new is not old] == [
            changed
        ]
        assert again[changed] == msgspec.json.encode(after[changed])
