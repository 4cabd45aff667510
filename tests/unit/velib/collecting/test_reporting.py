"""What velib poll tells Dagster: which events, as what, and that nothing waits for it."""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from orchestration import report
from velib.collecting import reporting
from velib.collecting.events import Events
from velib.collecting.reporting import Reporter

NOTES = "import os, sys; open(os.environ['NOTES'], 'w').write(sys.stdin.read())"


def told(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "notes").read_text().splitlines()]


def test_what_is_told(tmp_path: Path) -> None:
    reporter = Reporter({"NOTES": str(tmp_path / "notes")}, [sys.executable, "-S", "-c", NOTES])
    events = Events(logger=logging.getLogger("test.quiet"))
    events.listener = reporter
    events.info("landed", feed="a", file="a b.json.gz", bytes=12, entries=None)
    events.debug("something_else", feed="a")
    events.error("build_failed", said='error: "x"')
    events.info("load", said="x" * 100_000)
    reporter.end()
    first, second, third = told(tmp_path)
    assert first == {"event": "landed", "feed": "a", "file": "a b.json.gz", "bytes": "12"}
    assert second == {"event": "build_failed", "said": 'error: "x"'}
    assert len(third["said"]) == 1000


def test_nothing_waits_for_one_that_does_not_listen() -> None:
    deaf = Reporter({}, [sys.executable, "-S", "-c", "import time; time.sleep(60)"])
    for _ in range(100):
        deaf("load", {"said": "x" * 3000})
    deaf._process.kill()
    deaf.end()
    gone = Reporter({}, [sys.executable, "-S", "-c", ""])
    gone._process.wait()
    began = time.monotonic()
    gone("load", {"said": "x"})
    gone.end()
    assert time.monotonic() - began < 5


def test_one_that_has_died_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reporter = Reporter({"NOTES": str(tmp_path / "notes")}, [sys.executable, "-S", "-c", NOTES])
    reporter._process.kill()
    reporter._process.wait()
    reporter("load", {"said": "too soon"})
    monkeypatch.setattr(reporting, "_AGAIN", 0.0)
    reporter("load", {"said": "heard"})
    reporter.end()
    assert [line["said"] for line in told(tmp_path)] == ["heard"]


def test_what_dagster_records() -> None:
    lines = [
        {"event": "landed", "feed": "a", "file": "x", "bytes": "12", "entries": "3"},
        {"event": "load", "said": "1 new"},
        {"event": "build", "said": "built"},
        {"event": "load_failed", "said": "error: no database"},
        {"event": "unheard of"},
    ]
    with dg.DagsterInstance.ephemeral() as instance:
        report.report(map(json.dumps, lines), instance, lambda: {"a/seconds_from_landing": 3.5})

        def metadata(path: list[str]) -> dict[str, Any]:
            event = instance.get_latest_materialization_event(dg.AssetKey(path))
            assert event is not None
            assert event.asset_materialization is not None
            return {name: value.value for name, value in event.asset_materialization.metadata.items()}

        assert metadata(["landing", "snapshots"]) == {
            "feed": "a",
            "file": "x",
            "bytes": 12,
            "entries": 3,
            "by": "velib poll",
        }
        assert metadata(["raw", "snapshots"])["said"] == "1 new", "what failed has made nothing"
        assert metadata(["mart", "fct_refresh"])["a/seconds_from_landing"] == 3.5
