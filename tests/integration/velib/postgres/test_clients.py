"""What clients make of the mart's open intervals: each that is installed reads them as what they are, after now.

psycopg 3, pandas, polars and DuckDB through ADBC, and JDBC are no dependencies of the project; how they were tried stands in
docs/architecture.md. What they share is in the last test.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any

import adbc_driver_postgresql.dbapi
import duckdb
import psycopg2
import pyarrow as pa
import pyarrow.compute
import pytest
import sqlalchemy
from psycopg2.extensions import make_dsn
from reference.facts import OPEN

from ingestion.landing.capture_time import LATEST
from velib.core import settings
from velib.postgres.connections import connect_to

NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)
STATUS = "select station_code, valid_to, is_current from mart.fct_station_status order by station_code"
CURRENT = {"open"}


@pytest.fixture
def url(fresh_database: str) -> str:
    """A mart of one view, as the model makes it."""
    folder = settings.dbt_project()
    [forever] = [
        line.split("-%}")[1].split("{%-")[0].strip()
        for line in (folder / "macros" / "sql" / "dialect.sql").read_text().splitlines()
        if "default__forever" in line
    ]
    with contextlib.closing(connect_to(fresh_database, "velib tests")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                create schema mart;
                create table mart.status (station_code text, valid_to timestamptz);
                insert into mart.status values ('open', {forever}), ('ended', '2026-06-02 11:00+00');
                create view mart.fct_station_status as select *, valid_to = {forever} as is_current from mart.status;
                """
            )
    return fresh_database


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/Adak"])
def test_psycopg2_in_any_zone(url: str, zone: str) -> None:
    with contextlib.closing(psycopg2.connect(make_dsn(url))) as connection, connection.cursor() as cursor:
        cursor.execute("set time zone %s", [zone])
        cursor.execute(STATUS)
        rows = cursor.fetchall()
    assert {code for code, valid_to, _ in rows if valid_to > NOW} == CURRENT
    assert {valid_to for _, valid_to, is_current in rows if is_current} == {OPEN}


def test_sqlalchemy(url: str) -> None:
    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg2://"))
    with engine.connect() as connection:
        rows = connection.execute(sqlalchemy.text(STATUS)).all()
    engine.dispose()
    assert {row.station_code for row in rows if row.valid_to > NOW} == CURRENT


def _arrow(url: str) -> Any:
    with adbc_driver_postgresql.dbapi.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(STATUS)
        return cursor.fetch_arrow_table()


def test_arrow_through_adbc(url: str) -> None:
    """What pandas and polars read: a value of microseconds, and one that nanoseconds can hold."""
    table = _arrow(url)
    later = table.filter(pa.compute.greater(table["valid_to"], pa.scalar(NOW, table["valid_to"].type)))
    assert set(later["station_code"].to_pylist()) == CURRENT
    assert later["valid_to"].cast(pa.timestamp("ns", "UTC")).cast(pa.timestamp("us", "UTC")).to_pylist() == [OPEN]


def test_duckdb_through_adbc(url: str) -> None:
    with duckdb.connect() as connection:
        connection.register("status", _arrow(url))
        found = connection.execute(
            "select station_code from status where valid_to > timestamptz '2026-06-02 12:00:00+00'"
        ).fetchall()
    assert {code for (code,) in found} == CURRENT


def test_the_date_is_after_every_capture_time_and_within_what_clients_hold() -> None:
    nanoseconds_end = datetime(2262, 4, 11, tzinfo=UTC)
    assert LATEST < OPEN < nanoseconds_end
