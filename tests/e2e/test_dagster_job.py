"""The job of the code location, in this process: files of a landing zone in, a tested mart out, with all of it on record."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from readers import reading

from orchestration.lib.feed_checks import CHECKS
from velib.core import settings
from velib.postgres.connections import connect_to
from velib.simulator.archive import write_archive
from velib.simulator.config import CityConfig

pytestmark = pytest.mark.slow

SNAPSHOTS = 48
QUARANTINE = dg.AssetCheckKey(dg.AssetKey(["raw", "quarantined_files"]), "quarantine_not_growing")
RAW_CHECKS = {QUARANTINE, *(dg.AssetCheckKey(dg.AssetKey(["raw", "snapshots"]), name) for name in CHECKS)}
# What other jobs make.
APART = {dg.AssetKey(path) for path in (["raw", "dead_rows"], ["raw", "archive"], ["landing", "poll"])}


@pytest.fixture
def landing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four morning hours of a small city, and a file that ends in the middle."""
    start = datetime(2026, 6, 2, 6)  # noqa: DTZ001 (local Paris time is what the simulator asks for)
    write_archive(tmp_path / "landing", CityConfig(SNAPSHOTS, bikes=300, stations=30, start=start, every=300))
    whole = next((tmp_path / "landing").glob("*.json.gz")).read_bytes()
    (tmp_path / "landing" / "response_20260602_110000_CEST.json.gz").write_bytes(whole[: len(whole) // 2])
    monkeypatch.setenv(settings.HOME, str(tmp_path / "home"))
    monkeypatch.setenv("VELIB_LANDING", str(tmp_path / "landing"))
    return tmp_path / "landing"


def metadata_of(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    events = [event.materialization for event in result.get_asset_materialization_events()]
    return {
        each.asset_key.to_user_string(): {name: value.value for name, value in each.metadata.items()} for each in events
    }


def planned_checks(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> set[dg.AssetCheckKey]:
    planned = dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
    events = [each.dagster_event for each in instance.all_logs(result.run_id, of_type=planned)]
    return {each.asset_check_planned_data.asset_check_key for each in events if each is not None}


def full_checks() -> set[dg.AssetCheckKey]:
    """By what dbt wrote of its own tests, not by what the code location makes of it."""
    nodes = json.loads((settings.dbt_project() / "target" / "manifest.json").read_text())["nodes"].values()
    full = {node["name"] for node in nodes if node["resource_type"] == "test" and "full" in node["config"]["tags"]}
    from orchestration.definitions import defs

    return {key for key in defs.get_repository_def().asset_graph.asset_check_keys if key.name in full}


def data_tests_of_last_run() -> set[str]:
    """The data tests of the last run of dbt, and that there were no unit tests."""
    target = settings.velib_home() / "dbt" / "target"
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    ran = [each["unique_id"] for each in json.loads((target / "run_results.json").read_text())["results"]]
    assert not [each for each in ran if each.startswith("unit_test.")]
    return {nodes[each]["name"] for each in ran if each.startswith("test.")}


def names(keys: Iterable[dg.AssetCheckKey]) -> set[str]:
    return {key.name for key in keys}


def failed(checks: Iterable[dg.AssetCheckEvaluation]) -> list[str]:
    return [each.check_name for each in checks if each.severity == dg.AssetCheckSeverity.ERROR and not each.passed]


def count(url: str, table: str) -> int:
    with contextlib.closing(connect_to(url, "velib tests")) as connection, connection.cursor() as cursor:
        cursor.execute(f"select count(*) from {table}")
        return int(cursor.fetchone()[0])


def test_the_job_loads_builds_tests_and_says_so(landing: Path, fresh_database: str) -> None:
    from orchestration.definitions import defs

    job = defs.resolve_job_def("load_and_build")
    instance = dg.DagsterInstance.ephemeral()
    result = job.execute_in_process(instance=instance)
    assert result.success

    trips = count(fresh_database, "mart.fct_trips")
    assert trips > 0
    assert count(fresh_database, "mart.fct_snapshots") == SNAPSHOTS
    assert count(fresh_database, "raw.quarantined_files") == 1

    metadata = metadata_of(result)
    graph = defs.get_repository_def().asset_graph
    assert set(metadata) == {key.to_user_string() for key in graph.materializable_asset_keys - APART}, (
        "all of the graph was built"
    )
    assert metadata["raw/snapshots"]["rows_loaded"] == SNAPSHOTS
    assert metadata["raw/snapshots"]["files"] == SNAPSHOTS + 1
    assert metadata["raw/quarantined_files"]["files_quarantined"] == 1
    for name, found in metadata.items():
        if name.startswith(("raw/", "mart/")):
            table = name.replace("/", ".")
            # The record of builds gets this one's row when all models are done.
            expected = 0 if name == "mart/fct_refresh" else count(fresh_database, table)
            if found.get("row_count_is_estimated"):  # a view that would take long, on a history that were long
                assert name.startswith("mart/kpi_"), name
            else:
                assert found["dagster/row_count"] == expected, name
            assert found["dagster/column_schema"].columns, name
    schema = {column.name: column for column in metadata["mart/fct_trips"]["dagster/column_schema"].columns}
    assert schema["last_seen_at"].type == "timestamp with time zone"
    assert schema["last_seen_at"].description, "what dbt's YAML says of a column is beside its type"

    checks = {each.asset_check_key: each for each in result.get_asset_check_evaluations()}
    full, dbt_tests = full_checks(), graph.asset_check_keys - RAW_CHECKS
    assert full < graph.asset_check_keys
    assert set(checks) == graph.asset_check_keys - full, "every check was evaluated, but those of all of history"
    assert planned_checks(instance, result) == set(checks), "what does not run is not planned: its last result stays"
    assert data_tests_of_last_run() == names(dbt_tests - full)
    assert all(checks[key].passed for key in RAW_CHECKS - {QUARANTINE})
    for plotted, name in (("raw/snapshots", "snapshots_by_day"), ("mart/kpi_trips_daily", "trips_by_day")):
        assert metadata[plotted][name].startswith(f"![{name}](data:image/svg+xml;base64,")
    quarantine = checks.pop(QUARANTINE)
    assert not quarantine.passed
    assert quarantine.severity == dg.AssetCheckSeverity.WARN
    assert failed(checks.values()) == []

    # Built once more, all that users read is there at every moment, with what stands on it and is not selected.
    some = {"int_station_corrected", "dim_date", "fct_trips", "dim_station"}
    selected = [key for key in graph.materializable_asset_keys if key.path[-1] in some]
    with reading(fresh_database):
        assert job.execute_in_process(instance=dg.DagsterInstance.ephemeral(), asset_selection=selected).success

    # All data tests, those of all of history too, on what was built; nothing else.
    tested = defs.resolve_job_def("full_data_tests").execute_in_process(instance=instance)
    assert metadata_of(tested) == {}
    assert {each.asset_check_key for each in tested.get_asset_check_evaluations()} == dbt_tests
    assert planned_checks(instance, tested) == dbt_tests
    assert data_tests_of_last_run() == names(dbt_tests)
    assert failed(tested.get_asset_check_evaluations()) == []
    assert any(key.asset_key.path[-1] == "fct_trips" for key in full)

    # Once more, the loading alone: nothing is new, and what is quarantined already is nothing to warn of.
    raw = [key for key in graph.materializable_asset_keys - APART if key.path[0] == "raw"]
    again = job.execute_in_process(instance=instance, asset_selection=raw)
    assert metadata_of(again)["raw/snapshots"]["rows_loaded"] == 0
    assert [check.passed for check in again.get_asset_check_evaluations()] == [True] * len(RAW_CHECKS)
