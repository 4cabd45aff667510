"""The raw schema as the loader's tests look at it, and small archives to load."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from change_sets import SNAPSHOTS, ChangeSets, differences, of_file, rebuild
from reference.network import read_archive
from tiny import touch

from ingestion.loading.load import LoadOptions
from velib.monitoring.status import warehouse_status
from velib.postgres.connections import connect_to
from velib.simulator.archive import write_archive
from velib.simulator.config import CityConfig

ONE = LoadOptions(workers=1)


class Raw:
    """The raw schema, looked at from outside."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection = connect_to(url, "velib tests")
        self.connection.autocommit = True

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(query, parameters or None)
            return list(cursor.fetchall())

    def execute(self, query: str, *parameters: Any) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(query, parameters or None)

    def counting(self) -> list[tuple[str, datetime, str]]:
        """Feed, capture time and file name of the snapshots that count."""
        if not self.rows("select from pg_tables where schemaname = 'raw' and tablename = 'loads'"):
            return []  # no load has come so far
        found = self.rows(
            f"select feed, snapshot_at, file from raw.snapshots join ({SNAPSHOTS}) c using (change_set_id, feed, snapshot_at) "
            "order by 1, 2"
        )
        return [(feed, at, Path(file).name) for feed, at, file in found]

    def written(self) -> int:
        """Snapshot rows ever written, counting or not."""
        return int(self.rows("select count(*) from raw.snapshots")[0][0])

    def quarantine(self) -> dict[str, str]:
        """Reasons by file name."""
        found = self.rows("select path, reason from raw.quarantined_files where resolved_at is null")
        assert len({path for path, _ in found}) == len(found), "a file is in quarantine twice"
        return {Path(path).name: reason for path, reason in found}

    def check(self, *folders: Path) -> None:
        """What counts is what the files say, and each change set stands on its neighbour in time."""
        expected = read_archive(list(folders))
        by_feed: dict[str, list[tuple[Any, ...]]] = {}
        for row in self.rows(SNAPSHOTS):
            by_feed.setdefault(row[0], []).append(row)
        assert {feed: [row[1] for row in rows] for feed, rows in by_feed.items()} == {
            feed: [snapshot.captured_at for snapshot in snapshots] for feed, snapshots in expected.items()
        }
        with self.connection.cursor() as cursor:
            changes = ChangeSets(cursor)
        for feed, rows in by_feed.items():
            for rebuilt, snapshot in zip(rebuild(rows, changes), expected[feed], strict=True):
                found = differences(rebuilt.content, of_file(snapshot))
                assert not found, f"{feed} {snapshot.captured_at}:\n" + "\n".join(found)
        assert not self.rows(
            f"""
            select feed, snapshot_at, previous_snapshot_at, before
            from (
                select feed, snapshot_at, previous_snapshot_at,
                    lag(snapshot_at) over (partition by feed order by snapshot_at) as before
                from raw.snapshots join ({SNAPSHOTS}) as c using (change_set_id, feed, snapshot_at)
            ) as s
            where previous_snapshot_at is distinct from before
            """
        )
        gap = timedelta(minutes=45)
        times = {feed: [snapshot.captured_at for snapshot in snapshots] for feed, snapshots in expected.items()}
        assert {
            told.feed: (told.snapshots, told.first_at, told.newest_at, told.gap_count)
            for told in warehouse_status(self.connection).feeds
        } == {
            feed: (len(all_), all_[0], all_[-1], sum(after - before > gap for before, after in pairwise(all_)))
            for feed, all_ in times.items()
        }
        for table, key in (
            ("station_changes", "station_code"),
            ("station_attribute_changes", "station_code"),
            ("bike_changes", "bike_id"),
        ):
            assert not self.rows(f"select change_set_id, {key} from raw.{table} group by 1, 2 having count(*) > 1")


def simulated(folder: Path, snapshots: int = 30) -> list[Path]:
    config = CityConfig(
        snapshots=snapshots,
        bikes=80,
        stations=20,
        start=datetime(2026, 6, 2, 8),  # noqa: DTZ001 (local Paris time is what the simulator asks for)
        seed=5,
        every=600,
        dropouts=6,
        twice=0.2,
    )
    write_archive(folder, config)
    files = sorted(folder.glob("*.json.gz"))
    for file in files:
        touch(file)
    return files


def strings(files: Sequence[Path]) -> list[str]:
    return [str(file) for file in files]
