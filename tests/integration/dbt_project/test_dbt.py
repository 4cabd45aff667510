"""Plain dbt on a real PostgreSQL: every command a dbt user types, on an empty database and on one with data, and who may read it.

What the facts should be is tests/e2e's business; here it is that they are there, stay, and are guarded.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asked_api
import pytest
from reference.archives import SHARED_DATA

from ingestion.loading.load import load
from velib.core import settings
from velib.monitoring.alerts import stations
from velib.monitoring.alerts.configuration import Alerts, Rule
from velib.postgres import dbt_profile
from velib.postgres.home_files import READER
from velib.postgres.server import Server
from velib.simulator.archive import write_archive
from velib.simulator.config import CityConfig

pytestmark = pytest.mark.slow

INCREMENTAL = [
    "intermediate.int_snapshots",
    "intermediate.int_station_status",
    "intermediate.int_station_absences",
    "intermediate.int_station_attributes",
    "intermediate.int_station_history",
    "intermediate.int_bike_locations",
    "intermediate.int_trips",
    "intermediate.int_trip_durations_daily",
    "intermediate.int_routes_monthly",
    "intermediate.int_bike_usage",
    "intermediate.int_movement_sums",
    "mart.kpi_trips_daily",
    "mart.kpi_rebalancing_daily",
]
# One row spoilt a statement, and the test that has to find it. Each statement leaves the database's own constraints alone.
DAMAGES = {
    "update intermediate.int_bike_usage set stations_visited = stations_visited + 1 where (bike_id, period, period_start) in"
    " (select bike_id, period, period_start from intermediate.int_bike_usage where trips > 1 order by 1, 2, 3 limit 1)": (
        "bike_usage_is_of_trips"
    ),
    "update mart.fct_trips set departed_at = arrived_at where trip_id = (select min(trip_id::text)::uuid from mart.fct_trips)": (
        "fct_trips_estimates_inside_brackets"
    ),
    "delete from mart.fct_trips where trip_id in (select trip_id from (select trip_id, lag(trip_id) over w as before,"
    " lead(trip_id) over w as after, origin_station_code <> destination_station_code as elsewhere from mart.fct_trips"
    " window w as (partition by bike_id order by first_seen_at)) as t where before is not null and after is not null and elsewhere"
    " limit 1)": "movements_chain",
    "update mart.fct_trips set trip_type = 'boomerang' where (bike_id, first_seen_at) in (select bike_id, first_seen_at"
    " from mart.fct_trips where origin_station_code <> destination_station_code limit 1)": "fct_trips_returns_return",
    "update mart.fct_bike_locations set valid_to = '2200-01-01 00:00+00' where (bike_id, valid_from) in"
    " (select bike_id, valid_from from mart.fct_bike_locations where not is_current limit 1)": (
        "intervals_apart_fct_bike_locations_feed__bike_id"
    ),
    "update intermediate.int_snapshots set previous_snapshot_at = previous_snapshot_at - interval '1 minute'"
    " where snapshot_at = (select max(snapshot_at) from intermediate.int_snapshots)": "snapshots_follow_one_another",
    "delete from intermediate.int_snapshots where snapshot_at in"
    " (select snapshot_at from intermediate.int_snapshots order by snapshot_at offset 5 limit 1)": (
        "snapshots_are_those_loaded"
    ),
    "delete from intermediate.int_station_status where valid_to = '2200-01-01 00:00+00' and station_code ="
    " (select min(station_code) from intermediate.int_stations)": "latest_counts_agree",
    "update intermediate.int_station_current set capacity = coalesce(capacity, 0) + 1 where station_code ="
    " (select max(station_code) from intermediate.int_station_current)": "stations_are_their_current_history",
    "update intermediate.int_routes_monthly set trips = trips + 1"
    " where ctid = (select min(ctid) from intermediate.int_routes_monthly)": "routes_are_of_trips",
    "update intermediate.int_trip_durations_daily set trips = trips + 1"
    " where ctid = (select min(ctid) from intermediate.int_trip_durations_daily)": "durations_add_up_to_days",
    "update mart.kpi_rebalancing_daily set bikes = bikes + 1"
    " where ctid = (select min(ctid) from mart.kpi_rebalancing_daily)": "moved_bikes_are_movements",
    "update intermediate.int_network_hourly set departures = departures + 1"
    " where ctid = (select min(ctid) from intermediate.int_network_hourly)": "station_hours_add_up",
    "update intermediate.int_station_daily set departures_electric = departures_electric + 1, departures = departures + 1"
    " where ctid = (select min(ctid) from intermediate.int_station_daily)": "flows_are_the_rides",
    "update intermediate.int_movement_sums set movements = movements + 1"
    " where (subject, key) in (select subject, min(key) from intermediate.int_movement_sums where subject = 'bike' group by 1)": (
        "movement_sums_are_of_trips"
    ),
    "update mart.kpi_trips_daily set median_duration_seconds = median_duration_seconds + 1"
    " where ctid = (select min(ctid) from mart.kpi_trips_daily)": "trip_days_are_of_trips",
}


def _environment() -> dict[str, str]:
    """Without the developer's DBT_ variables: a profile of theirs would have us build, and damage, another database."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
    ours = {"DBT_PROFILES_DIR": str(settings.dbt_project()), "DBT_USE_COLORS": "false", "DBT_LOG_LEVEL_FILE": "none"}
    return {**kept, **ours}


