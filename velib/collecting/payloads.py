"""Whether an answer is a snapshot at all, by the formats that load it.

What no reader could ever use is not written: an error page, half a body, an empty list. A snapshot with a field that our
readers do not understand is: the loader quarantines it, and a later version may read it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingestion.formats import FORMATS, FormatError, detect
from velib.collecting.client import FetchError

_NEVER = ("invalid_json", "empty_list", "unknown_format", "too_deep", "too_large")


class UnusableError(FetchError):
    """An answer that is no snapshot. `why` is one word, the quarantine's."""

    def __init__(self, why: str, detail: str, body: bytes) -> None:
        super().__init__("unusable", detail)
        self.why = why
        self.body = body


@dataclass(frozen=True)
class Answer:
    """What a feed answered: a snapshot as it is to be written."""

    payload: bytes
    received_at: int  # seconds since 1970: the time of capture
    entries: int | None  # stations, or bikes in the street; None where a field keeps us from counting them


def check(body: bytes, format_name: str) -> int | None:
    """How many entries the answer has. Raises UnusableError where it is no snapshot of that format."""
    try:
        found = detect(body)
        if found.name != format_name:
            raise UnusableError("unknown_format", f"the answer is of the format {found.name}, not {format_name}", body)
        return len(FORMATS[format_name].split(body))
    except FormatError as error:
        if error.reason in _NEVER:
            detail = str(error).replace("the file", "the answer")
            raise UnusableError(error.reason, detail, body) from None
        return None
