"""Listing a bucket: what it asks for, what it passes over, and how much it holds. The server is that of test_s3."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from ingestion.landing import bucket, object_store
from ingestion.landing.bucket import walk
from ingestion.landing.object_store import Object, Page
from orchestration.lib.landing_zone import LandingZone
from velib.core.errors import VelibError

START = date(2026, 1, 1)


class Bucket:
    """As many days as one likes, a snapshot a minute. Pages are made as they are asked for."""

    def __init__(self, days: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.days = [f"date={START + timedelta(days=number)}" for number in range(days)]
        self.listed: list[str] = []
        monkeypatch.setattr(object_store, "pages", self.pages)
        monkeypatch.setattr(object_store, "about", self.about)

    def pages(self, url: str, by_folder: bool = False) -> Iterator[Page]:
        self.listed.append(url)
        key = url.removeprefix("s3://b/")
        if by_folder:
            below = {
                "": ["zone/"],
                "zone/": ["zone/feed=f/"],
                "zone/feed=f/": [f"zone/feed=f/{day}/" for day in self.days],
            }
            yield Page([], below[key])
            return
        day = key.split("/")[2].removeprefix("date=")
        for hour in range(24):
            folder = f"{key}hour={hour:02}/f_{day.replace('-', '')}T{hour:02}"
            yield Page([Object(f"{folder}{minute:02}00Z.json.gz", 300_000, minute) for minute in range(60)], [])

    @staticmethod
    def about(url: str) -> Object:
        raise FileNotFoundError


@pytest.mark.parametrize("url", ["s3://b", "s3://b/", "s3://b/zone", "s3://b/zone/", "s3://b/zone/feed=f"])
def test_day_by_day(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Bucket(3, monkeypatch)
    (part,) = walk(url)
    assert len(part.files) == 3 * 1440
    assert part.folders == [f"s3://b/zone/feed=f/{day}/" for day in bucket.days]
    assert part.files[0].path == "s3://b/zone/feed=f/date=2026-01-01/hour=00/f_20260101T000000Z.json.gz"


def test_settled_days_cost_their_name(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Bucket(3, monkeypatch)
    settled = {f"s3://b/zone/feed=f/{day}/" for day in bucket.days[:2]}
    (part,) = walk("s3://b/zone", settled.__contains__)
    assert len(part.files) == 1440
    assert bucket.listed == ["s3://b/zone/", "s3://b/zone/feed=f/", f"s3://b/zone/feed=f/{bucket.days[2]}/"]
    assert list(walk("s3://b/zone", lambda folder: True)) == []
    (part,) = walk(f"s3://b/zone/feed=f/{bucket.days[0]}", settled.__contains__)
    assert len(part.files) == 1440, "what is named is listed"


def test_nothing_there(monkeypatch: pytest.MonkeyPatch) -> None:
    Bucket(0, monkeypatch)
    monkeypatch.setattr(object_store, "pages", lambda *_, **__: iter([Page([], [])]))
    with pytest.raises(VelibError, match="no such file or folder: s3://b/nothing"):
        list(walk("s3://b/nothing"))


def test_what_it_holds_does_not_grow_with_the_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "PART", 4000)
    monkeypatch.setenv("VELIB_LANDING", "s3://b/zone")
    monkeypatch.setattr(object_store, "has_objects", lambda url: True)
    for count in (
        lambda: sum(len(part.files) for part in walk("s3://b/zone")),
        lambda: LandingZone().scan().files,
    ):
        peaks = []
        for days in (6, 30):
            Bucket(days, monkeypatch)
            tracemalloc.start()
            assert count() == days * 1440
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert peaks[1] < 1.3 * peaks[0]
