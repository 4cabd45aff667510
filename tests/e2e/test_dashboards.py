"""Superset's dashboards in a real browser, on a simulated day: `python -m bi check` as a user calls it.

Only where somebody has run `make bi` and Chromium is there: to install Superset (700 MB) for it would cost every run minutes.
What can be said of the bundle without Superset is in tests/unit/test_bi.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bi import environment
from bi.inside import browser
from simulator.archive import write_archive
from simulator.config import CityConfig
from warehouse import settings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not environment.is_installed(), reason="Superset is not installed (make bi installs it)"),
    pytest.mark.skipif(browser.program() is None, reason="there is no Chromium"),
]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=settings.project_root(),
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=900,
    )


def test_the_dashboards_show_a_day(
    tmp_path: Path, new_home: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.HOME, str(new_home()))
    write_archive(tmp_path / "archive", CityConfig(96, bikes=600, stations=60, every=900))
    for words in (("load", str(tmp_path / "archive")), ("build", "--no-tests")):
        done = run("warehouse.cli", *words)
        assert done.returncode == 0, done.stdout + done.stderr
    done = run(
        "bi", "check", "--limit", "10", "--pictures", str(tmp_path / "pictures")
    )  # no test of speed: others run too
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 5
    done = run("bi", "export")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "nothing has changed"
