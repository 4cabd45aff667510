"""Tables of a mart filled by hand, for tests of what reads it: their columns are those of the models' contracts."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from reference.facts import IN_SERVICE, usable_docks
from tiny import minute

from ingestion.loading import raw_schema
from velib.core import settings
from velib.postgres.connections import connect_to
from velib.postgres.server import Server

MODELS = ("dim_station", "fct_station_status", "fct_snapshots")


@contextlib.contextmanager
def small_mart(home: Path) -> Iterator[SmallMart]:
    """One in a database of its own, on the server of that home, for several tests: a new database takes half a second."""
    server = Server(home)
    with contextlib.closing(connect_to(server.url(database="postgres"), "velib tests")) as administrator:
        administrator.autocommit = True
        with administrator.cursor() as cursor:
            cursor.execute("drop database if exists small_mart with (force)")
            cursor.execute("create database small_mart")
            cursor.execute("alter database small_mart set synchronous_commit = off")
        url = server.url(database="small_mart")
        with contextlib.closing(connect_to(url, "velib tests")) as connection:
            connection.autocommit = True
            with contextlib.closing(connect_to(url, "velib tests")) as other:
                yield SmallMart(url, connection, other)
        with administrator.cursor() as cursor:
            cursor.execute("drop database small_mart with (force)")


class SmallMart:
    """Stations, their statuses and snapshots. Times are minutes from tiny.START; what has no end ends in 2200."""

    def __init__(self, url: str, connection: Any, other: Any) -> None:
        """`connection` must be in autocommit mode; `other` is for what is tested."""
        self.url, self.connection, self.other = url, connection, other
        raw_schema.ensure(connection)
        self.execute("create schema mart; create schema intermediate")
        for model in MODELS:
            page = next((settings.dbt_project() / "models" / "mart").rglob(f"{model}.yml"))
            (described,) = [each for each in yaml.safe_load(page.read_text())["models"] if each["name"] == model]
            columns = ", ".join(f"{each['name']} {each['data_type']}" for each in described["columns"])
            self.execute(f"create table mart.{model} ({columns})")
        macro = next((settings.dbt_project() / "macros").rglob("builds.sql")).read_text()
        found = re.search(r"create table if not exists intermediate\.builds .*?;", macro, re.DOTALL)
        assert found is not None
        self.execute(found[0])

    def clear(self) -> None:
        """Empty all tables."""
        found = self.rows(
            "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname !~ '^(pg_|information)'"
        )
        self.execute(f"truncate {', '.join(table for (table,) in found if table != 'raw.layout')}")

    def execute(self, query: str, *given: Any) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(query, given or None)

    def rows(self, query: str, *given: Any) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(query, given or None)
            return list(cursor.fetchall())

    def snapshot(self, at: float, feed: str = "f") -> datetime:
        """A snapshot that was loaded and built; the feed's newest, if it is."""
        moment = _moment(at)
        self.execute("insert into raw.feeds values (%s, 1) on conflict do nothing", feed)
        self.execute("insert into mart.fct_snapshots (feed, snapshot_at) values (%s, %s)", feed, moment)
        load = f"{feed} {moment}"
        self.execute("insert into raw.loads values (%s, %s, 1, %s)", load, moment, moment)
        required = {
            "feed": feed,
            "snapshot_at": moment,
            "_dlt_load_id": load,
            "change_set_id": 1,
            "file": load,
            "content_hash": "",
            "format": "",
            "file_bytes": 0,
        }
        columns = self.rows(
            """
            select attname, format_type(atttypid, null) from pg_attribute
            where attrelid = 'raw.snapshots'::regclass and attnum > 0 and attnotnull
            """
        )
        values = [required.get(name, 0) for name, _ in columns]
        names, places = ", ".join(name for name, _ in columns), ", ".join(["%s"] * len(columns))
        self.execute(f"insert into raw.snapshots ({names}) values ({places})", *values)
        return moment

    def station(self, code: str, district: str | None = None, last_seen: float = 0) -> None:
        self.execute(
            """
            insert into mart.dim_station (station_code, name, district_code, district_name, last_seen_at)
            values (%s, %s, %s, %s, %s)
            """,
            *(code, f"Station {code}", district, district and f"District {district}", _moment(last_seen)),
        )

    def status(
        self,
        code: str,
        begin: float,
        end: float | None,
        bikes: int | None,
        docks_free: int | None = 5,
        docks_total: int | None = 10,
        state: str | None = "Operative",
        feed: str = "f",
    ) -> None:
        self.execute(
            """
            insert into mart.fct_station_status (
                feed, station_code, state, is_in_service, bikes_available, docks_free, docks_total, docks_usable,
                valid_from, valid_to, is_current
            ) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            *(feed, code, state, state in IN_SERVICE, bikes, docks_free, docks_total),
            usable_docks(state, bikes, docks_free, docks_total),
            *(_moment(begin), "2200-01-01 00:00+00" if end is None else _moment(end), end is None),
        )


def _moment(at: float) -> datetime:
    return minute(0) + timedelta(minutes=at)
