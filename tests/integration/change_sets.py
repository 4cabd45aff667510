"""Full snapshots, rebuilt from the change sets in the raw schema, to compare with their files.

The rebuild is written from docs/decisions, not from the loader, and compares with tests/reference, which reads the files
without it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from reference.network import FullSnapshot

from ingestion.formats.model import Attributes, Bike, Status

# Of two rows for one snapshot the one that was written last counts, and none whose load did not come to its end.
SNAPSHOTS = """
    select distinct on (feed, snapshot_at) feed, snapshot_at, change_set_id, station_count, bike_count,
        bike_listed_twice_count
    from raw.snapshots
    where _dlt_load_id in (select load_id from raw.loads where completed_at is not null)
    order by feed, snapshot_at, change_set_id desc
"""
NO_STATUS = Status()
NO_ATTRIBUTES = Attributes()


class Content(NamedTuple):
    """What a snapshot says, in the tracked fields."""

    stations: dict[str, tuple[Status, Attributes]]
    bikes: dict[str, tuple[str | None, Bike]]


class Rebuilt(NamedTuple):
    captured_at: datetime
    content: Content
    counts: tuple[int, int, int]
    """Stations, bikes and bikes listed more than once, as raw.snapshots says."""


class StationChange(NamedTuple):
    station_code: str
    is_listed: bool
    is_relisted: bool
    status: Status


class BikeChange(NamedTuple):
    is_present: bool
    station_code: str | None
    bike: Bike


class ChangeSets:
    """The change rows of the raw schema, by change set."""

    def __init__(self, cursor: Any) -> None:
        self.stations: dict[int, list[StationChange]] = defaultdict(list)
        self.attributes: dict[int, list[tuple[str, Attributes]]] = defaultdict(list)
        self.bikes: dict[int, list[BikeChange]] = defaultdict(list)
        rows = _rows(cursor, "station_changes", "station_code", "is_listed", "is_relisted", *Status._fields)
        for change_set, code, is_listed, is_relisted, *status in rows:
            self.stations[change_set].append(StationChange(code, is_listed, is_relisted, Status(*status)))
        rows = _rows(cursor, "station_attribute_changes", "station_code", *Attributes._fields)
        for change_set, code, *attributes in rows:
            self.attributes[change_set].append((code, Attributes(*attributes)))
        rows = _rows(cursor, "bike_changes", "is_present", "station_code", *Bike._fields)
        for change_set, is_present, code, *bike in rows:
            self.bikes[change_set].append(BikeChange(is_present, code, Bike(*bike)))


def _rows(cursor: Any, table: str, *columns: str) -> list[tuple[Any, ...]]:
    cursor.execute(f"select change_set_id, {', '.join(columns)} from raw.{table}")
    return list(cursor.fetchall())


def rebuild(snapshots: list[tuple[Any, ...]], changes: ChangeSets) -> Iterator[Rebuilt]:
    """Apply one feed's change sets in time order."""
    listed: dict[str, Status] = {}
    attributes: dict[str, Attributes] = {}
    bikes: dict[str, tuple[str | None, Bike]] = {}  # those of unobserved stations too: nothing says that they left
    for _, captured_at, change_set, *counts in snapshots:
        for code, is_listed, is_relisted, status in changes.stations[change_set]:
            assert is_relisted == (is_listed and code not in listed), f"{captured_at}: is_relisted of station {code}"
            if not is_listed:
                del listed[code]
                continue
            listed[code] = status
            if is_relisted:  # it states all its bikes anew
                bikes = {bike_id: known for bike_id, known in bikes.items() if known[0] != code}
        attributes.update(changes.attributes[change_set])
        touched = [change.bike.bike_id for change in changes.bikes[change_set]]
        assert len(touched) == len(set(touched)), f"{captured_at}: a bike changes twice"
        for is_present, place, bike in changes.bikes[change_set]:
            if is_present:
                bikes[bike.bike_id] = place, bike
            else:
                left, _ = bikes.pop(bike.bike_id)
                assert left == place, f"{captured_at}: bike {bike.bike_id} left {place}, but was at {left}"
        content = Content(
            {code: (status, attributes.get(code, NO_ATTRIBUTES)) for code, status in listed.items()},
            {bike_id: known for bike_id, known in bikes.items() if known[0] is None or known[0] in listed},
        )
        yield Rebuilt(captured_at, content, (counts[0], counts[1], counts[2]))


def of_file(snapshot: FullSnapshot) -> Content:
    return Content(
        {
            code: (station.status or NO_STATUS, station.attributes or NO_ATTRIBUTES)
            for code, station in snapshot.stations.items()
        },
        snapshot.bikes,
    )


def differences(rebuilt: Content, file: Content, most: int = 5) -> list[str]:
    """The first few, readable."""
    found = []
    for kind in Content._fields:
        ours, theirs = getattr(rebuilt, kind), getattr(file, kind)
        found += [
            f"{kind} {key}:\n    rebuilt {ours.get(key, '(absent)')}\n    in file {theirs.get(key, '(absent)')}"
            for key in sorted(ours.keys() | theirs.keys())
            if ours.get(key) != theirs.get(key)
        ]
    return found[:most]
