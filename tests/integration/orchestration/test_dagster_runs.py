"""Runs of the code location that are quick: what a refused build comes to, and the cleaning."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import tiny

from ingestion.capture.arrow_tables import TABLES
from ingestion.loading.load import load
from velib.core import settings
from velib.postgres.connections import connect_to

pytestmark = pytest.mark.slow


@pytest.fixture
def cursor(fresh_database: str, session_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Of a database with three snapshots."""
    monkeypatch.setenv(settings.HOME, str(session_root / "builds"))
    for minute, bikes in enumerate((["b1"], [], ["b1"])):
        tiny.write(tmp_path, minute, tiny.app({"1001": bikes, "1002": ["b2"]}))
    load([str(tmp_path)])
    with contextlib.closing(connect_to(fresh_database, "velib tests")) as connection:
        connection.autocommit = True
        with connection.cursor() as opened:
            yield opened


def test_a_refused_build_says_so_in_one_line(cursor: Any, velib_build: Callable[..., None]) -> None:
    from orchestration.definitions import defs

    velib_build("--select", "+int_feeds", "--resource-type", "model")
    cursor.execute("update raw.layout set raw_id = gen_random_uuid()")
    job = defs.resolve_job_def("load_and_build")
    result = job.execute_in_process(
        instance=dg.DagsterInstance.ephemeral(),
        asset_selection=[dg.AssetKey(["intermediate", "int_feeds"])],
        raise_on_error=False,
    )
    [failure] = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert failure.user_failure_data is not None
    assert failure.user_failure_data.description == (
        "the mart was built from another raw schema than the one that is there:"
        " run `velib build --full-refresh`, which builds it anew"
    )


def test_cleaning_removes_what_a_dead_load_left(cursor: Any) -> None:
    from orchestration.definitions import defs

    def counts() -> list[int]:
        cursor.execute("select " + ", ".join(f"(select count(*) from raw.{table})" for table in TABLES))
        return list(cursor.fetchone())

    whole = counts()
    cursor.execute("select max(change_set_id) from raw.snapshots")
    last = cursor.fetchone()[0]
    cursor.execute(
        "insert into raw.loads (load_id, started_at, first_change_set_id) values ('dead', now(), %s)", (last + 1,)
    )
    cursor.execute(
        "create temp table dead as select * from raw.snapshots where change_set_id = %s;"
        "update dead set change_set_id = %s, _dlt_load_id = 'dead';"
        "insert into raw.snapshots select * from dead;"
        "insert into raw.bike_change_sets select (jsonb_populate_record(c, jsonb_build_object('change_set_id', %s))).* from"
        " raw.bike_change_sets c where change_set_id = %s",
        (last, last + 2, last + 2, last),
    )
    assert counts() != whole

    result = defs.resolve_job_def("clean").execute_in_process(instance=dg.DagsterInstance.ephemeral())
    assert counts() == whole
    [event] = result.get_asset_materialization_events()
    reported: dict[str, Any] = {name: value.value for name, value in event.materialization.metadata.items()}
    assert reported["loads_cleaned"] == 1
    assert reported["rows_removed"] == 1 + reported["rows_removed/bike_change_sets"] == 2
    assert reported["rows_removed/snapshots"] == 1


def test_what_was_loaded_and_built_without_dagster_is_noted_once(
    cursor: Any, velib_build: Callable[..., None], fresh_database: str
) -> None:
    from orchestration.defs import sensors
    from orchestration.lib.resources import Warehouse

    def told(before: str | None) -> tuple[set[str], str | None]:
        context = dg.build_sensor_context(instance, cursor=before, resources={"warehouse": Warehouse()})
        result = sensors.made_elsewhere(context)
        if isinstance(result, dg.SkipReason):
            return set(), before
        assert isinstance(result, dg.SensorResult)
        for event in result.asset_events:
            instance.report_runless_asset_event(event)
        return {event.asset_key.to_user_string() for event in result.asset_events}, result.cursor

    with dg.instance_for_test() as instance:
        assert told(None) == (set(), None), "nothing is built yet"
        velib_build("--select", "+int_feeds", "--resource-type", "model")
        assets, seen = told(None)
        assert {"raw/snapshots", "raw/loads", "intermediate/int_feeds", "staging/stg_snapshots"} <= assets
        assert not {"mart/fct_trips", "raw/archive", "raw/dead_rows", "landing/poll"} & assets, "these nobody has made"
        assert told(seen) == (set(), seen)
        velib_build("--select", "int_feeds dim_hour", "--resource-type", "model")
        assert told(seen)[0] == {"mart/dim_hour"}
