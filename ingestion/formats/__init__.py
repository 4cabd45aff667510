"""The snapshot formats by name, finding a payload's format, and reading a payload whole. One module a format."""

from __future__ import annotations

from ingestion.formats.errors import FormatError
from ingestion.formats.gbfs import Gbfs
from ingestion.formats.model import Format, Station
from ingestion.formats.nextbike import Nextbike
from ingestion.formats.outline import describe, sketch
from ingestion.formats.velib_app import VelibApp
from ingestion.formats.velib_opendata import VelibOpendata

_FORMATS = (VelibApp(), VelibOpendata(), Gbfs(), Nextbike())
FORMATS: dict[str, Format] = {each.name: each for each in _FORMATS}


def detect(payload: bytes) -> Format:
    """Find the format of a payload. Raises FormatError where none fits."""
    seen = sketch(payload)
    for candidate in _FORMATS:
        if candidate.fits(seen):
            return candidate
    if seen.is_empty:
        raise FormatError("empty_list", "the file is an empty list")
    raise FormatError("unknown_format", f"none of the formats {', '.join(FORMATS)}: {describe(seen)}")


def read(payload_format: Format, payload: bytes) -> list[Station]:
    """Read every entry of a payload; an error names the entry."""
    result = []
    for number, entry in enumerate(payload_format.split(payload), 1):
        try:
            result.append(payload_format.parse(entry))
        except FormatError as error:
            raise error.in_entry(number) from None
    return result


__all__ = ["FORMATS", "Format", "FormatError", "detect", "read"]
