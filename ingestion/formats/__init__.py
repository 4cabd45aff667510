"""The snapshot formats by name, and finding a payload's format. The formats themselves are one module each."""

from __future__ import annotations

from ingestion.formats.errors import FormatError
from ingestion.formats.model import Format

FORMATS: dict[str, Format] = {}


def detect(payload: bytes) -> Format:
    """Find the format of a payload. Raises FormatError where none fits."""
    for candidate in FORMATS.values():
        if candidate.matches(payload):
            return candidate
    raise FormatError("unknown_format", "no known format: expected one of " + ", ".join(FORMATS))


__all__ = ["FORMATS", "Format", "FormatError", "detect"]
