"""A whole mart of tables as the contracts state them, in a database of its own, with rows that are made up and yet fit together.

What the models compute is other tests' business: here it is what the API makes of any mart of this shape. It asks as velib_reader.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice, product
from pathlib import Path
from typing import Any

import yaml
from psycopg2.extras import execute_values

from velib.api.contracts import Column, Contracts, Relation, read
from velib.core import settings
from velib.postgres.connections import connect_to
from velib.postgres.home_files import READER
from velib.postgres.server import Server

DATABASE = "api_mart"
START = datetime(2026, 6, 2, 8, tzinfo=UTC)
NEWEST = START + timedelta(hours=3)
FEEDS = ("app", "opendata")
# Codes as they occur, and some that never should.
STATIONS = ("1001", "16107", "31024_relais", 'it\'s "one"', "é%_\\")
BIKES = ("00001", "08047", "b'3")
OPEN = datetime(2200, 1, 1, tzinfo=UTC)
_ROWS = 40
_INTERVALS = 12
_COMPAT = {
    "text": STATIONS[0],
    "integer": 3,
    "bigint": 4,
    "boolean": True,
    "double precision": 2.5,
    "date": NEWEST.date(),
    "timestamp without time zone": NEWEST.replace(tzinfo=None),
}


@contextlib.contextmanager
def mart_of_contracts(home: Path) -> Iterator[MartOfContracts]:
    server = Server(home)
    with contextlib.closing(connect_to(server.url(database="postgres"), "velib tests")) as administrator:
        administrator.autocommit = True
        with administrator.cursor() as cursor:
            cursor.execute(f"drop database if exists {DATABASE} with (force)")
            cursor.execute(f"create database {DATABASE}")
            cursor.execute(f"alter database {DATABASE} set synchronous_commit = off")
            cursor.execute(f"grant connect on database {DATABASE} to {READER}")
        with contextlib.closing(connect_to(server.url(database=DATABASE), "velib tests")) as connection:
            connection.autocommit = True
            yield MartOfContracts(connection, server.url(role=READER, database=DATABASE), read())
        with administrator.cursor() as cursor:
            cursor.execute(f"drop database {DATABASE} with (force)")


class MartOfContracts:
    def __init__(self, connection: Any, reader_url: str, contracts: Contracts) -> None:
        self.connection, self.reader_url, self.contracts = connection, reader_url, contracts
        self.execute("create schema mart")
        for relation in contracts.relations.values():
            columns = ", ".join(f"{column.name} {column.data_type}" for column in relation.columns)
            self.execute(f"create table {relation.table} ({columns})")
        self._add_compat()
        self._add_critical_stations()
        for schema in ("mart", "compat"):
            self.execute(
                f"grant usage on schema {schema} to {READER}; grant select on all tables in schema {schema} to {READER}"
            )
        for relation in contracts.relations.values():
            self.fill(relation, list(rows_of(relation)))

    def _add_compat(self) -> None:
        """Its relations, with a row each."""
        self.execute("create schema compat")
        page = settings.dbt_project() / "models" / "compat" / "_compat.yml"
        for model in yaml.safe_load(page.read_text(encoding="utf-8"))["models"]:
            columns = ", ".join(f"{each['name']} {each['data_type']}" for each in model["columns"])
            self.execute(f"create table compat.{model['name']} ({columns})")
            values = [_COMPAT[each["data_type"]] for each in model["columns"]]
            self.execute(f"insert into compat.{model['name']} values ({', '.join(['%s'] * len(values))})", *values)

    def _add_critical_stations(self) -> None:
        """The function: here what the view has, as of that moment."""
        columns = self.contracts["kpi_critical_stations"].columns
        returned = ", ".join(f"{column.name} {column.data_type}" for column in columns)
        told = ", ".join("$1" if column.name == "to_at" else f"k.{column.name}" for column in columns)
        told = told.replace("$1", "case when $1 = '2026-06-02 11:00Z' then k.to_at else $1 end")
        self.execute(
            f"create function mart.critical_stations(timestamptz, integer) returns table ({returned}) language sql stable"
            f" as $$ select {told} from mart.kpi_critical_stations as k where k.rank <= $2 $$"
        )

    def execute(self, query: str, *given: Any) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(query, given or None)

    def rows(self, query: str, *given: Any) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(query, given or None)
            return list(cursor.fetchall())

    def fill(self, relation: Relation, rows: list[dict[str, Any]]) -> None:
        names = [column.name for column in relation.columns]
        with self.connection.cursor() as cursor:
            execute_values(
                cursor,
                f"insert into {relation.table} ({', '.join(names)}) values %s",
                [[row[name] for name in names] for row in rows],
            )

    def build(self, name: str, ended_at: datetime | None) -> None:
        """A build that began after all the others, by its number; under way without an end."""
        self.execute(
            "insert into mart.fct_builds (build_id, build_number, started_at, ended_at, has_succeeded, duration_seconds)"
            " select %s, max(build_number) + 1, clock_timestamp(), %s::timestamptz, %s, %s from mart.fct_builds",
            *(name, ended_at, True if ended_at else None, 10.0 if ended_at else None),
        )


def rows_of(relation: Relation) -> Iterator[dict[str, Any]]:
    """Rows of a relation, each time the same: keys differ, intervals follow one another, what may be null is so at times."""
    chance = random.Random(relation.name)
    if relation.name == "fct_builds":
        yield from (_build(number) for number in range(3))
    elif relation.name == "fct_snapshots":
        for feed, minute in product(FEEDS, range(0, 181, 5)):
            at = START + timedelta(minutes=minute)
            yield {**_row(relation, chance), "feed": feed, "snapshot_at": at, "is_after_gap": minute == 60}
    elif "valid_from" in relation.by_name:
        yield from _intervals(relation, chance)
    else:
        keys = _keys(relation, chance)
        for key in keys:
            yield {**_row(relation, chance), **key}


def _build(number: int) -> dict[str, Any]:
    began = START + timedelta(hours=1 + number)
    ended = began + timedelta(seconds=30)
    return {
        "build_id": f"build {number}",
        "build_number": number + 1,
        "started_at": began,
        "ended_at": ended,
        "has_succeeded": True,
        "duration_seconds": 30.0,
    }


def _intervals(relation: Relation, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Of each key a chain with a hole in it; the last is open."""
    pools = [_pool(relation[name]) for name in relation.key if name != "valid_from"]
    names = [name for name in relation.key if name != "valid_from"]
    for values in product(*pools):
        begin = START - timedelta(minutes=chance.randrange(10))
        for number in range(_INTERVALS):
            end = begin + timedelta(minutes=chance.randrange(5, 20))
            key = dict(zip(names, values, strict=True))
            is_last = number == _INTERVALS - 1
            interval = {"valid_from": begin, "valid_to": OPEN if is_last else end, "is_current": is_last}
            yield {**_row(relation, chance), **key, **interval}
            begin = end + timedelta(minutes=30 if number == _INTERVALS // 2 else 0)


def _keys(relation: Relation, chance: random.Random) -> list[dict[str, Any]]:
    found = list(islice(product(*(_pool(relation[name]) for name in relation.key)), 5_000))
    chance.shuffle(found)
    return [dict(zip(relation.key, values, strict=True)) for values in found[:_ROWS]]


def _pool(column: Column) -> list[Any]:
    """Values of a column of a key."""
    named: dict[str, list[Any]] = {
        "feed": list(FEEDS),
        "station_code": list(STATIONS),
        "origin_station_code": list(STATIONS),
        "destination_station_code": list(STATIONS),
        "bike_id": list(BIKES),
        "trip_id": [f"00000000-0000-0000-0000-0000000000{number:02d}" for number in range(_ROWS)],
        "date_month": [date(2026, month, 1) for month in (4, 5, 6)],
        "date_week": [date(2026, 5, 18) + timedelta(days=7 * number) for number in range(3)],
    }
    if column.name in named:
        return named[column.name]
    pools: dict[type, list[Any]] = {
        str: ["one", "two", "three", *([None] if column.is_nullable else [])],
        date: [date(2026, 5, 31) + timedelta(days=number) for number in range(3)],
        datetime: [START + timedelta(hours=number) for number in range(4)],
        int: [0, 1, 2, 7, *([None] if column.is_nullable else [])],
        bool: [True, False],
        float: [0.0, 0.5],
    }
    return pools[column.python]


def _row(relation: Relation, chance: random.Random) -> dict[str, Any]:
    return {column.name: _value(column, chance) for column in relation.columns}


def _value(column: Column, chance: random.Random) -> Any:
    if column.is_nullable and chance.random() < 0.15:
        return None
    named = {
        "station_code": STATIONS,
        "bike_id": BIKES,
        "current_station_code": STATIONS,
        "feed": FEEDS,
        "origin_station_code": STATIONS,
        "destination_station_code": STATIONS,
    }
    if column.name in named:
        return chance.choice(named[column.name])
    if column.name == "latitude":
        return 48.85 + chance.randrange(100) / 1000
    if column.name == "longitude":
        return 2.3 + chance.randrange(100) / 1000
    if column.python is str:
        return chance.choice(["a", "B", 'ö, "c"\n;', "'"])
    if column.python is bool:
        return chance.random() < 0.7
    if column.python is int:
        return chance.randrange(30)
    if column.python is float:
        return chance.choice([0.0, 0.1, 1 / 3, 2.5e-7, 12345.678])
    if column.python is date:
        return date(2026, 6, 1 + chance.randrange(3))
    return START + timedelta(seconds=chance.randrange(3 * 3600), microseconds=chance.randrange(3))
