"""What spares dbt work (dbt_parsed.py and dbt_shortcuts.py in velib/building) changes nothing of what dbt makes of a project."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from toy_project import make_toy

from velib.core import settings
from velib.postgres import dbt_profile

NOWHERE = "postgresql://nobody@localhost/nothing"

# The project at argv[1] is ours; argv[2] says what to do with it. `reads` counts how often dbt itself reads a project.
PRELUDE = """
import json, pathlib, sys
from velib.building import dbt_process
from velib.core import settings
root = pathlib.Path(sys.argv[1])
settings.project_root = lambda: root
dbt_process._dbt()
from dbt.cli.main import dbtRunner
invoke, reads = dbtRunner.invoke, []
dbtRunner.invoke = lambda self, args: reads.append(args) or invoke(self, args)
target = dbt_process.folder() / "target"
manifest = dbt_process._read_project(target, "--no-write-json")
"""


def told(root: Path, script: str, **more: str) -> Any:
    environment = settings.child_environment({settings.DATABASE_URL: NOWHERE, **more})
    done = subprocess.run(
        [sys.executable, "-P", "-c", PRELUDE + script, str(root)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


MODELS = "print(json.dumps([len(reads), sorted(node.name for node in manifest.nodes.values())]))"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_toy(
        tmp_path, monkeypatch, {"models/bikes.sql": "select 1 as bike_id", "models/trips.sql": "select 2 as trip_id"}
    )
    monkeypatch.setenv(settings.DATABASE_URL, NOWHERE)
    dbt_profile.require()
    return tmp_path


def test_a_project_is_read_once_for_all_homes_and_again_when_it_has_changed(root: Path) -> None:
    assert told(root, MODELS) == [1, ["bikes", "trips"]]
    assert told(root, MODELS, VELIB_HOME=str(root / "other")) == [0, ["bikes", "trips"]]
    (root / "dbt_project" / "models" / "trips.sql").unlink()
    assert told(root, MODELS) == [1, ["bikes"]]


def test_what_another_database_or_a_torn_file_left_is_not_taken(root: Path) -> None:
    told(root, MODELS)
    assert told(root, MODELS, VELIB_DATABASE_URL="postgresql://nobody@localhost/elsewhere")[0] == 1
    (kept,) = (root / "dbt_project" / "target").rglob("parsed.bin")
    kept.write_bytes(kept.read_bytes()[:2000])
    assert told(root, MODELS, VELIB_DATABASE_URL="postgresql://nobody@localhost/elsewhere") == [1, ["bikes", "trips"]]


def test_what_a_variable_of_the_environment_has_decided_is_not_kept(root: Path) -> None:
    model = "{{ config(alias=env_var('NAME', 'bikes')) }} select 1 as bike_id"
    (root / "dbt_project" / "models" / "bikes.sql").write_text(model)
    alias = "print(json.dumps([len(reads), manifest.nodes['model.toy.bikes'].alias]))"
    assert told(root, alias) == [1, "bikes"]
    assert told(root, alias, NAME="velos") == [1, "velos"]


def test_a_build_with_another_var_reads_the_project_for_itself(root: Path) -> None:
    plain = ["--log-level", "info", "build", "--no-write-json", "--exclude", "tag:full", "--select", "bikes"]
    cases = [
        plain,
        [*plain, "--vars", "{a: 1}"],
        [*plain, "--vars={a: 1}"],
        ["docs", "generate"],
        [*plain, "--target", "x"],
    ]
    taken = told(
        root,
        f"import os; os.chdir(settings.dbt_project()); print(json.dumps([dbt_process._is_as_written(each) for each in {cases!r}]))",
    )
    assert taken == [True, False, False, False, False]


@pytest.mark.slow
def test_the_kept_project_is_the_one_that_dbt_reads() -> None:
    """Field by field: dbt's own way to pickle a manifest loses some."""
    script = """
read = manifest
from velib.building import dbt_parsed
kept = dbt_parsed.read(dbt_process.kept(), "nothing")
assert reads and kept is not read
def plain(value):
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if hasattr(value, "items"):
        return {str(k): plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value
names = [name for name in vars(read) if not name.startswith("_")]
differing = [name for name in names if plain(getattr(read, name)) != plain(getattr(kept, name))]
print(json.dumps([differing, len(kept.unit_tests) > 9, len(names)]))
"""
    project = settings.project_root()
    kept = project / "dbt_project" / "target" / "velib" / "parsed.bin"
    before = kept.read_bytes() if kept.exists() else None
    try:
        kept.unlink(missing_ok=True)
        differing, has_unit_tests, fields = told(project, script)
        assert differing == []
        assert has_unit_tests
        assert fields > 20
    finally:
        if before is not None:
            kept.write_bytes(before)


def test_a_name_means_the_same_macro_as_without_the_shortcut(root: Path) -> None:
    """In a context of ours and one of dbt's: the project's macro before dbt's, and each bound to its own context."""
    macros = root / "dbt_project" / "macros"
    macros.mkdir()
    (macros / "own.sql").write_text(
        "{% macro own() %}1{% endmacro %}{% macro get_where_subquery(relation) %}2{% endmacro %}"
    )
    script = """
from dbt.context.macros import MacroNamespaceBuilder
shortcut = MacroNamespaceBuilder.build_namespace
dbts = dict(zip(shortcut.__code__.co_freevars, shortcut.__closure__))["sort"].cell_contents
dbts = dict(zip(dbts.__code__.co_freevars, dbts.__closure__))["build"].cell_contents
def meanings(build, package, ctx):
    builder = MacroNamespaceBuilder("toy", package, None, ["dbt", "dbt_postgres"], None)
    found = build(builder, manifest.get_macros_by_package(), ctx)
    flat = dict.fromkeys(found)
    flat.update(found)
    assert len(found) == len(flat) and all(m.context is ctx for m in flat.values() if hasattr(m, "macro"))
    assert found.get_from_package("dbt", "statement").macro.unique_id == "macro.dbt.statement"
    name = lambda m: m.macro.unique_id if hasattr(m, "macro") else {key: name(each) for key, each in m.items()}
    return name(flat)
for package in ("toy", "dbt", "toy", "dbt_postgres"):
    assert meanings(shortcut, package, {}) == meanings(dbts, package, {})
print(json.dumps(meanings(shortcut, "toy", {})["get_where_subquery"]))
"""
    assert told(root, script) == "macro.toy.get_where_subquery"


def test_an_event_that_is_read_says_what_it_said(root: Path) -> None:
    script = """
from dbt_common.events.types import Note, Formatting
from dbt.adapters.events.types import NewConnection, SQLQuery
event = SQLQuery(conn_name="a", sql="select 1", node_info={"node_name": "bikes"})
later = vars(event).get("of") is not None
event.node_info.node_name = "velos"
loud = Note(msg="x")
print(json.dumps([later, event.message(), event.to_dict()["node_info"]["node_name"], loud.message(), Formatting("-").message()]))
"""
    assert told(root, script) == [True, "On a: select 1", "velos", "x", "-"]