class Dbt:
    """dbt as a user starts it, in the project's folder; only its own files go elsewhere."""

    def __init__(self, folder: Path) -> None:
        self.target = folder / "target"
        self._folder = folder

    def __call__(self, *arguments: str, fails: bool = False) -> str:
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "dbt"),
                *arguments,
                *("--target-path", str(self.target)),
                *("--log-path", str(self._folder / "logs")),
            ],
            cwd=settings.dbt_project(),
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert (done.returncode != 0) == fails, f"dbt {' '.join(arguments)}\n{done.stdout[-6000:]}\n{done.stderr}"
        return done.stdout

    def results(self) -> list[dict[str, Any]]:
        return list(json.loads((self.target / "run_results.json").read_text())["results"])


@pytest.fixture
def dbt(tmp_path: Path, fresh_database: str) -> Dbt:
    dbt_profile.require()
    return Dbt(tmp_path)


def _archive(folder: Path) -> Path:
    """A few hours of a real network, or of a simulated one where the recordings are not at hand."""
    recording = sorted((SHARED_DATA / "nextbike_mainz").glob("*.json.gz"))[:60]
    if not recording:
        return write_simulated(folder)
    folder.mkdir()
    for file in recording:
        shutil.copy(file, folder)
    return folder


def write_simulated(folder: Path) -> Path:
    start = datetime(2026, 6, 2, 7)  # noqa: DTZ001 (local Paris time is what the simulator asks for)
    write_archive(folder, CityConfig(snapshots=60, bikes=300, stations=40, start=start, seed=3, every=300))
    return folder


def _fingerprints(cursor: Any, relations: list[str], physical: bool = False) -> dict[str, str]:
    """What each relation holds, as a hash; `physical` tells a row from a copy of it, too."""
    prints = {}
    for relation in relations:
        row = "t.ctid::text || t.xmin::text || t::text" if physical else "t::text"
        cursor.execute(f"select count(*), md5(string_agg(md5({row}), '' order by {row})) from {relation} as t")
        prints[relation] = repr(cursor.fetchone())
    return prints


def _relations(cursor: Any, schema: str) -> list[str]:
    cursor.execute(
        "select table_schema || '.' || table_name from information_schema.tables where table_schema = %s", [schema]
    )
    return sorted(name for (name,) in cursor.fetchall())


