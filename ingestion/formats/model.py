"""What every snapshot format is read into: a station, its status, its attributes, its bikes; and a format's interface.

Only types belong here: no reading, no rule. Change capture compares these tuples field by field, so each field is
tracked: a field that ticks without meaning (`dueDate`, `last_reported`) must not be added. A new field goes to the end; a
format that does not state it need not name it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from ingestion.formats.outline import Outline

# A raw station entry as `Format.split` gives it; what it is made of is the format's own business. Equal entries
# parse to equal stations, so the loader need not parse them. Unequal ones may do so too: spacing, or an untracked
# field, may be all that differs.
Entry = Any


class Bike(NamedTuple):
    """A bike as one snapshot lists it."""

    bike_id: str
    is_electric: bool | None = None
    status: str | None = None  # 'disponible' | 'indisponible', or as the feed says
    dock: str | None = None
    battery_percent: int | None = None
    rate: float | None = None
    rates_count: int | None = None
    last_rated_at: str | None = None  # as the feed says
    block_cause: str | None = None
    latitude: float | None = None  # only for a bike in the street
    longitude: float | None = None


class Status(NamedTuple):
    """What fct_station_status follows. Counts lie in -32768..32767; None where the feed does not say."""

    state: str | None = None
    bikes_available: int | None = None
    bikes_mechanical: int | None = None
    bikes_electric: int | None = None
    docks_free: int | None = None
    edocks_free: int | None = None
    docks_total: int | None = None
    edocks_total: int | None = None
    bikes_overflow: int | None = None
    ebikes_overflow: int | None = None
    bikes_to_collect: int | None = None
    bikes_to_fix: int | None = None
    density_level: int | None = None
    is_renting: bool | None = None
    is_returning: bool | None = None


class Attributes(NamedTuple):
    """What dim_station_history follows."""

    name: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    capacity: int | None = None
    state: str | None = None  # the same text as Status.state
    station_type: str | None = None
    type: str | None = None
    insee_code: str | None = None
    city_name: str | None = None
    max_overflow: int | None = None
    credit_card: str | None = None
    kiosk_state: str | None = None
    overflow: str | None = None
    overflow_activation: str | None = None
    is_altitude: bool | None = None


class Station(NamedTuple):
    """One entry of a snapshot."""

    code: str | None  # None: the entry is no station (a bike in the street, an open-data row without a code)
    attributes: Attributes | None
    status: Status | None  # None: this feed states no status
    bikes: tuple[Bike, ...]  # as listed, in the file's order
    bikes_counted: int | None  # what the entry's own counts say; None: this feed lists no bikes at all
    pieces: tuple[bytes, ...] = ()  # the bikes as the entry writes them, where that helps to parse the entry after it


class Format(Protocol):
    """The interface of a format: one module each, one object each in `ingestion.formats.FORMATS`."""

    name: str

    def fits(self, seen: Outline) -> bool:
        """Say from a payload's outline whether it is of this format: `detect` sketches a payload once for all formats."""

    def matches(self, payload: bytes) -> bool:
        """Say cheaply whether this payload looks like this format. Never raises."""

    def feed(self, payload: bytes) -> str:
        """Name the feed this payload belongs to unless the user says otherwise: mostly the format's name."""

    def split(self, payload: bytes) -> list[Entry]:
        """Cut the payload into its station entries, undecoded where possible. Raises FormatError."""

    def parse(self, entry: Entry, before: Station | None = None) -> Station:
        """Decode one entry. Raises FormatError naming the field.

        `before` is what the same station's entry in the snapshot before was read into; it may spare work and changes nothing.
        Bikes that were not read again are the same objects.
        """

    def captured_at(self, payload: bytes) -> datetime | None:
        """When the payload says it was captured (aware, UTC), or None where it does not say."""
