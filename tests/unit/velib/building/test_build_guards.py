"""What the guards around a build (dbt_project/macros/engine/guards.sql) share with the code beside them. No database."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestion.loading.raw_schema import LAYOUT
from orchestration.lib.dbt_manifest import load_manifest
from velib.building import commands, dbt_process
from velib.core import settings

# Not of the mart's content: they say what it was built by.
VERSIONS = {"models_version", "raw_layout"}


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    return load_manifest()[1]


def macro(manifest: dict[str, Any], name: str) -> str:
    return str(manifest["macros"][f"macro.velib.{name}"]["macro_sql"])


def sources_of(manifest: dict[str, Any], unique_id: str, seen: set[str]) -> Iterator[str]:
    """The Jinja of a model or macro, and of all that it stands on."""
    if unique_id in seen or not unique_id.startswith(("model.velib.", "macro.velib.")):
        return
    seen.add(unique_id)
    node = manifest["macros"][unique_id] if unique_id.startswith("macro.") else manifest["nodes"][unique_id]
    yield node.get("macro_sql") or node["raw_code"]
    for parent in [*node["depends_on"]["macros"], *node["depends_on"].get("nodes", [])]:
        yield from sources_of(manifest, parent, seen)


def test_the_lock_of_the_macros_is_that_of_the_command(manifest: dict[str, Any]) -> None:
    assert re.findall(r"return\((\d+)\)", macro(manifest, "build_lock")) == [str(dbt_process.BUILD_LOCK)]
    assert dbt_process.HOLDER in macro(manifest, "refuse_beside_another_build")


def test_the_models_read_the_layout_that_the_loader_writes() -> None:
    project = (dbt_process.settings.dbt_project() / "dbt_project.yml").read_text()
    assert re.findall(r"^  raw_layout: (\d+)$", project, re.MULTILINE) == [str(LAYOUT)]


def test_the_watermarks_remember_every_var_that_incremental_models_depend_on(manifest: dict[str, Any]) -> None:
    """Also those that only a macro reads, or a model that they read. With another value, their old rows would be wrong.

    Those of the strategy replace_all have no old rows: they are made whole with each build.
    """
    seen: set[str] = set()
    incremental = [
        unique_id
        for unique_id, node in manifest["nodes"].items()
        if node["config"].get("materialized") == "incremental"
        and node["config"]["incremental_strategy"] != "replace_all"
    ]
    assert incremental
    jinja = [text for unique_id in incremental for text in sources_of(manifest, unique_id, seen)]
    read = set(re.findall(r"\bvar\(\s*['\"](\w+)['\"]", "\n".join(jinja))) - VERSIONS
    remembered = set(re.findall(r"'(\w+)'", macro(manifest, "shaping_vars")))
    assert {"gap_seconds", "earth_radius_m"} <= read, "of a model, and of a macro behind a dispatch"
    assert remembered == read


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (
            "Runtime Error in operation velib-on-run-start-0\n  refused: no: wait\n  \n  > in macro refuse",
            "no: wait",
        ),
        (
            "Encountered an error:\nRuntime Error in operation velib-on-run-start-0 (./dbt_project.yml)\n  refused: no",
            "no",
        ),
        (
            "warn\ndbt_process: error: cannot connect to the database: refused: it is away",
            "cannot connect to the database: refused: it is away",
        ),
        (f"Failure in test heavy\n{dbt_process.LOCK_LOST}", dbt_process.LOCK_LOST.removeprefix("dbt_process: error: ")),
        ("Database Error in model fct_trips\nerror: a line of a context\n  division by zero", None),
        ("Database Error in model fct_trips\n  refused: by a function\nrefused: once more", None),
        ("Runtime Error in model fct_trips\n  refused: by a package", None),
        ("Database Error in model fct_trips\n  connection refused: is it there?", None),
        ("", None),
    ],
)
def test_the_line_that_is_all_the_user_needs(said: str, line: str | None) -> None:
    assert dbt_process.refusal(said) == line


def test_our_own_line_counts_beside_what_dbt_complains_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """dbt writes its log as JSON; the line of a build whose lock is lost stands between, as plain text."""
    monkeypatch.setenv(dbt_process.settings.HOME, str(tmp_path))
    warning = {"info": {"msg": "Warning in test", "level": "warn"}, "data": {"index": 1, "total": 2}}
    code = f"print({json.dumps(warning)!r}); print({dbt_process.LOCK_LOST!r}); raise SystemExit(1)"
    run = commands._run([sys.executable, "-c", code], settings.dbt_project())
    assert run.problems == ["Warning in test", dbt_process.LOCK_LOST]
    assert commands._in_one_line(run) == dbt_process.refusal(dbt_process.LOCK_LOST)
