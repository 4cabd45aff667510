"""Nothing is lost: every full snapshot is rebuilt from the change sets in the raw schema and compared with its file."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from change_sets import SNAPSHOTS, ChangeSets, differences, of_file, rebuild
from reference import archives
from reference.network import listed_more_than_once, read_archive

from ingestion.loading.load import load
from velib.postgres.connections import connect_to


@pytest.mark.slow
@pytest.mark.parametrize("archive", ["nextbike_mainz", "velib_opendata", "simulated"])
def test_every_snapshot_can_be_rebuilt(archive: str, fresh_database: str, tmp_path: Path) -> None:
    folder = archives.faulty_day(tmp_path / "day") if archive == "simulated" else archives.recording(archive)
    load([str(folder)])
    with contextlib.closing(connect_to(fresh_database, "velib tests")) as connection:
        cursor = connection.cursor()
        cursor.execute(SNAPSHOTS)
        by_feed: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for row in cursor.fetchall():
            by_feed[row[0]].append(row)
        changes = ChangeSets(cursor)

    files = read_archive([folder])
    assert set(by_feed) == set(files)
    for feed, expected in files.items():
        assert [row[1] for row in by_feed[feed]] == [snapshot.captured_at for snapshot in expected]
        for rebuilt, snapshot in zip(rebuild(by_feed[feed], changes), expected, strict=True):
            found = differences(rebuilt.content, of_file(snapshot))
            assert not found, f"{feed} {snapshot.captured_at}:\n" + "\n".join(found)
            counts = len(snapshot.stations), len(snapshot.bikes), len(listed_more_than_once(snapshot))
            assert rebuilt.counts == counts, f"{feed} {snapshot.captured_at}"
