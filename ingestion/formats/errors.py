"""The one error a format raises, and its reasons, which quarantine keeps as they are."""

from __future__ import annotations

from typing import Literal

Reason = Literal[
    "invalid_json",
    "unknown_format",
    "empty_list",
    "missing_field",
    "wrong_shape",
    "too_deep",
    "too_large",
    "contradicts_itself",
    "implausible_capture_time",
    "from_the_future",
]

# Stands in a message for the entry it is about: a format parses one entry alone and cannot know its number.
ENTRY = "<entry>"


class FormatError(ValueError):
    """A payload that cannot be read. `str(error)` is one line for the user; `reason` is for counting."""

    def __init__(self, reason: Reason, message: str, entry: str = "an entry") -> None:
        # All arguments go to the base class: an error must survive the way back from a worker process.
        super().__init__(reason, message, entry)
        self.reason: Reason = reason
        self.message = message
        self.entry = entry

    def in_entry(self, number: int) -> FormatError:
        """The same error, naming the entry, counted from 1 as people do."""
        return FormatError(self.reason, self.message, f"entry {number}")

    def __str__(self) -> str:
        return self.message.replace(ENTRY, self.entry)
