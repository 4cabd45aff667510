"""The demo's closing page on a small hand-made mart: the figures are right, and the words are for people."""

import io
import os
import shlex

import pytest
from rich.console import Console

from velib.cli import demo_summary
from velib.core import settings
from velib.postgres.connections import connect_to

_MART = """
create schema mart;
create table mart.fct_snapshots as
    select 'velib_app' as feed, s as snapshot_at
    from generate_series(timestamptz '2026-06-02 00:00+02', timestamptz '2026-06-03 00:00+02', interval '1 hour') as s;
create table mart.dim_station (station_code text, name text, district_name text);
insert into mart.dim_station values
    ('1001', 'Rivoli - Musée [du Louvre]', 'Louvre'), ('1002', 'Halles', 'Louvre'), ('1003', null, null);
create table mart.dim_bike (bike_id text, bike_type text);
insert into mart.dim_bike values ('1', 'electric'), ('2', 'mechanical'), ('3', 'mechanical');
create table mart.fct_trips (
    trip_type text, is_customer_trip boolean, origin_station_code text, destination_station_code text,
    departed_at timestamptz, duration_seconds integer
);
insert into mart.fct_trips values
    ('trip', true, '1001', '1002', '2026-06-02 08:10+02', 600),
    ('trip', true, '1001', '1002', '2026-06-02 08:20+02', 1200),
    ('trip', true, '1003', '1002', '2026-06-02 18:20+02', 900),
    ('rebalancing', false, '1002', '1001', '2026-06-02 11:00+02', 9000),
    ('of_tomorrow', false, '1002', '1001', '2026-06-02 11:00+02', null);
create table mart.fct_station_status (
    station_code text, is_in_service boolean, bikes_available integer,
    valid_from timestamptz, valid_to timestamptz
);
insert into mart.fct_station_status values
    ('1001', true, 0, '2026-06-02 00:00+02', '2026-06-02 06:00+02'),
    ('1001', true, 1, '2026-06-02 06:00+02', '2200-01-01 00:00+00'),
    ('1002', true, 0, '2026-06-02 12:00+02', '2200-01-01 00:00+00'),
    ('1003', false, 0, '2026-06-02 00:00+02', '2200-01-01 00:00+00');
"""


def _page(url: str, statements: str, width: int = 120) -> str:
    with connect_to(url) as connection, connection.cursor() as cursor:
        cursor.execute(statements)
    connection.close()
    written = io.StringIO()
    demo_summary.show(Console(file=written, width=width, highlight=False))
    return written.getvalue()


def test_the_page(fresh_database: str) -> None:
    lines = [" ".join(line.split()) for line in _page(fresh_database, _MART).splitlines()]
    assert (
        "A day of bike share: 25 snapshots from Tuesday 02 June 2026 00:00 to 00:00, 3 stations, 3 bikes "
        "(1 of them electric)." in lines
    )
    assert "3 trip rides from one station to another 15 min" in lines
    assert "1 rebalancing moved by a truck, several at a time 2.5 h" in lines
    assert "1 of tomorrow" in lines  # a type that this page has no words for
    assert "2 Rivoli - Musée [du Louvre] Halles 15 min" in lines  # names are text, not markup
    assert "1 1003 Halles 15 min" in lines
    emptiest = [line for line in lines if "%" in line and "day" not in line]
    assert emptiest == ["100% 12.0 Halles Louvre", "25% 6.0 Rivoli - Musée [du Louvre] Louvre"]
    assert any("user velib_reader" in line for line in lines)


def test_its_commands_can_be_pasted_from_a_narrow_terminal(fresh_database: str) -> None:
    """A word each of a line's shell command is a word of the page's line: nothing is wrapped or cut."""
    commands = {line.strip() for line in _page(fresh_database, _MART, width=60).splitlines() if line.startswith("    ")}
    velib = next(line for line in commands if line.endswith(" api")).removesuffix(" api")
    assert {"make bi", "make docs", f"{velib} ui", f"{velib} db url --reader"} <= commands
    assert f"{velib} db psql -c 'select * from mart.fct_trips limit 5'" in commands
    (export,) = [line for line in commands if line.startswith("export")]
    assert shlex.split(export) == ["export", f"{settings.HOME}={settings.velib_home()}"]
    assert os.access(shlex.split(velib)[0], os.X_OK)


@pytest.mark.parametrize("table", ["mart.fct_trips", "mart.fct_station_status", "mart.fct_snapshots"])
def test_an_empty_mart_has_a_page_too(fresh_database: str, table: str) -> None:
    assert "Where to go next" in _page(fresh_database, _MART + f"truncate {table};")


def test_the_password_is_not_on_the_page(fresh_database: str) -> None:
    password = fresh_database.split(":")[2].split("@")[0]
    assert password not in _page(fresh_database, _MART)
