"""Alerts and dashboards say the same of a station: on a mart that dbt built, whatever it was told is in service."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import tiny

from ingestion.loading.load import load
from velib.monitoring.alerts import stations
from velib.monitoring.alerts.configuration import Alerts, Rule

pytestmark = pytest.mark.slow

STATES = ["Operative", "Work in progress", "Close", None]
LAST = 6


def snapshot(number: int) -> bytes:
    """Of each state stations that run empty or full, with docks stated, unstated and 0, and with bikes beyond them."""
    entries = []
    for n, state in enumerate(STATES):
        stations: list[tuple[int, dict[str, Any]]] = [
            (0, {"nbFreeDock": 5}),
            (0 if number >= n else 2, {"nbFreeDock": 3, "nbFreeEDock": 2}),
            (7, {"nbFreeDock": 0, "nbFreeEDock": 0}),
            (7, {"nbFreeDock": 0, "nbFreeEDock": 1}),
            (4, {"nbFreeDock": 2, "nbDock": None}),
            (0, {"nbFreeDock": 0, "nbDock": 0}),
            (20, {"nbFreeDock": None, "nbDock": 9, "nbEDock": 8}),
        ]
        for m, (bikes, fields) in enumerate(stations):
            code = f"16{n}0{m}"
            entries.append(tiny.station(code, [f"{code}{bike:02}" for bike in range(bikes)], state=state, **fields))
    return tiny.app(entries)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    for number in range(LAST + 1):
        tiny.write(tmp_path / "archive", number, snapshot(number))
    return tmp_path / "archive"


def alerted(cursor: Any, rule: Rule) -> Any:
    return stations.look(cursor, rule, Alerts((), ()), tiny.minute(LAST + 1))


def test_alerts_and_dashboards_agree(archive: Path, velib_build: Callable[..., None], cursor: Any) -> None:
    load([str(archive)])
    counted = []
    for told in ([], ["--vars", "{states_in_service: [Operative, Work in progress]}", "--full-refresh"]):
        velib_build("--no-tests", *told)
        for kind in ("empty", "full"):
            rule = Rule(kind, f"station_{kind}", lasting=timedelta())
            cursor.execute(f"select station_code, {kind}_since_at from mart.kpi_station_now where is_{kind}")
            now = dict(cursor.fetchall())
            assert now
            assert {each.subject: each.since for each in alerted(cursor, rule)} == now
            counted.append(len(now))
        cursor.execute(
            """
            select sum(least(bikes_available, docks_usable)) filter (where docks_usable is not null), sum(docks_usable)
            from mart.kpi_station_now
            """
        )
        docks = cursor.fetchone()
        (district,) = alerted(cursor, Rule("short", "district_short", below=0.999, lasting=timedelta()))
        assert tuple(map(int, re.findall(r"\d+", district.fact))) == docks
    # In service: two of the four states, then three.
    assert counted[2:] == [count // 2 * 3 for count in counted[:2]]
    cursor.execute("explain select status.docks_usable from mart.fct_station_status as status")
    plan = "\n".join(line for (line,) in cursor)
    assert "Subquery" not in plan, (
        "planned apart from what asks, the view could not be asked by station through its index"
    )
