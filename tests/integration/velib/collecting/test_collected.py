"""`velib poll` and the loader: what is collected arrives in raw, feed by feed, at the time it was received."""

from __future__ import annotations

import contextlib
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import tiny
from click.testing import CliRunner
from feed_server import ok, serving, with_etag

from velib.cli import main as cli
from velib.core import settings
from velib.postgres.database import connect

OPENDATA = json.dumps(
    [{"stationcode": "16107", "name": "Benjamin Godard", "numbikesavailable": 4, "mechanical": 1, "ebike": 3}]
).encode()
STATIONS = [{"station_id": "7", "name": "Seven", "lat": 48.8, "lon": 2.3, "capacity": 20}]


def test_what_is_collected_is_loaded(fresh_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.HOME, str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    now = datetime.now(UTC)
    with serving() as feeds:
        files = [
            {"name": "station_status", "url": feeds.at("/status", ok(tiny.gbfs({"7": 3}, now)))},
            {"name": "station_information", "url": feeds.at("/places", ok(_document(STATIONS)))},
        ]
        urls = {
            "mainz": ("nextbike", feeds.at("/map", with_etag(tiny.street({"1": ["a"]}), '"1"'))),
            "paris": ("velib_opendata", feeds.at("/stations", ok(OPENDATA))),
            "lyon": ("gbfs", feeds.at("/gbfs.json", ok(json.dumps({"data": {"feeds": files}}).encode()))),
        }
        tables = [f"[feeds.{name}]\nkind = '{kind}'\nurl = '{url}'\n" for name, (kind, url) in urls.items()]
        (tmp_path / "poll.toml").write_text("".join(tables))
        for _ in range(2):
            result = CliRunner().invoke(cli.velib, ["poll", "--no-build"], prog_name="velib")
            assert result.exit_code == 0, result.output
            time.sleep(max(0.0, 1 - time.time() % 1))  # another second, another snapshot
    with contextlib.closing(connect("tests", autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute("select feed, format, snapshot_at, change_set_id from raw.snapshots order by feed, snapshot_at")
        rows = cursor.fetchall()
        assert [(feed, form) for feed, form, _, _ in rows] == [
            *[("lyon", "gbfs")] * 2,
            *[("mainz", "nextbike")] * 2,
            *[("paris", "velib_opendata")] * 2,
        ]
        assert all(now.replace(microsecond=0) <= at <= datetime.now(UTC) for _, _, at, _ in rows)
        # The second time the map was a 304 and the others the same again: snapshots, and nothing changed in them.
        cursor.execute("select distinct change_set_id from raw.station_changes")
        assert {number for (number,) in cursor.fetchall()} == {number for _, _, _, number in rows[::2]}
        cursor.execute("select docks_total from raw.station_changes where change_set_id = %s", (rows[0][3],))
        assert cursor.fetchall() == [(20,)]


def _document(stations: list[dict[str, object]]) -> bytes:
    return json.dumps({"ttl": 3600, "data": {"stations": stations}}).encode()
