"""What each station is, over all feeds, and the district that it lies in: the rules of docs/decisions, from the full snapshots."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from ingestion.formats.model import Attributes
from reference.network import FullSnapshot

SEEDS = Path(__file__).parents[2] / "dbt_project" / "seeds"
GREATER_PARIS = (48.6, 2.0, 49.1, 2.8)


def attributes_now(feeds: Mapping[str, Sequence[FullSnapshot]]) -> dict[str, Attributes]:
    """Of each attribute the latest non-null statement: what a feed says anew, or of a station that it lists again."""
    statements = []
    for feed, snapshots in feeds.items():
        before: Mapping[str, Attributes | None] = {}
        for snapshot in snapshots:
            listed = {code: station.attributes for code, station in snapshot.stations.items()}
            statements += [
                (snapshot.captured_at, feed, code, stated)
                for code, stated in listed.items()
                if stated is not None and (code not in before or before[code] != stated)
            ]
            before = listed
    now: dict[str, Attributes] = {}
    for _, _, code, stated in sorted(statements, key=lambda each: each[:3]):
        said = {name: value for name, value in stated._asdict().items() if value is not None}
        now[code] = now[code]._replace(**said) if code in now else stated
    return now


def districts(feeds: Mapping[str, Sequence[FullSnapshot]]) -> dict[str, str]:
    """The district of each station that has one."""
    found = {code: _district(code, attributes) for code, attributes in attributes_now(feeds).items()}
    return {code: district for code, district in found.items() if district is not None}


def _district(code: str, attributes: Attributes) -> str | None:
    south, west, north, east = GREATER_PARIS
    latitude, longitude, insee = attributes.latitude, attributes.longitude, attributes.insee_code
    is_coded = (
        code.isdecimal()
        and latitude is not None
        and longitude is not None
        and south <= latitude <= north
        and west <= longitude <= east
    )
    by_code = _named_by_code(code) if is_coded else None
    if insee is None or (insee == "75056" and by_code is not None and by_code.startswith("751")):
        return by_code
    return insee if is_coded or insee.startswith("751") else None


def _named_by_code(code: str) -> str | None:
    with (SEEDS / "station_prefix_exceptions.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["station_code"] == code:
                return row["insee_code"]
    number = int(code)
    level, prefix = ("arrondissement", number // 1000) if number < 21000 else ("commune", number // 100)
    with (SEEDS / "station_prefixes.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if (row["level"], int(row["prefix"])) == (level, prefix):
                return row["insee_code"]
    return None
