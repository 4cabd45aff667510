"""How every format decodes JSON: the field types they share, and one translation of what goes wrong into FormatError.

What a single format alone needs belongs in its own module.

Leniency, the same everywhere: numbers may be text (`"12"`) and counts may be whole floats (`12.0`); texts may be
numbers; flags are yes/no, OUI/NON, true/false or 0/1 in any case. Of duplicate keys the last counts, as in most JSON
readers. A byte order mark is skipped. NaN, trailing text, trailing commas and comments are not JSON.

Deep nesting is stopped by Python's own recursion guard, which msgspec asks. On Python 3.13 that guard allows 10,000
levels, which take between 1 and 2 MB of stack: do not decode in threads made with less (the default is 8 MB).
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Hashable
from functools import lru_cache
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec
from msgspec import Meta

from ingestion.formats.errors import ENTRY, FormatError, Reason

T = TypeVar("T")
Rule = TypeVar("Rule", bound=Hashable)

MAX_COUNT = 32767  # counts are smallint in the warehouse
MAX_KEY_LENGTH = 200  # a longer one would not fit into an index row, and is no station code or bike id
MAX_TEXT_LENGTH = 10_000  # a longer one is no name and no date
# Decoded, a value takes some 60 times and an object some 400 times the two bytes it may be written in. A file of up to
# this size cannot exhaust the memory by that; a larger one has its values counted first. Paris has 200,000 in 4 MB.
UNCOUNTED_BYTES = 16 * 1024 * 1024
MAX_VALUES = 4_000_000
MAX_OBJECTS = 1_000_000

Count = Annotated[int, Meta(ge=-MAX_COUNT - 1, le=MAX_COUNT)]
# A measure may have decimals. Its bounds keep "NaN" and "Infinity" out: the one is not even equal to itself.
Measure = Annotated[float, Meta(ge=-MAX_COUNT - 1, le=MAX_COUNT)]
Latitude = Annotated[float, Meta(ge=-90, le=90)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]
Key = Annotated[str, Meta(min_length=1, max_length=MAX_KEY_LENGTH)] | int
LimitedText = Annotated[str, Meta(max_length=MAX_TEXT_LENGTH)]
Text = LimitedText | int | float | bool | None
Flag = str | int | bool | None

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_CHUNK = 1024 * 1024

_FLAGS = {"yes": True, "no": False, "oui": True, "non": False, "true": True, "false": False, "1": True, "0": False}
# The spellings met in real feeds are looked up as they are; the rest goes through flag().
FLAGS: dict[Any, bool | None] = {
    None: None,
    True: True,
    False: False,
    "yes": True,
    "no": False,
    "OUI": True,
    "NON": False,
}

# How a file begins that is no JSON, and what it is then.
_OTHER_BEGINNINGS = (
    (re.compile(rb"<(!doctype html|html|head|body)\b", re.IGNORECASE), "HTML, as a web server's error page is"),
    (re.compile(rb"<(\?xml|[a-z])", re.IGNORECASE), "XML"),
    (re.compile(rb"(//|/\*|#)"), "no JSON: it begins with a comment"),
    (re.compile(rb"[\w.$]+ *\("), "a script, as JSONP is"),
)

_MISSING = re.compile(r"Object missing required field `(?P<field>[^`]+)`")
_PATH = re.compile(r"^(?P<what>.*?)(?: - at `(?:key in )?\$(?P<path>[^`]*)`)?$", re.DOTALL)


def unmarked(payload: bytes) -> bytes:
    """The payload without a byte order mark. Every payload goes through here first, so here is where its values are counted."""
    if len(payload) > UNCOUNTED_BYTES:
        for kind, sign, limit in (("objects", b"{", MAX_OBJECTS), ("values", b",", MAX_VALUES)):
            if payload.count(sign) > limit:
                raise FormatError("too_large", f"the file holds more than {limit:,} {kind}, which no network has")
    return payload[len(BYTE_ORDER_MARK) :] if payload.startswith(BYTE_ORDER_MARK) else payload


def plain(payload: bytes) -> bytes:
    """The payload without a byte order mark, and surely UTF-8: msgspec does not look into what it skips."""
    payload = unmarked(payload)
    position = first_not_utf8(payload)
    if position is not None:
        if payload.startswith(_UTF_16_MARKS):
            raise FormatError("invalid_json", "the file is UTF-16, and JSON is UTF-8")
        raise FormatError("invalid_json", f"the file is not valid UTF-8 at byte {position}")
    return payload


def first_not_utf8(data: bytes) -> int | None:
    """Where data stops being UTF-8. In pieces: as a text, all at once, it may take four times its size."""
    if data.isascii():
        return None
    if len(data) <= _CHUNK:
        try:
            data.decode()
        except UnicodeDecodeError as error:
            return error.start
        return None
    position, view = 0, memoryview(data)
    while position < len(data):
        piece = view[position : position + _CHUNK]
        try:
            position += codecs.utf_8_decode(piece, "strict", position + len(piece) == len(data))[1]
        except UnicodeDecodeError as error:
            return position + error.start
    return None


def decode(decoder: msgspec.json.Decoder[T], data: Any, whole: str = "the file") -> T:
    """Decode, or raise FormatError. `whole` names in the message what `data` is: the file or ENTRY."""
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        explain(error, data, whole)


def explain(error: Exception, data: Any, whole: str) -> NoReturn:
    """Raise what msgspec found as a FormatError in the words of the feed."""
    if isinstance(error, RecursionError):
        raise FormatError("too_deep", f"{whole} is nested too deeply") from None
    if isinstance(error, UnicodeDecodeError):
        raise FormatError("invalid_json", f"{whole} is not valid UTF-8") from None
    if not isinstance(error, msgspec.ValidationError):
        if isinstance(error, msgspec.DecodeError) and _lone_surrogate(data):
            raise FormatError("wrong_shape", f"{whole} holds half a surrogate pair, which is no text") from None
        raise FormatError(
            "invalid_json", f"{whole} is not valid JSON: {_what_else(data) or _lower(str(error))}"
        ) from None
    match = _PATH.match(str(error))
    what, path = (match["what"], match["path"] or "") if match else (str(error), "")
    missing = _MISSING.search(what)
    if missing:
        # `$.station` lacks `code`: "field `code` is missing in entry 17's `station`"
        raise FormatError("missing_field", f"field `{missing['field']}` is missing in {_place(path, whole)}") from None
    parent, _, field = path.rpartition(".")
    subject = f"field `{field}` in {_place(parent, whole)}" if field else _place(path, whole)
    # Null or the empty text where something must stand: the value is missing, not misshapen.
    reason: Reason = "missing_field" if field and re.search(r"got `null`|length >= 1", what) else "wrong_shape"
    raise FormatError(reason, f"{subject}: {_lower(what)}") from None


def _place(path: str, whole: str) -> str:
    path = path.lstrip(".")
    return f"{whole}'s `{path}`" if path else whole


def _lower(text: str) -> str:
    return text if text.startswith("JSON") else text[:1].lower() + text[1:]


def _lone_surrogate(data: Any) -> bool:
    """Whether the only thing wrong is half a surrogate pair: the standard library reads that, msgspec does not."""
    if len(data := bytes(data)) > UNCOUNTED_BYTES or b"\\u" not in data:
        return False
    try:
        json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _what_else(data: Any) -> str | None:
    """What a file is instead of JSON, where its beginning tells: a web server's answer, a script, a disk's zeros.

    Never what it holds: what is no snapshot may be anybody's, and the quarantine is read by many.
    """
    beginning = bytes(data)[:200].lstrip()
    if not beginning.strip(b"\0"):
        return "it holds nothing but NUL bytes" if beginning else "it holds nothing but spaces"
    if b"\0" in beginning:
        return "it is UTF-16, or no text at all"
    for sign, what in _OTHER_BEGINNINGS:
        if sign.match(beginning):
            return f"it is {what}"
    if beginning[:1] not in b'[{"' and not beginning[:1].isdigit():
        return "it does not begin as JSON does"
    return None


def text(value: Text) -> str | None:
    """A text that some variants write as a number or a boolean."""
    if value is None or value.__class__ is str:
        return value  # type: ignore[return-value]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def key(value: str | int) -> str:
    """A station code or a bike id: always text."""
    if value.__class__ is str:
        return value  # type: ignore[return-value]
    result = str(value)
    if len(result) > MAX_KEY_LENGTH:
        raise FormatError("wrong_shape", f"a code or an id in {ENTRY} has more than {MAX_KEY_LENGTH} digits")
    return result


def flag(value: Flag, field: str) -> bool | None:
    """A yes or a no in one of the known spellings."""
    try:
        return FLAGS[value]
    except KeyError:
        known = _FLAGS.get(str(value).strip().lower())
        if known is None:
            raise FormatError("wrong_shape", f"field `{field}` in {ENTRY}: expected yes or no") from None
        return known


@lru_cache(maxsize=8)
def shared(rule: Rule) -> Rule:
    """Equal rules of several files as one object: each of their entries is compared with another's, by its rule too."""
    return rule


def percent(value: float | None) -> int | None:
    return None if value is None else round(value)


def total(parts: tuple[int | None, ...], field: str) -> int | None:
    """The sum of counts, of those that are known."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    result = sum(known)
    if not -MAX_COUNT - 1 <= result <= MAX_COUNT:
        raise FormatError("wrong_shape", f"{field} in {ENTRY}: {result} is out of range")
    return result
