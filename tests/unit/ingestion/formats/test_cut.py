"""A payload cut by what the one before held has the entries that a scan finds, or has to be scanned."""

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingestion.formats.cut import Cut, changed_part

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
    except ValueError:  # no JSON, or no UTF-8
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


_piece = st.sampled_from([b'{"b":1}', b'{"b":2}', b'{"b":[{"b":1}]}', b'{"b":"},{"}'])


@given(st.lists(_piece, max_size=4), st.lists(_piece, max_size=4), st.sampled_from([b",", b", "]), st.data())
@example([b'{"b":1}'], [b'{"b":1}'], b",", None)
def test_what_is_new_inside_an_array(
    before: list[bytes], after: list[bytes], separator: bytes, data: st.DataObject | None
) -> None:
    inside = separator.join(after)
    if data is not None:  # now and then what is no array
        start, stop = sorted(data.draw(st.integers(0, len(inside))) for _ in range(2))
        inside = data.draw(st.sampled_from([inside, inside, inside[:start] + b"," + inside[stop:], inside + b","]))
    found = changed_part(b"[" + inside + b"]", 1, 1 + len(inside), before)
    if found is None:
        return
    first, last, middle = found
    try:
        new = [bytes(each) for each in _scan.decode(b"[" + middle + b"]")]
    except ValueError:
        return
    if middle and not new:
        return
    assert [*before[:first], *new, *before[last:]] == [bytes(each) for each in _scan.decode(b"[" + inside + b"]")]


def test_only_what_is_new_is_left_to_read() -> None:
    one, two, three = b'{"b":1}', b'{"b":2}', b'{"b":3}'
    for before, after, expected in (
        ([one, two], [one, two], (2, 2, b"")),
        ([one, two, three], [one, three], (1, 2, b"")),
        ([one, three], [one, two, three], (1, 1, two)),
        ([one], [one, two], (1, 1, two)),
        ([two], [one, two], (0, 0, one)),
        ([one], [], (0, 1, b"")),
        ([], [one, two], (0, 0, one + b"," + two)),
        ([one, two, three], [one, b"{}", three], (1, 2, b"{}")),
    ):
        inside = b",".join(after)
        assert changed_part(inside, 0, len(inside), before) == expected, (before, after)
