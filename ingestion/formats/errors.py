"""The one error a format raises, and its reasons, which quarantine keeps as they are."""

from __future__ import annotations

from typing import Literal

Reason = Literal["invalid_json", "unknown_format", "empty_list", "missing_field", "wrong_shape", "too_deep"]


class FormatError(ValueError):
    """A payload that cannot be read. `str(error)` is one line for the user; `reason` is for counting."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(reason, message)
        self.reason: Reason = reason
        self.message = message

    def __str__(self) -> str:
        return self.message