def _assert_reader_reads_mart_and_compat_only(cursor: Any) -> None:
    cursor.execute(
        """
        select
            c.oid::regclass::text,
            n.nspname in ('mart', 'compat'),
            has_schema_privilege('velib_reader', n.oid, 'usage') and has_table_privilege('velib_reader', c.oid, 'select'),
            has_table_privilege('velib_reader', c.oid, 'insert, update, delete, truncate')
        from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace
        where c.relkind in ('r', 'v', 'm', 'p') and n.nspname !~ '^(pg_|information_schema)'
        """
    )
    rows = cursor.fetchall()
    assert {reads for _, _, reads, _ in rows} == {True, False}
    assert [name for name, may_read, reads, _ in rows if may_read != reads] == []
    assert [name for name, _, _, writes in rows if writes] == []
    cursor.execute("set role velib_reader")
    try:
        for relation in ("mart.dim_station_history", "mart.fct_trips", "compat.v_trajets", "compat.etat_station"):
            cursor.execute(f"select * from {relation} limit 1")  # views of tables the reader may not read
    finally:
        cursor.execute("reset role")


def test_an_empty_database(dbt: Dbt, cursor: Any) -> None:
    """`dbt build` is the first thing that a dbt user types; unit tests of the incremental mode are part of it."""
    said = dbt("build", "--show-all-deprecations")
    assert "eprecat" not in said
    kinds = {result["unique_id"].partition(".")[0] for result in dbt.results()}
    assert {"model", "seed", "test", "unit_test"} <= kinds
    cursor.execute("select (select count(*) from mart.fct_trips), (select count(*) from mart.dim_date)")
    trips, days = cursor.fetchone()
    assert (trips, days > 365) == (0, True)
    _assert_reader_reads_mart_and_compat_only(cursor)


def test_builds_of_an_archive(dbt: Dbt, cursor: Any, tmp_path: Path, postgres_home: Path) -> None:
    archive = _archive(tmp_path / "archive")
    assert load([str(archive)]).new > 0
    dbt("build", "--exclude-resource-type", "unit_test")
    mart = [name for name in _relations(cursor, "mart") if name != "mart.fct_builds"]  # a record of these very runs
    assert mart
    first, rows = _fingerprints(cursor, mart), _fingerprints(cursor, INCREMENTAL, physical=True)
    assert not first["mart.fct_trips"].startswith("(0,"), "there are no trips: nothing is tested"
    _assert_reader_reads_mart_and_compat_only(cursor)
    _assert_declared_types(cursor, dbt)
    comments = _assert_descriptions_are_comments(cursor, dbt)
    _assert_alerts_find_their_way(cursor)
    _assert_the_api_answers(Server(postgres_home).url(role=READER, database=cursor.connection.info.dbname))

    # The same files again: nothing is new, and no row is written. A comment that somebody changed is written anew, no other.
    cursor.execute("comment on column mart.kpi_trips_daily.trips is 'Lost.'")
    assert load([str(archive)]).new == 0
    dbt("run")
    assert _fingerprints(cursor, mart) == first
    again = _assert_descriptions_are_comments(cursor, dbt)
    changed = {of for of, written_by in again.items() if written_by != comments[of]}
    assert {of for of in changed if of[0] in INCREMENTAL} == {("mart.kpi_trips_daily", "trips")}
    assert _fingerprints(cursor, INCREMENTAL, physical=True) == rows
    _assert_reader_reads_mart_and_compat_only(cursor)

    dbt(
        "build", "--full-refresh", "--exclude-resource-types", "unit_test", "test"
    )  # the tests ran above, and will below
    assert _fingerprints(cursor, mart) == first
    assert _fingerprints(cursor, INCREMENTAL, physical=True) != rows, "nothing was refreshed"
    _assert_descriptions_are_comments(cursor, dbt)
    _assert_reader_reads_mart_and_compat_only(cursor)

    dbt("docs", "generate")
    catalog = json.loads((dbt.target / "catalog.json").read_text())
    assert {f"mart.{node['metadata']['name']}" for node in catalog["nodes"].values()} >= set(mart)

    assert "PASS freshness of raw.snapshots" in dbt("source", "freshness"), "an archive cannot be stale"
    cursor.execute(
        "update raw.loads set completed_at = (select max(snapshot_at) + interval '1 minute' from raw.snapshots)"
    )
    assert "PASS freshness of raw.snapshots" in dbt("source", "freshness"), "nobody collects it any more"
    cursor.execute("update raw.loads set completed_at = now() - interval '25 hours'")
    cursor.execute(
        "update raw.snapshots set snapshot_at = now() - interval '25 hours 1 minute'"
        " where snapshot_at = (select max(snapshot_at) from raw.snapshots)"
    )
    assert "ERROR STALE freshness of raw.snapshots" in dbt("source", "freshness", fails=True)

    # The data tests find what they are there for.
    for damage in DAMAGES:
        cursor.execute(damage)
        assert cursor.rowcount == 1, damage
    dbt("test", "--exclude-resource-type", "unit_test", fails=True)
    found = {result["unique_id"].split(".")[2] for result in dbt.results() if result["status"] == "fail"}
    assert set(DAMAGES.values()) <= found


