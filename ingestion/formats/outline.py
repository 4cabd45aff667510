"""The outline of a payload: what stands at its top, read without decoding the rest. Formats recognise themselves by it.

Recognition must be cheap for the commonest case, a bare array of megabytes: its first entries are enough.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import msgspec

from ingestion.formats.decoding import decode, plain, unmarked
from ingestion.formats.errors import FormatError

_PREFIX = 65536  # a station with every bike of a large one takes a third of this
_FIRST_ENTRIES = 3

_members: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])
_anything = msgspec.json.Decoder(msgspec.Raw)
_scan = json.JSONDecoder().raw_decode


class Outline(NamedTuple):
    """What stands at the top of a payload."""

    is_list: bool
    entry_keys: frozenset[str]  # of a list: the keys of its first entries
    is_empty: bool  # a list of nothing
    members: dict[str, msgspec.Raw]  # of an object


def sketch(payload: bytes) -> Outline:
    """Read the outline. Raises FormatError where the payload is no JSON (as far as it had to be read)."""
    start = unmarked(payload).lstrip(b" \t\r\n")[:_PREFIX]
    if start.startswith(b"["):
        keys = _first_keys(start)
        if keys is not None:
            return Outline(True, keys, False, {})
        entries = decode(_items, plain(payload))
        return Outline(True, keys_of(entries), not entries, {})
    if start.startswith(b"{"):
        return Outline(False, frozenset(), False, decode(_members, plain(payload)))
    decode(_anything, plain(payload))
    return Outline(False, frozenset(), False, {})


def keys_of(entries: list[msgspec.Raw]) -> frozenset[str]:
    """The keys of the first entries of a list; entries that are no objects have none."""
    keys: set[str] = set()
    for entry in entries[:_FIRST_ENTRIES]:
        if bytes(entry).startswith(b"{"):
            keys.update(members(entry))
    return frozenset(keys)


def items(value: msgspec.Raw | None) -> list[msgspec.Raw] | None:
    """The entries of a member that is a list; None where it is none."""
    return decode(_items, value) if value is not None and bytes(value).startswith(b"[") else None


def members(value: msgspec.Raw | None) -> dict[str, msgspec.Raw]:
    """The members of a member that is an object; none where it is none."""
    return decode(_members, value) if value is not None and bytes(value).startswith(b"{") else {}


def _first_keys(start: bytes) -> frozenset[str] | None:
    """The keys of the first entries of an array, from its start alone; None where that does not suffice."""
    beginning = start.decode("utf-8", "replace")
    keys: set[str] = set()
    position = 1
    for _ in range(_FIRST_ENTRIES):
        while beginning[position : position + 1] in {" ", "\t", "\r", "\n", ","}:
            position += 1
        try:
            entry, position = _scan(beginning, position)
        except (ValueError, RecursionError):
            break
        if isinstance(entry, dict):
            keys.update(entry)
    return frozenset(keys) or None


def describe(seen: Outline) -> str:
    """What was there instead of a known format, in words safe for a terminal and a database."""
    if seen.is_list:
        return f"a list of objects with {_some(seen.entry_keys)}" if seen.entry_keys else "a list of something else"
    return f"an object with {_some(seen.members)}" if seen.members else "neither a list nor an object of stations"


def _some(names: Any) -> str:
    shown = [ascii(name[:40]) for name in sorted(names)[:5]]
    return ", ".join(shown) + (", …" if len(names) > len(shown) else "")


def matches(payload: bytes, fits: Any) -> bool:
    """Whether a payload's outline fits; a payload that cannot be read fits nothing."""
    try:
        return bool(fits(sketch(payload)))
    except FormatError:
        return False
