"""A loader and a schema as the first generation had them: every bike's position of every snapshot is a row.

Its tables are those that the views in `compat` stand for. A file at a time: json.loads, then execute_values with
`on conflict do nothing`, then a commit.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from psycopg2.extensions import connection as Connection  # noqa: N812
from psycopg2.extras import execute_values

from ingestion.landing.capture_time import from_name
from velib.postgres.database import connect

SCHEMA = "first_generation"

_TABLES = f"""
drop schema if exists {SCHEMA} cascade;
create schema {SCHEMA};
set search_path to {SCHEMA};
create table station (
    station_code text primary key, name text, latitude double precision, longitude double precision, stationtype text,
    type text, nbdock_total integer, nbedock_total integer, maxbikeoverflow integer
);
create table velo (velo_name text primary key, bikeelectric text);
create table snapshot (snapshot_id integer primary key, timestamp_capture timestamp not null unique);
create table etat_station (
    snapshot_id integer not null references snapshot, station_code text not null references station, state text,
    nbbike integer, nbebike integer, nbfreedock integer, nbfreeedock integer, nbdock integer, nbedock integer,
    nbbikeoverflow integer, nbebikeoverflow integer, nbbikeblockedtocollect integer, nbbikeblockedtofixinstation integer,
    densitylevel integer,
    primary key (snapshot_id, station_code)
);
create table localisation_velo (
    loc_id bigserial primary key, snapshot_id integer not null references snapshot,
    velo_name text not null references velo, station_code text not null references station, bikestatus text,
    dockposition text, bikeblockcause text, bikebatterylevel integer,
    unique (snapshot_id, velo_name)
);
"""

_STATUS = (
    "nbBike", "nbEbike", "nbFreeDock", "nbFreeEDock", "nbDock", "nbEDock", "nbBikeOverflow", "nbEBikeOverflow",
    "nbBikeBlockedToCollect", "nbBikeBlockedToFixInStation", "densityLevel",
)  # fmt: skip


@dataclass(frozen=True)
class FirstGeneration:
    """What it took for a sample."""

    seconds: float
    bytes_of_snapshots: int
    """Of the three tables that grow with every snapshot, with their indexes."""


def load(files: Sequence[Path]) -> FirstGeneration:
    """Load a sample into a schema of its own in the warehouse at hand, and remove it again."""
    with closing(connect("velib bench")) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute(_TABLES)
        started = time.perf_counter()
        for file in files:
            _load_file(connection, file)
            connection.commit()
        seconds = time.perf_counter() - started
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "select sum(pg_total_relation_size(name::regclass)) "
                "from unnest(array['snapshot', 'etat_station', 'localisation_velo']) as name"
            )
            row = cursor.fetchone()
            cursor.execute(f"drop schema {SCHEMA} cascade")
        assert row is not None
        return FirstGeneration(seconds, int(row[0]))


def _load_file(connection: Connection, file: Path) -> None:
    at = from_name(file.name, ZoneInfo("Europe/Paris"))
    assert at is not None, "the simulator's names have a time"
    local = at.astimezone(ZoneInfo("Europe/Paris")).replace(tzinfo=None)
    snapshot = int(at.timestamp())
    entries = json.loads(gzip.decompress(file.read_bytes()))
    bikes = [(entry["station"]["code"], bike) for entry in entries for bike in entry.get("bikes", ())]
    with connection.cursor() as cursor:
        _insert(cursor, "snapshot", [(snapshot, local)])
        _insert(cursor, "station", [_station(entry) for entry in entries])
        _insert(cursor, "velo", [(bike["bikeName"], bike["bikeElectric"]) for _, bike in bikes])
        _insert(
            cursor,
            "etat_station",
            [
                (snapshot, entry["station"]["code"], entry["station"]["state"], *(entry.get(name) for name in _STATUS))
                for entry in entries
            ],
        )
        _insert(
            cursor,
            "localisation_velo (snapshot_id, velo_name, station_code, bikestatus, dockposition, bikeblockcause, bikebatterylevel)",
            [
                (
                    *(snapshot, bike["bikeName"], code, bike["bikeStatus"], bike["dockPosition"]),
                    *(bike.get("bikeBlockCause"), bike.get("bikeBatteryLevel")),
                )
                for code, bike in bikes
            ],
        )


def _station(entry: dict[str, Any]) -> tuple[Any, ...]:
    station = entry["station"]
    place = station["gps"]
    return (
        *(station["code"], station["name"], place["latitude"], place["longitude"], station.get("stationType")),
        *(station["type"], entry["nbDock"], entry["nbEDock"], entry["maxBikeOverflow"]),
    )


def _insert(cursor: Any, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    execute_values(cursor, f"insert into {table} values %s on conflict do nothing", rows)
