"""`python -P -m orchestration.report`: what `velib poll` tells on standard input, as events of assets that no run has made.

Ends when nobody tells any more. An event that Dagster does not take is lost, and the next is told.
"""

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import dagster as dg

LANDED, LOADED, BUILT = ["landing", "snapshots"], ["raw", "snapshots"], ["mart", "fct_refresh"]
_ASSETS = {"landed": LANDED, "load": LOADED, "load_failed": LOADED, "build": BUILT, "build_failed": BUILT}

# By feed, what the latest build has brought into the mart.
_LATEST = """
select feed, snapshots, capture_seconds_mean, landing_seconds_mean from mart.fct_refresh
where build_id = (select build_id from mart.fct_refresh order by visible_at desc limit 1)
"""


def event_of(
    told: Mapping[str, str], figures: Callable[[], Mapping[str, Any]]
) -> dg.AssetMaterialization | dg.AssetObservation:
    """What Dagster is to record. What failed has made nothing: it is an observation."""
    name = told["event"]
    metadata: dict[str, Any] = {key: value for key, value in told.items() if key != "event"}
    for key in ("bytes", "entries"):
        if key in metadata:
            metadata[key] = int(metadata[key])
    metadata["by"] = "velib poll"
    if name.endswith("_failed"):
        return dg.AssetObservation(_ASSETS[name], metadata=metadata)
    if name == "build":
        metadata |= figures()
    return dg.AssetMaterialization(_ASSETS[name], metadata=metadata)


def report(lines: Iterable[str], instance: dg.DagsterInstance, figures: Callable[[], Mapping[str, Any]]) -> None:
    for line in lines:
        with contextlib.suppress(Exception):
            instance.report_runless_asset_event(event_of(json.loads(line), figures))


def latest_figures() -> dict[str, Any]:
    """How long the snapshots of the latest build took. Numbers, so that Dagster plots them."""
    from velib.postgres.database import connect

    found: dict[str, Any] = {}
    with contextlib.closing(connect("velib dagster", autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute(_LATEST)
        for feed, snapshots, capture, landing in cursor.fetchall():
            found |= {f"{feed}/snapshots": snapshots, f"{feed}/seconds_from_capture": round(capture, 1)}
            found[f"{feed}/seconds_from_landing"] = round(landing, 1)
    return found


if __name__ == "__main__":
    with dg.DagsterInstance.get() as current:
        report(sys.stdin, current, latest_figures)
