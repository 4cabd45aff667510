"""`velib build` on a toy dbt project: what it runs, what it says, how it ends."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from toy_project import make_toy

from velib.cli.main import velib
from velib.core import settings
from velib.postgres.connections import connect_to


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One model, one test that holds, and one that does not but is too heavy for every build."""
    files = {
        "models/bikes.sql": "select 1 as bike_id",
        "tests/light.sql": "select * from {{ ref('bikes') }} where bike_id <> 1",
        "tests/heavy.sql": "{{ config(tags=['full']) }} select * from {{ ref('bikes') }}",
    }
    return make_toy(tmp_path, monkeypatch, files)


def _build(*arguments: str) -> Result:
    return CliRunner().invoke(velib, ["build", *arguments])


def test_a_build_and_what_it_says(toy: Path, fresh_database: str) -> None:
    done = _build("--threads", "1")
    assert done.exit_code == 0, done.output
    assert done.output.startswith("built: 1 models and seeds built, 1 tests passed, ")
    assert not (toy / "target").exists(), "dbt's files lie with the warehouse, so that two can be built at once"
    with connect_to(fresh_database) as connection, connection.cursor() as cursor:
        cursor.execute("select bike_id from staging.bikes")
        assert cursor.fetchall() == [(1,)]
    connection.close()

    failed = _build("--full", "--select", "heavy")
    assert failed.exit_code == 1
    assert "Failure in test heavy" in failed.output
    assert "build failed: 0 models and seeds built, 0 tests passed, 1 failed or skipped" in failed.output

    (toy / "models" / "bikes.sql").write_text("select 2 as bike_id")
    (toy / "models" / "rides.sql").write_text("select * from {{ ref('bikes') }}")
    stopped = _build()
    assert stopped.exit_code == 1
    assert "build failed: 1 models and seeds built, 0 tests passed, 2 failed or skipped" in stopped.output


def test_a_project_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "project_root", lambda: tmp_path)
    done = _build()
    assert done.exit_code == 1
    assert done.output == f"error: no dbt project in {tmp_path / 'dbt_project'}\n"
