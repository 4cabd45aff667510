"""Prometheus' and Grafana's files without either: they fit the API's own figures, one another, and docker-compose."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml
from monitoring import GRAFANA, PROMETHEUS, dashboard, expressions, rules
from prometheus_client.parser import text_string_to_metric_families

from velib.api.metrics import Metrics
from velib.core import settings

PROMTOOL = shutil.which("promtool")
COMPOSE = yaml.safe_load((settings.project_root() / "docker-compose.yml").read_text())["services"]
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


@pytest.fixture(scope="module")
def told() -> set[str]:
    """The names that /metrics tells; there is no database behind it."""
    metrics = Metrics(cast("Any", SimpleNamespace(size=1, in_use=0, waiting=0)), cast("Any", None))
    families = text_string_to_metric_families(asyncio.run(metrics.told()).decode())
    return {f"{each.name}{suffix}" for each in families for suffix in SUFFIXES[each.type]}


def test_every_figure_that_is_asked_for_is_told(told: set[str]) -> None:
    asked = {name for expression in expressions().values() for name in re.findall(r"\bvelib_\w+", expression)}
    assert len(asked) > 15
    assert asked <= told
    # What is told and nobody looks at is a figure that nobody would miss.
    assert told - asked <= {"velib_api_request_seconds_sum", "velib_api_request_seconds_count"}


def test_alerts_say_what_is_wrong() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) > 5
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical"), rule["alert"]
        assert rule["annotations"].keys() == {"summary", "description"}, rule["alert"]


def test_the_dashboard_is_whole() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    [source] = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    places: set[tuple[int, int]] = set()
    for panel in panels:
        assert panel["title"], panel
        assert panel["description"], panel
        assert panel["targets"], panel
        assert {each["datasource"]["uid"] for each in [panel, *panel["targets"]]} == {source["uid"]}
        at = panel["gridPos"]
        covered = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not covered & places, f"{panel['title']} lies on another"
        assert at["x"] + at["w"] <= 24
        places |= covered


def test_the_services_find_one_another() -> None:
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    [[target]] = [each["targets"] for job in config["scrape_configs"] for each in job["static_configs"]]
    assert target == "api:8000"
    assert COMPOSE["api"]["command"].endswith(f"--port {target.partition(':')[2]}")
    assert {job["job_name"] for job in config["scrape_configs"]} == set(
        re.findall(r'job="([^"]+)"', " ".join(expressions().values()))
    )
    [source] = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in COMPOSE
    mounts = dict(volume.removesuffix(":ro").split(":") for volume in COMPOSE["grafana"]["volumes"])
    assert mounts["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    [provider] = yaml.safe_load((GRAFANA / "provisioning/dashboards/velib.yml").read_text())["providers"]
    assert mounts["./deploy/grafana/dashboards"] == provider["options"]["path"]
    assert (
        dict(volume.removesuffix(":ro").split(":") for volume in COMPOSE["prometheus"]["volumes"])[
            "./deploy/prometheus"
        ]
        == "/etc/prometheus"
    )
    assert config["rule_files"] == ["alerts.yml"]


@pytest.mark.skipif(PROMTOOL is None, reason="no promtool on this machine (Debian's package prometheus has it)")
def test_promtool_accepts_them(tmp_path: Path) -> None:
    assert PROMTOOL
    for arguments in (["config", PROMETHEUS / "prometheus.yml"], ["rules", PROMETHEUS / "alerts.yml"]):
        done = subprocess.run([PROMTOOL, "check", *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "alerts.yml").write_text((PROMETHEUS / "alerts.yml").read_text())
    (tmp_path / "test.yml").write_text(yaml.safe_dump(_scenario()))
    done = subprocess.run([PROMTOOL, "test", "rules", "test.yml"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def _scenario() -> dict[str, Any]:
    """Two hours: one feed goes on, one falls silent, one is an archive; files go to quarantine; the API fails."""
    minutes = 120
    going_on = " ".join(str(60 * minute) for minute in range(minutes + 1))
    series = {
        'velib_newest_snapshot_timestamp_seconds{feed="live"}': going_on,
        'velib_cadence_seconds{feed="live"}': f"60x{minutes}",
        'velib_newest_snapshot_timestamp_seconds{feed="silent"}': f"0x{minutes}",
        'velib_cadence_seconds{feed="silent"}': f"60x{minutes}",
        'velib_newest_snapshot_timestamp_seconds{feed="archive"}': f"-5000000x{minutes}",
        'velib_cadence_seconds{feed="archive"}': f"60x{minutes}",
        'velib_quarantined_files{feed="live"}': f"0+1x{minutes}",
        'velib_quarantined_files{feed="silent"}': f"7x{minutes}",
        'velib_api_requests_total{status="200"}': f"0+60x{minutes}",
        'velib_api_requests_total{status="503"}': f"0+10x{minutes}",
        "velib_build_succeeded": f"1x{minutes}",
        "velib_mart_up": f"1x{minutes}",
    }
    holding = {
        "VelibFeedSilent": [{"feed": "silent"}],
        "VelibQuarantineGrows": [{"feed": "live"}],
        "VelibApiErrors": [{}],
        "VelibBuildFailed": [],
        "VelibMartAway": [],
    }
    return {
        "rule_files": ["alerts.yml"],
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": f'count by (feed) (ALERTS{{alertname="{name}", alertstate="firing"}})',
                        "eval_time": f"{minutes}m",
                        "exp_samples": [
                            {"labels": f'{{feed="{labels["feed"]}"}}' if labels else "{}", "value": 1}
                            for labels in found
                        ],
                    }
                    for name, found in holding.items()
                ],
            }
        ],
    }
