"""What Python reads of dbt_project.yml."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from velib.core import dbt_vars, settings
from velib.core.errors import VelibError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(settings, "dbt_project", lambda: tmp_path)
    dbt_vars._vars.cache_clear()
    yield tmp_path / "dbt_project.yml"
    dbt_vars._vars.cache_clear()


def test_a_var_is_what_the_project_says(project: Path) -> None:
    project.write_text("name: velib\nvars:\n  gap_seconds: 90\n  states: [é]\n", encoding="utf-8")
    assert (dbt_vars.var("gap_seconds"), dbt_vars.var("states")) == (90, ["é"])
    with pytest.raises(VelibError, match=r"dbt_project\.yml does not say the var other"):
        dbt_vars.var("other")


@pytest.mark.parametrize("content", [None, b"\xff", b"vars: [", b"", b"vars: 3"])
def test_a_project_that_cannot_be_read_is_said_in_one_line(project: Path, content: bytes | None) -> None:
    if content is not None:
        project.write_bytes(content)
    with pytest.raises(VelibError, match=r"dbt_project\.yml") as refused:
        dbt_vars.var("gap_seconds")
    assert "\n" not in str(refused.value)


def test_a_load_does_not_wait_for_yaml() -> None:
    code = "import sys, ingestion.loading.raw_schema; print('yaml' in sys.modules)"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
