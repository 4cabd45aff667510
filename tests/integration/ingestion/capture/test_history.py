"""A history written straight into `raw` is what `velib load` makes of the same snapshots' files."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.history.run import FEED, History
from ingestion.loading.load import LoadOptions, load
from ingestion.loading.rebuilding import rebuild_snapshot
from velib.postgres.connections import connect_to
from velib.simulator.archive import write_archive
from velib.simulator.config import CityConfig

FROM_FILES = "from_files"
# Of two rows for one snapshot the one that was written last counts.
_SNAPSHOTS = """
    select distinct on (snapshot_at) * from raw.snapshots where feed = %(feed)s order by snapshot_at, change_set_id desc
"""
_OF_THE_FILE = {"feed", "change_set_id", "file", "file_bytes", "file_modified_ns", "content_hash", "_dlt_load_id"}


def test_a_history_is_what_its_files_would_be(
    fresh_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same once before it, and with files on top, a late one among them."""
    monkeypatch.setattr("velib.simulator.feed.FLICKERS", 2e-3)
    monkeypatch.setattr("velib.simulator.operations.CLOSURES_PER_STATION_AND_DAY", 20)
    monkeypatch.setattr("velib.simulator.operations.KIOSK_CHANGES_PER_STATION_AND_DAY", 20)
    # a neighbour that has no file would be found by reading all change sets before it
    monkeypatch.setattr("ingestion.loading.load.rebuild_snapshot", None)
    start = datetime(2026, 6, 2, 8)  # noqa: DTZ001 (local Paris time)
    config = CityConfig(snapshots=80, bikes=500, stations=40, start=start)
    write_archive(tmp_path / "archive", config)
    load([str(tmp_path / "archive")], LoadOptions(feed=FROM_FILES, workers=1))

    history = History(config, tmp_path / "history")
    late = history.straight(60, left_out=[25], times=2)
    load([str(history.as_files(20, "next")), *map(str, late)])

    straight, from_files = (_content(fresh_database, feed) for feed in (FEED, FROM_FILES))
    first_at = from_files["snapshots"][0][0]
    assert len(straight["snapshots"]) == 59 + 80
    for table, rows in from_files.items():
        since, expected = ([each for each in these if each[0] > first_at] for these in (straight[table], rows))
        assert since == expected, table
        assert expected
    assert any(not bike["is_present"] for _, bike in from_files["bike_changes"])

    # The first one follows another in the history, so what it changes is not the same; what it says is.
    with connect_to(fresh_database) as connection:
        contents = [
            sorted(
                (station._replace(bikes=tuple(sorted(station.bikes))) for station in rebuild_snapshot(connection, *of)),
                key=str,
            )
            for of in ((FROM_FILES, first_at), (FEED, first_at), (FEED, first_at - timedelta(hours=1)))
        ]
    assert contents[0] == contents[1] == contents[2]
    assert straight["snapshots"][59][1]["bike_change_count"] < 500


def _content(url: str, feed: str) -> dict[str, list[Any]]:
    """The snapshots of a feed, and what each changes, as (capture time, values)."""
    found: dict[str, list[Any]] = {}
    with connect_to(url) as connection, connection.cursor() as cursor:
        for table, key in (
            ("snapshots", "format"),
            ("station_changes", "station_code"),
            ("station_attribute_changes", "station_code"),
            ("bike_changes", "bike_id"),
        ):
            cursor.execute(
                f"""
                select counting.snapshot_at, to_jsonb(t) from raw.{table} t
                join ({_SNAPSHOTS}) as counting using (change_set_id)
                order by counting.snapshot_at, t.{key}
                """,
                {"feed": feed},
            )
            found[table] = [
                (at, {name: value for name, value in row.items() if name not in _OF_THE_FILE}) for at, row in cursor
            ]
    return found
