"""When a folder of a day in a bucket is settled: not on the day after it, nor as long as somewhere it is still that day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from raw import Raw

from ingestion.loading import raw_schema, settled_folders

FOLDER = "s3://bucket/zone/feed=f/date=2026-06-02/"
DAY = datetime(2026, 6, 2, tzinfo=UTC)
ALMOST_A_DAY = timedelta(hours=23, minutes=59, seconds=59)


@pytest.mark.parametrize(
    ("since_its_midnight", "is_settled"),
    [
        (timedelta(days=-1), False),
        (timedelta(0), False),
        (timedelta(days=1), False),
        (timedelta(days=1) + ALMOST_A_DAY, False),
        (timedelta(days=2), False),
        (timedelta(days=2) + ALMOST_A_DAY, False),
        (timedelta(days=3), True),
    ],
)
def test_a_folder_stays_open_for_two_days_after_its_own(
    since_its_midnight: timedelta, is_settled: bool, raw: Raw
) -> None:
    """A zone twelve hours behind UTC is still in it on the day after, and a collector that catches up writes later yet."""
    raw_schema.ensure(raw.connection)
    settled_folders.remember(
        raw.connection, [FOLDER, "s3://bucket/zone/feed=f/"], (), "as ever", DAY + since_its_midnight
    )
    assert settled_folders.folders(raw.connection, "as ever") == ({FOLDER} if is_settled else set())


def test_a_folder_with_a_file_out_of_reach_is_not_settled(raw: Raw) -> None:
    raw_schema.ensure(raw.connection)
    much_later = DAY + timedelta(days=30)
    other = FOLDER.replace("06-02", "06-03")
    settled_folders.remember(raw.connection, [FOLDER, other], [f"{FOLDER}hour=08/f.json"], "as ever", much_later)
    assert settled_folders.folders(raw.connection, "as ever") == {other}
    assert settled_folders.folders(raw.connection, "otherwise") == set()
