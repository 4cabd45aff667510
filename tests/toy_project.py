"""Toy dbt projects for tests of what runs dbt, not of what it builds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from velib.core import settings

PROJECT = "name: toy\nprofile: velib\nversion: '1.0'\nflags: {send_anonymous_usage_stats: false}\n"


def make_toy(root: Path, monkeypatch: pytest.MonkeyPatch, files: Mapping[str, str], settings_more: str = "") -> Path:
    """Write a project of these files below `root`, and take it for ours, with a home beside it. Returns its folder.

    `settings_more` goes to the end of its dbt_project.yml.
    """
    project = root / "dbt_project"
    for name, text in {"dbt_project.yml": PROJECT + settings_more, **files}.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    monkeypatch.setattr(settings, "project_root", lambda: root)
    monkeypatch.setenv(settings.HOME, str(root / "home"))
    return project
