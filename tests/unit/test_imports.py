"""No circle of files: whoever reads one need not have read the others first."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter

import pytest

from velib.core import settings

PACKAGES = ("ingestion", "orchestration", "velib")


def imports() -> dict[str, set[str]]:
    """The modules that each module imports, at its beginning or later."""
    root = settings.project_root()
    files = {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for package in PACKAGES
        for path in (root / package).rglob("*.py")
    }
    found: dict[str, set[str]] = {}
    for module, path in files.items():
        named: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                named |= {each.name for each in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                inside = {f"{node.module}.{each.name}" for each in node.names}
                named |= (inside & files.keys()) or {node.module}
        found[module] = (named & files.keys()) - {module}
    return found


def test_no_circle_of_files() -> None:
    found = imports()
    assert len(found) > 150
    assert "ingestion.landing.bucket" in found["ingestion.landing.store"]
    try:
        TopologicalSorter(found).prepare()
    except CycleError as circle:
        pytest.fail(" → ".join(circle.args[1]))
