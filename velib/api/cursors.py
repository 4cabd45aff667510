"""Where a walk through a listing stands: the key of the last row that was read, and what was asked for.

Opaque to clients. A cursor names a place between rows, not a number of rows, so rows that come or go meanwhile shift nothing. It is
not signed: a forged one can only stand at another place of the same query, with values that are bound as any other.
"""

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

import orjson

from velib.api.problems import Problem, unusable

MOST_CHARACTERS = 2000


@dataclass(frozen=True)
class Cursor:
    """`values` are those of the columns that the listing is sorted by; `begin` is where a period by default began."""

    values: list[Any]
    begin: Any = None


def signature(*asked: Any) -> str:
    """Of what was asked for: a cursor is of use for that alone."""
    return hashlib.blake2b(repr(asked).encode(), digest_size=8).hexdigest()


def encode(cursor: Cursor, signed: str) -> str:
    told = orjson.dumps([signed, cursor.values, cursor.begin], default=str)
    return base64.urlsafe_b64encode(told).rstrip(b"=").decode()


def decode(text: str, signed: str, length: int) -> Cursor:
    """Raises a Problem for what is no cursor of this query. The values' types are still to be checked."""
    try:
        told = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        found, values, begin = told
    except ValueError:
        raise _wrong("this is no cursor: take `next_cursor` from an answer as it is") from None
    if not isinstance(found, str) or not isinstance(values, list):
        raise _wrong("this is no cursor: take `next_cursor` from an answer as it is")
    if found != signed:
        raise Problem(
            400,
            "the cursor belongs to another query: keep path, filters and sorting the same, or leave it out to begin anew",
            "cursor-of-another-query",
        )
    if len(values) != length:
        raise _wrong("this is no cursor: take `next_cursor` from an answer as it is")
    return Cursor(values, begin)


def _wrong(message: str) -> Problem:
    return unusable("cursor", message)
