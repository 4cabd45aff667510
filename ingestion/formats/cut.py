"""A payload cut into the entries of its one array, and the next payload cut by what the one before held.

Finding where 1,485 entries end means scanning 3.7 MB of JSON, nearly as long as decompressing them takes. Between two
neighbouring snapshots nine entries in ten are the same bytes in the same order, so their ends are known. What differs
is guessed to be one entry. Where each guess decodes as one whole JSON value, the entries are those a scan would find: an
array is values with commas between them, and a value says itself where it ends.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ingestion.formats.decoding import UNCOUNTED_BYTES

# So much of an entry's beginning is looked for to find where the one before it ends. Too little or too much costs time only.
_BEGINNING = 48
# What may stand around a value, which is none of it.
_SPACE = b" \t\r\n"


class Cut(list[bytes]):
    """The entries of an array, and what stands before, between and after them."""

    def __init__(self, entries: Sequence[bytes], opening: bytes, separator: bytes, closing: bytes) -> None:
        super().__init__(entries)
        self.opening, self.separator, self.closing = opening, separator, closing

    @classmethod
    def of(cls, payload: bytes, raw_entries: Sequence[msgspec.Raw]) -> Cut:
        """The entries of `payload` (at least one), as the decoder found them. Copies, so that they do not keep the payload."""
        entries = [bytes(each) for each in raw_entries]
        start = payload.index(entries[0])
        opening, separator = payload[:start], b","
        if len(entries) > 1:
            end = start + len(entries[0])
            separator = payload[end : payload.index(entries[1], end)]
        return cls(entries, opening, separator, payload[payload.rindex(entries[-1]) + len(entries[-1]) :])

    def again(self, payload: bytes) -> Cut | None:
        """As many entries of another payload, unchanged ones as the very same objects; None where it has to be scanned.

        Whoever takes them has to decode each new one, and to scan the whole payload where one does not decode.
        """
        if len(payload) > UNCOUNTED_BYTES or not payload.startswith(self.opening) or not payload.endswith(self.closing):
            return None
        separator, width, last = self.separator, len(self.separator), len(self) - 1
        follows = payload.startswith
        position, stop = len(self.opening), len(payload) - len(self.closing)
        entries: list[bytes] = []
        for index, entry in enumerate(self):
            if follows(entry, position):
                end = position + len(entry)
                if follows(separator, end) if index < last else end == stop:
                    entries.append(entry)
                    position = end + width
                    continue
            end = stop if index == last else payload.find(separator + self[index + 1][:_BEGINNING], position, stop)
            if end < position:
                return None
            entries.append(payload[position:end].strip(_SPACE))
            position = end + width
        return Cut(entries, self.opening, separator, self.closing)


def changed_part(text: bytes, start: int, stop: int, pieces: Sequence[bytes]) -> tuple[int, int, bytes] | None:
    """What of an array's inside, text[start:stop], is not as it was when it held `pieces`: (first, last, middle).

    The array holds pieces[:first], then the values that `middle` writes with commas between them, then pieces[last:]. That
    is so if `middle` is empty, or decodes as the inside of an array with a value in it. None where commas do not fit.
    """
    first, last = 0, len(pieces)
    position = left = start  # where the next piece would begin; where the last one known from the left ends
    while first < last and text.startswith(pieces[first], position):
        left = position + len(pieces[first])
        position = left + 1
        first += 1
        if text[left : left + 1] != b",":
            break
    right = end = stop
    while first < last and text.endswith(pieces[last - 1], position, end):
        last -= 1
        right = end - len(pieces[last])
        end = right - 1
        if end < position or text[end : end + 1] != b",":
            break
    gap = text[left:right]
    if first and last < len(pieces):
        if gap == b",":
            return first, last, b""
        return (first, last, gap[1:-1]) if len(gap) > 2 and gap[:1] == gap[-1:] == b"," else None
    if not gap or not (first or last < len(pieces)):
        return first, last, gap
    if first:
        return (first, last, gap[1:]) if len(gap) > 1 and gap[:1] == b"," else None
    return (first, last, gap[:-1]) if len(gap) > 1 and gap[-1:] == b"," else None
