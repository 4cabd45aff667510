"""What Dagster remembers for a month, and what for good."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from orchestration.lib.forgetting import forget_runs, forget_told


@dg.op
def _nothing() -> None:
    pass


@dg.op
def _failing() -> None:
    raise dg.Failure("as it should")


@dg.job(executor_def=dg.in_process_executor)
def often() -> None:
    _nothing()


@dg.job(executor_def=dg.in_process_executor)
def fails() -> None:
    _failing()


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """As `velib ui` has it: SQLite in a folder."""
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as made:
        yield made


def _runs(instance: dg.DagsterInstance) -> list[str]:
    return [run.run_id for run in instance.get_runs()]


def test_of_the_old_runs_the_latest_stay(instance: dg.DagsterInstance) -> None:
    first, second = (often.execute_in_process(instance=instance).run_id for _ in range(2))
    failed = fails.execute_in_process(instance=instance, raise_on_error=False).run_id
    soon = datetime.now(UTC) + timedelta(hours=1)

    assert forget_runs(instance, ["often", "fails"], datetime.now(UTC) - timedelta(days=1)) == 0, "they are not old"
    assert forget_runs(instance, ["fails"], soon) == 0, "the only one"
    assert forget_runs(instance, ["often"], soon) == 1
    assert {second, failed} <= set(_runs(instance))
    assert instance.all_logs(second)
    assert not list(Path(instance.root_directory).rglob(f"*{first}*")), "it leaves nothing on the disk"


def test_the_latest_that_succeeded_stays_under_later_failures(instance: dg.DagsterInstance) -> None:
    @dg.op(config_schema={"fail": bool})
    def moody(context: dg.OpExecutionContext) -> None:
        if context.op_config["fail"]:
            raise dg.Failure("as it should")

    @dg.job(executor_def=dg.in_process_executor)
    def changing() -> None:
        moody()

    def run(fail: bool) -> str:
        config = {"ops": {"moody": {"config": {"fail": fail}}}}
        return changing.execute_in_process(config, instance=instance, raise_on_error=False).run_id

    runs = [run(fail) for fail in (False, False, True, True)]
    assert forget_runs(instance, ["changing"], datetime.now(UTC) + timedelta(hours=1)) == 2
    assert {runs[1], runs[3]} == {*runs} & {*_runs(instance)}


def test_old_events_without_a_run_go_and_the_asset_stays_known(instance: dg.DagsterInstance) -> None:
    key = dg.AssetKey("told")
    for number in range(3):
        instance.report_runless_asset_event(dg.AssetMaterialization(key, metadata={"number": number}))
    assert forget_told(instance, datetime.now(UTC) - timedelta(days=1)) == 0
    assert len(instance.fetch_materializations(key, limit=10).records) == 3
    assert forget_told(instance, datetime.now(UTC) + timedelta(hours=1)) == 3
    assert not instance.fetch_materializations(key, limit=10).records
    [record] = instance.get_asset_records([key])
    assert record.asset_entry.last_materialization is not None
