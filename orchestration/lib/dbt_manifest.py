"""dbt's manifest, from which the assets are made: parsed when it is missing or older than the project.

To parse connects to nothing (velib/building/dbt_process.py), so the result does not depend on whose machine it is. Several
processes load the code location at once: one parses, the others wait for it.
"""

import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtProject

from velib.core import files, settings
from velib.core.errors import VelibError, refused_by_the_system

_SOURCES = ("analyses", "macros", "models", "seeds", "snapshots", "tests")
_UNIQUE_ID = "dagster_dbt/unique_id"  # what dagster-dbt notes on each asset and check


def load_manifest() -> tuple[DbtProject, dict[str, Any]]:
    """The project and its manifest, up to date."""
    folder = settings.dbt_project()
    project = DbtProject(folder, profiles_dir=folder)
    try:
        manifest = _up_to_date(project.manifest_path, folder)
    except OSError:  # the checkout is not ours to write to: in the warehouse's home then
        project = DbtProject(folder, profiles_dir=folder, target_path=settings.velib_home() / "dbt" / "manifest")
        try:
            manifest = _up_to_date(project.manifest_path, folder)
        except OSError as error:
            raise refused_by_the_system(error) from error
    return project, with_homes_for_singular_tests(manifest)


def _up_to_date(path: Path, folder: Path) -> dict[str, Any]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.locked(path.parent):
        return _current(path, folder) or _parse(path)


def with_homes_for_singular_tests(manifest: dict[str, Any]) -> dict[str, Any]:
    """A singular test that reads several models is a check of the first one it names, unless its meta says otherwise.

    dagster-dbt knows where to put a test that reads one model, and leaves all others out of the asset graph.
    """
    for node in manifest["nodes"].values():
        if node["resource_type"] != "test" or node.get("attached_node") or not node.get("refs"):
            continue
        meta = node["config"].setdefault("meta", {})
        meta.setdefault("dagster", {}).setdefault("ref", {"name": node["refs"][0]["name"]})
    return manifest


def checks_tagged(tag: str, specs: Iterable[dg.AssetCheckSpec], manifest: Mapping[str, Any]) -> list[dg.AssetCheckKey]:
    """The checks whose data test has the tag: dagster-dbt itself does not carry a test's tags over."""
    return [spec.key for spec in specs if tag in manifest["nodes"][spec.metadata[_UNIQUE_ID]]["tags"]]


def newest_change(folder: Path) -> float:
    """When the project last changed. Folders count too: theirs is the time at which a file was removed."""
    return max(path.stat().st_mtime for path in _parts(folder))


def _parts(folder: Path) -> Iterator[Path]:
    yield folder / "dbt_project.yml"
    for name in _SOURCES:
        for directory, _, names in os.walk(folder / name):
            yield Path(directory)
            yield from (Path(directory, each) for each in names if not each.startswith("."))


def _current(path: Path, folder: Path) -> dict[str, Any] | None:
    """The manifest that is there; None when there is none, or it is too old, half written, or another dbt's."""
    try:
        written = path.stat().st_mtime
        manifest: dict[str, Any] = json.loads(path.read_text())
        version = manifest["metadata"]["dbt_version"]
    except (FileNotFoundError, ValueError, KeyError):
        return None
    return manifest if written > newest_change(folder) and version == importlib.metadata.version("dbt-core") else None


def _parse(path: Path) -> dict[str, Any]:
    """In a process of its own, which is rid of dbt again."""
    code = "import sys, pathlib; from velib.building import dbt_process; dbt_process.read_project(pathlib.Path(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, str(path.parent)],
        env=settings.child_environment(),
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise VelibError(f"dbt cannot read the project: {done.stdout}{done.stderr}")
    manifest: dict[str, Any] = json.loads(path.read_text())
    return manifest
