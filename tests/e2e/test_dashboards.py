"""Superset's dashboards in a real browser, on a simulated day: `python -m velib.bi check` as a user calls it.

Only where somebody has run `make bi` and Chromium is there: to install Superset (700 MB) for it would cost every run minutes.
What can be said of the bundle without Superset is in tests/unit/velib/bi/test_bi.py.
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from velib.bi import environment
from velib.bi.inside import browser
from velib.core import settings
from velib.simulator.archive import write_archive
from velib.simulator.config import CityConfig

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
        done = run("velib.cli.main", *words)
        assert done.returncode == 0, done.stdout + done.stderr
    done = run(
        "bi", "check", "--limit", "10", "--pictures", str(tmp_path / "pictures")
    )  # no test of speed: others run too
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 5
    done = run("bi", "export")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "nothing has changed"
    for public, status in (("", 302), ("yes", 200)):
        monkeypatch.setenv("VELIB_BI_PUBLIC", public)
        assert of_a_stranger() == (status, 401), (
            "whoever has no account sees dashboards where that was asked for, and no more"
        )


def of_a_stranger() -> tuple[int, int]:
    """What one without an account gets: a dashboard, and the list of databases."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    server = environment.start(port, environment.variables())
    try:
        answers = []
        for path in ("/superset/dashboard/network-now/", "/api/v1/database/"):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", path)
            answers.append(connection.getresponse().status)
            connection.close()
        return answers[0], answers[1]
    finally:
        server.terminate()
        server.wait()
