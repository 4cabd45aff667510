"""What deploy/prometheus and deploy/grafana hold, for the tests of both."""

from __future__ import annotations

import json
from typing import Any

import yaml

from velib.core import settings

DOCKER = settings.project_root() / "deploy"
PROMETHEUS, GRAFANA = DOCKER / "prometheus", DOCKER / "grafana"


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((GRAFANA / "dashboards" / "operations.json").read_text())
    return loaded


def expressions() -> dict[str, str]:
    """Every question to Prometheus, by who asks it."""
    found = {rule["alert"]: rule["expr"] for rule in rules()}
    for panel in dashboard()["panels"]:
        found |= {f"{panel['title']}, {target['refId']}": target["expr"] for target in panel["targets"]}
    return found