def _assert_descriptions_are_comments(cursor: Any, dbt: Dbt) -> dict[tuple[str, str], str]:
    """Of each relation and column of mart and compat. Which transaction wrote the comment, by relation and column."""
    cursor.execute(
        """
        select n.nspname || '.' || c.relname, coalesce(a.attname, ''), d.description, d.xmin::text
        from pg_description as d
        join pg_class as c on c.oid = d.objoid and d.classoid = 'pg_class'::regclass
        join pg_namespace as n on n.oid = c.relnamespace
        left join pg_attribute as a on a.attrelid = c.oid and a.attnum = d.objsubid
        where n.nspname in ('mart', 'compat')
        """
    )
    there, written_by = {}, {}
    for relation, column, description, transaction in cursor.fetchall():
        there[relation, column], written_by[relation, column] = description, transaction
    described = {}
    for node in json.loads((dbt.target / "manifest.json").read_text())["nodes"].values():
        if node["resource_type"] == "model" and node["schema"] in ("mart", "compat"):
            relation = f"{node['schema']}.{node['name']}"
            described[relation, ""] = node["description"].strip()
            for column in node["columns"].values():
                described[relation, column["name"]] = column["description"].strip()
    assert described
    assert there == described
    return written_by


def _assert_alerts_find_their_way(cursor: Any) -> None:
    """Their own tests are on hand-made marts: here every rule over stations reads a built one, and agrees with it."""
    cursor.execute("select max(snapshot_at) from mart.fct_snapshots")
    (now,) = cursor.fetchone()
    alerts = Alerts((), ())
    for kind in stations.KINDS:
        rule = Rule(kind, kind, lasting=timedelta(), at_least=1)
        assert stations.look(cursor, rule, alerts, now) is not None, kind
    cursor.execute(
        """
        select station_code from mart.fct_station_status
        where is_current and bikes_available = 0 and coalesce(state, 'Operative') = 'Operative'
        """
    )
    empty = {code for (code,) in cursor.fetchall()}
    found = stations.look(cursor, Rule("empty", "station_empty", lasting=timedelta()), alerts, now)
    assert {each.subject for each in found or () if each.verdict == "holds"} == empty


def _assert_the_api_answers(url: str) -> None:
    """Every path of it, as velib_reader: what the contracts state can be asked of the relations that dbt made."""
    answers = asked_api.answers(url)
    assert {path: body for path, (status, body) in answers.items() if status != 200} == {}
    empty = {path for path, (_, body) in answers.items() if isinstance(body, dict) and body.get("data") == []}
    assert not {"/v1/stations", "/v1/network", "/v1/trips", "/v1/bikes/{bike_id}/locations"} & empty


def _assert_declared_types(cursor: Any, dbt: Dbt) -> None:
    """Contracts hold text and character varying for one type, and a view is no table: here every column is compared."""
    cursor.execute(
        """
        select n.nspname, c.relname, a.attname, format_type(a.atttypid, null)
        from pg_attribute as a
        join pg_class as c on c.oid = a.attrelid
        join pg_namespace as n on n.oid = c.relnamespace
        where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'v')
        order by a.attnum
        """
    )
    actual: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, column, data_type in cursor.fetchall():
        actual.setdefault((schema, table), {})[column] = data_type
    manifest = json.loads((dbt.target / "manifest.json").read_text())
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model":
            # The catalog was asked for types without their precision.
            declared = {column["name"]: column["data_type"].split("(")[0] for column in node["columns"].values()}
            assert declared == actual[node["schema"], node["name"]], node["name"]
