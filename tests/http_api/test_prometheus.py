"""A real Prometheus, with the project's own configuration, asks the API: all that its rules and the dashboard ask for is there."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml
from conftest import Client
from monitoring import PROMETHEUS, expressions, rules

from velib.postgres.processes import wait_until

BINARY = shutil.which("prometheus")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BINARY is None, reason="no Prometheus on this machine (Debian's package is prometheus)"),
]
# What the made-up mart has no figures of: it was built long ago.
MAY_BE_SILENT = {"velib_refresh_seconds_mean", "velib_refresh_seconds_p95"}


@pytest.fixture
def ask(client: Client, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Asks the Prometheus that asks `client`."""
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "200ms"}
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{client.port}"]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    shutil.copy(PROMETHEUS / "alerts.yml", tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (tmp_path / "log").open("w") as log:
        started = subprocess.Popen(
            [
                str(BINARY),
                f"--config.file={tmp_path / 'prometheus.yml'}",
                f"--storage.tsdb.path={tmp_path / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )

    def get(path: str, **query: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}?{urlencode(query)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def is_up() -> bool:
        try:
            return bool(get("/api/v1/query", query='up{job="velib-api"} == 1')["result"])
        except (urllib.error.URLError, OSError):
            return False

    try:
        assert wait_until(is_up, 60), (tmp_path / "log").read_text()[-3000:]
        yield get
    finally:
        started.terminate()
        started.wait(timeout=30)


def test_prometheus_understands_the_api(ask: Callable[..., Any], client: Client) -> None:
    for _ in range(3):
        assert client.get("/v1/stations").status == 200
    loaded = [rule["name"] for group in ask("/api/v1/rules")["groups"] for rule in group["rules"]]
    assert sorted(loaded) == sorted(rule["alert"] for rule in rules())
    known = {
        name
        for name in ask("/api/v1/label/__name__/values")
        if name.startswith("velib_") and not name.endswith(("_sum", "_count"))
    }
    for asks, expression in expressions().items():
        found = ask("/api/v1/query", query=expression)
        assert found["resultType"] == "vector", asks
        is_alert = asks in loaded
        if not is_alert and not any(name in expression for name in MAY_BE_SILENT):
            assert found["result"] or "rate(" in expression or "delta(" in expression, f"{asks}: nothing of {known}"
    [[_, snapshots]] = [each["value"] for each in ask("/api/v1/query", query='velib_snapshots{feed="app"}')["result"]]
    assert int(snapshots) == client.get("/v1/pipeline/status").json()["feeds"][0]["snapshots"]
    counted = 'sum(velib_api_requests_total{route="/v1/stations", status="200"})'
    assert wait_until(lambda: ask("/api/v1/query", query=counted)["result"][0]["value"][1] >= "3", 20)
