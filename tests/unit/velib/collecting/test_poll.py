"""Ticks against a real server: what is written, what is not, what is remembered, what is said."""

from __future__ import annotations

import gzip
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import feed_server
import pytest
import tiny
from feed_server import FeedServer, ok, serving, status, with_etag, zipped

from ingestion.formats import FORMATS, detect, read
from ingestion.landing.capture_time import from_name
from ingestion.landing.feed_name import from_path
from ingestion.landing.files import LandingFile
from ingestion.landing.folder import clear_unfinished
from ingestion.landing.landing_zone import list_files
from ingestion.landing.landing_zone import read as read_file
from velib.collecting import poll as poll_module
from velib.collecting.backlog import Backlog
from velib.collecting.client import Client, Timeouts
from velib.collecting.clock import Clock
from velib.collecting.configuration import Feed
from velib.collecting.events import Events
from velib.collecting.landing import Landing
from velib.collecting.poll import Poller
from velib.collecting.redaction import HIDDEN, Redactor, Secret
from velib.collecting.retry import Retrying, parse_retry_after
from velib.collecting.schedule import Schedule

START = datetime(2026, 6, 2, 8, tzinfo=UTC)
A = tiny.street({"1": ["a", "b"], "2": []})
B = tiny.street({"1": ["a"], "2": ["b"]})
SHARED = Path(os.environ.get("VELIB_SHARED_DATA", Path(__file__).parents[5] / "shared" / "data"))


class FakeClock(Clock):
    """The wall clock stands still unless it is set. Sleeping takes no time; what was slept is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.at = START
        self.slept: list[float] = []

    def now(self) -> float:
        return self.at.timestamp() + 0.25

    def sleep(self, seconds: float) -> bool:
        self.slept.append(seconds)
        return True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FeedServer]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving() as feeds:
        yield feeds


class Collecting:
    """A poller with all it needs, and what can be asked of it afterwards."""

    def __init__(self, folder: Path, feeds: Sequence[Feed], caplog: pytest.LogCaptureFixture) -> None:
        self.folder, self.caplog, self.clock = folder, caplog, FakeClock()
        self.landing = Landing(str(folder / "landing"))
        self.feeds = list(feeds)
        self.poller = self.restarted()

    def restarted(self) -> Poller:
        """Another process on the same folders."""
        secrets = [secret for feed in self.feeds for secret in feed.secrets]
        client = Client(
            "tests/1",
            self.clock.monotonic,
            lambda value: parse_retry_after(value, self.clock.now()),
            Timeouts(),
        )
        self.backlog = Backlog(self.folder / "poll" / "backlog.json", self.landing.feeds())
        self.poller = Poller(
            self.feeds,
            self.folder / "poll",
            self.landing,
            self.backlog,
            client,
            Events(Redactor(secrets), logging.getLogger("test.poll")),
            self.clock,
            Retrying(chance=lambda low, high: high),
        )
        return self.poller

    def tick(self, minutes: float = 15) -> list[str | None]:
        """One tick, and then so many minutes pass. Returns what was written, by the feeds' names."""
        outcomes = {outcome.feed: outcome.path for outcome in self.poller.tick(60.0)}
        self.clock.at += timedelta(minutes=minutes)
        return [outcomes[name] for name in sorted(outcomes)]

    def files(self) -> list[LandingFile]:
        """What the loader finds."""
        root = Path(self.landing.root)
        return list_files([str(root)]) if any(root.rglob("*.json.gz")) else []

    def contents(self) -> list[bytes]:
        return [read_file(file, 10**9) for file in self.files()]

    def said(self) -> list[str]:
        """The log so far; forgets it."""
        lines = [f"{record.levelname.lower()} {record.getMessage()}" for record in self.caplog.records]
        self.caplog.clear()
        return lines


@pytest.fixture
def collecting(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Callable[..., Collecting]:
    caplog.set_level(logging.DEBUG, "test.poll")
    return lambda *feeds: Collecting(tmp_path, feeds, caplog)


def nextbike(url: str, **more: Any) -> Feed:
    return Feed(name="mainz", kind="nextbike", url=url, **more)


# --- what is written -------------------------------------------------------------------------------------------------


def test_a_file_as_the_loader_wants_it(server: FeedServer, collecting: Callable[..., Collecting]) -> None:
    it = collecting(nextbike(server.at("/live", zipped(A))))
    path = "feed=mainz/date=2026-06-02/hour=08/mainz_20260602T080000Z.json.gz"
    assert it.tick() == [path]
    (file,) = it.files()
    assert file.path == str(Path(it.landing.root) / path)
    assert from_path(file.path) == "mainz"
    assert from_name(file.path) == START
    assert it.contents() == [A]
    assert Path(file.path).read_bytes()[:2] == b"\x1f\x8b"
    (line,) = it.said()
    assert line.startswith(f"info event=landed feed=mainz file={path} bytes=")
    assert "entries=2" in line


def recordings(name: str) -> list[Path]:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"the recordings are not here: {folder}")
    return sorted(folder.iterdir())[:3]


@pytest.mark.parametrize(("folder", "kind"), [("velib_opendata", "velib_opendata"), ("nextbike_mainz", "nextbike")])
def test_recordings(server: FeedServer, collecting: Callable[..., Collecting], folder: str, kind: str) -> None:
    """Real feeds, as they answered: each snapshot as it was, and readable."""
    recorded = recordings(folder)
    url = server.at("/live", *[feed_server.replay(path) for path in recorded])
    it = collecting(Feed(name="real", kind=kind, url=url))
    for _ in recorded:
        assert it.tick() != [None]
    want = [
        gzip.decompress(data) if path.suffix == ".gz" else data for path in recorded for data in [path.read_bytes()]
    ]
    assert it.contents() == want
    for content in it.contents():
        assert detect(content).name == kind
        assert len(read(FORMATS[kind], content)) > 100


def test_the_hour_turns_and_so_does_the_day(server: FeedServer, collecting: Callable[..., Collecting]) -> None:
    it = collecting(nextbike(server.at("/live", ok(A))))
    it.clock.at = datetime(2026, 12, 31, 23, 45, tzinfo=UTC)
    assert it.tick() == ["feed=mainz/date=2026-12-31/hour=23/mainz_20261231T234500Z.json.gz"]
    assert it.tick() == ["feed=mainz/date=2027-01-01/hour=00/mainz_20270101T000000Z.json.gz"]
    assert sorted(it.backlog.take()) == ["feed=mainz/date=2026-12-31/hour=23", "feed=mainz/date=2027-01-01/hour=00"]


def test_feeds_are_asked_at_once(server: FeedServer, collecting: Callable[..., Collecting]) -> None:
    """Each waits for the other: one after the other, neither would be answered."""
    meeting = threading.Barrier(2, timeout=5)

    def answer(handler: feed_server.Handler) -> None:
        meeting.wait()
        ok(A)(handler)

    url = server.at("/live", answer)
    it = collecting(nextbike(url), replace(nextbike(url), name="other"))
    assert None not in it.tick()


def test_a_feed_that_fails_takes_nothing_from_another(
    server: FeedServer, collecting: Callable[..., Collecting]
) -> None:
    good, bad = nextbike(server.at("/live", ok(A))), nextbike(server.at("/bad", status(404)))
    it = collecting(replace(bad, name="bad"), replace(good, name="good"))
    assert it.tick() == [None, "feed=good/date=2026-06-02/hour=08/good_20260602T080000Z.json.gz"]


# --- what is not written ---------------------------------------------------------------------------------------------

HTML = b"<!DOCTYPE html><html><body>We'll be back soon.</body></html>"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (ok(HTML), "invalid_json"),
        (ok(b""), "invalid_json"),
        (ok(A[: len(A) // 2]), "invalid_json"),
        (ok(gzip.compress(A)), "invalid_json"),  # and does not say so
        (ok(b"[]"), "empty_list"),
        (ok(b'{"countries": []}'), "empty_list"),
        (ok(b'{"error": "over quota"}'), "unknown_format"),
        (ok(tiny.app({"1": ["a"]})), "unknown_format"),  # another feed's
        (ok(b'[{"a": ' * 5000), "too_deep"),
        (status(500), "server_error"),
        (status(404, HTML), "refused"),
        (feed_server.half(A), "cut_short"),
        (feed_server.reset, "cut_short"),
        (ok(A, Content_Encoding="gzip"), "wrong_encoding"),
    ],
)
def test_what_is_no_snapshot_is_a_line_and_a_gap(
    server: FeedServer, collecting: Callable[..., Collecting], answer: feed_server.Answer, reason: str
) -> None:
    it = collecting(nextbike(server.at("/live", answer)))
    assert it.tick() == [None]
    assert it.files() == []
    (line,) = it.said()
    assert line.startswith("warning event=failed feed=mainz ")
    assert f"reason={reason} " in line
    assert "Traceback" not in line
    server.at("/live", ok(B))
    assert it.tick() != [None]
    assert it.contents() == [B]
    assert "after_failures=1" in it.said()[0]


def test_a_server_that_stops_in_the_middle(server: FeedServer, collecting: Callable[..., Collecting]) -> None:
    it = collecting(nextbike(server.at("/live", feed_server.stuck)))
    it.poller.client.timeouts = Timeouts(read=0.05)
    assert it.tick() == [None]
    assert "reason=timed_out" in it.said()[0]


def test_a_field_that_is_wrong_is_the_loaders_business(
    server: FeedServer, collecting: Callable[..., Collecting]
) -> None:
    """A later version may read it: only what nobody could ever read is not written."""
    strange = A.replace(b'"spot": true', b'"spot": "perhaps"')
    it = collecting(nextbike(server.at("/live", ok(strange))))
    assert it.tick() != [None]
    assert it.contents() == [strange]


def test_passing_failures_are_asked_again(server: FeedServer, collecting: Callable[..., Collecting]) -> None:
    it = collecting(nextbike(server.at("/live", status(500), feed_server.half(A), feed_server.reset, ok(A))))
    assert it.tick() != [None]
    assert it.clock.slept == [2.0, 4.0, 8.0]


def test_what_was_refused_is_kept_for_a_look_but_not_all_of_it(
    server: FeedServer, collecting: Callable[..., Collecting], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll_module, "_MOST_REJECTED", 3)
    it = collecting(nextbike(server.at("/live", ok(HTML))))
    for _ in range(5):
        it.tick()
    kept = sorted((it.folder / "poll" / "mainz" / "rejected").iterdir())
    assert [path.name for path in kept] == [f"20260602T{at}Z_invalid_json.gz" for at in ("083000", "084500", "090000")]
    assert gzip.decompress(kept[0].read_bytes()) == HTML
    assert "failures=5 since=2026-06-02T08:00:00Z" in it.said()[-1]


def test_a_server_that_asks_to_wait_is_left_alone(server: FeedServer, collecting: Callable[..., Collecting]) -> None:
    it = collecting(nextbike(server.at("/live", status(429, Retry_After="1200"), ok(A))))
    assert it.tick() == [None]
    assert it.clock.slept == []  # too long to wait for
    it.restarted()
    assert it.tick() == [None]
    assert len(server.asked) == 1
    assert "left_alone" in it.said()[-1]
    assert it.tick() != [None]  # 30 minutes later


def test_a_short_wait_is_waited_for(server: FeedServer, collecting: Callable[..., Collecting]) -> None:
    it = collecting(nextbike(server.at("/live", status(503, Retry_After="5"), ok(A))))
    assert it.tick() != [None]
    assert it.clock.slept == [5.0]


def test_the_clock_is_set_back_while_a_server_is_left_alone(
    server: FeedServer, collecting: Callable[..., Collecting]
) -> None:
    it = collecting(nextbike(server.at("/live", status(429, Retry_After="1200"), ok(A))))
    it.tick(minutes=-600)
    assert it.tick() != [None]


def test_a_clock_that_was_never_set(server: FeedServer, collecting: Callable[..., Collecting]) -> None:
    it = collecting(nextbike(server.at("/live", ok(A))))
    it.clock.at = datetime(1970, 1, 1, 0, 5, tzinfo=UTC)
    assert it.tick() == [None]
    assert server.asked == []
    assert it.said()[0].startswith("error event=clock_not_set")


def test_a_second_that_is_taken(server: FeedServer, collecting: Callable[..., Collecting]) -> None:
    it = collecting(nextbike(server.at("/live", ok(A), ok(A), ok(B))))
    path = it.tick(minutes=0)
    assert it.tick(minutes=0) == path  # the same, so it is there
    assert it.tick() == [None]
    assert it.contents() == [A]  # the first one stays as it was


def test_no_room(server: FeedServer, collecting: Callable[..., Collecting], monkeypatch: pytest.MonkeyPatch) -> None:
    it = collecting(nextbike(server.at("/live", ok(A))))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert it.tick() == [None]
    assert it.said()[0].startswith("error event=not_written feed=mainz")
    assert [path for path in Path(it.landing.root).rglob("*") if path.is_file()] == []  # nothing half
    with monkeypatch.context() as patched:
        patched.setattr("velib.collecting.state.write_atomically", full)
        assert it.tick() != [None]
        assert "state_not_kept" in it.said()[-1]
    assert it.tick() != [None]


def test_what_a_killed_process_left(server: FeedServer, collecting: Callable[..., Collecting]) -> None:
    it = collecting(nextbike(server.at("/live", ok(A))))
    unfinished = Path(it.landing.root) / ".unfinished"
    unfinished.mkdir(parents=True)
    old, new = unfinished / "old.json.gz.tmp", unfinished / "new.json.gz.tmp"
    old.touch()
    new.touch()
    os.utime(old, (1, 1))
    clear_unfinished(it.landing.root)
    assert [path.name for path in unfinished.iterdir()] == ["new.json.gz.tmp"]
    assert it.files() == []
    it.tick()
    assert len(it.files()) == 1


@pytest.mark.parametrize("content", [b"", b"{", b'{"failures": "x"}', b"[1]", b"\xff"])
def test_a_state_that_is_damaged_is_none(
    server: FeedServer, collecting: Callable[..., Collecting], content: bytes
) -> None:
    it = collecting(nextbike(server.at("/live", with_etag(A, '"1"'))))
    it.tick()
    (it.folder / "poll" / "mainz" / "state.json").write_bytes(content)
    assert it.restarted() is it.poller
    assert it.tick() != [None]
    assert "if-none-match" not in server.asked[-1].headers


# --- the same again --------------------------------------------------------------------------------------------------


def test_an_answer_that_repeats_is_an_observation(server: FeedServer, collecting: Callable[..., Collecting]) -> None:
    """The loader makes a snapshot without changes of it: the stations were so at that time too."""
    it = collecting(nextbike(server.at("/live", ok(A), ok(A), ok(B))))
    for _ in range(3):
        assert it.tick() != [None]
    assert it.contents() == [A, A, B]
    said = it.said()
    assert "unchanged_since=2026-06-02T08:00:00Z" in said[1]
    assert "unchanged_since" not in said[0] + said[2]


def test_a_304_is_one_too(server: FeedServer, collecting: Callable[..., Collecting]) -> None:
    """Also after a restart; and the time of capture is when it was said."""
    it = collecting(nextbike(server.at("/live", with_etag(A, '"1"'))))
    assert it.tick() != [None]
    assert it.tick() != [None]
    it.restarted()
    assert it.tick() == ["feed=mainz/date=2026-06-02/hour=08/mainz_20260602T083000Z.json.gz"]
    assert [asked.headers.get("if-none-match") for asked in server.asked] == [None, '"1"', '"1"']
    assert it.contents() == [A, A, A]


def test_last_modified(server: FeedServer, collecting: Callable[..., Collecting]) -> None:
    date = "Tue, 02 Jun 2026 07:59:00 GMT"
    it = collecting(nextbike(server.at("/live", ok(A, Last_Modified=date), status(304))))
    it.tick()
    assert it.tick() != [None]
    assert server.asked[1].headers["if-modified-since"] == date
    assert it.contents() == [A, A]


@pytest.mark.parametrize("damage", [b"", b"\x1f\x8b", gzip.compress(B), None])
def test_a_copy_that_is_damaged_is_none(
    server: FeedServer, collecting: Callable[..., Collecting], damage: bytes | None
) -> None:
    it = collecting(nextbike(server.at("/live", with_etag(A, '"1"'))))
    it.tick()
    copy = it.folder / "poll" / "mainz" / "answer.copy"
    copy.unlink() if damage is None else copy.write_bytes(damage)
    assert it.tick() != [None]
    assert "if-none-match" not in server.asked[1].headers
    assert it.contents() == [A, A]


def test_an_error_page_is_never_confirmed(server: FeedServer, collecting: Callable[..., Collecting]) -> None:
    it = collecting(nextbike(server.at("/live", with_etag(HTML, '"1"'))))
    it.tick()
    it.tick()
    assert all("if-none-match" not in asked.headers for asked in server.asked)


def test_a_304_that_nobody_asked_for(server: FeedServer, collecting: Callable[..., Collecting]) -> None:
    it = collecting(nextbike(server.at("/live", status(304))))
    assert it.tick() == [None]
    assert "reason=refused" in it.said()[0]


def test_another_address_is_another_document(server: FeedServer, collecting: Callable[..., Collecting]) -> None:
    it = collecting(nextbike(server.at("/live", with_etag(A, '"1"'))))
    it.tick()
    it.feeds = [nextbike(server.at("/other", with_etag(B, '"1"')))]
    it.restarted()
    it.tick()
    assert it.contents() == [A, B]


def test_a_source_that_has_stopped(server: FeedServer, collecting: Callable[..., Collecting]) -> None:
    """For some time no change is an observation. For days it is a source that no longer looks."""
    it = collecting(nextbike(server.at("/live", ok(A)), repeat_limit=1800))
    written = [it.tick() != [None] for _ in range(5)]
    assert written == [True, True, True, False, False]
    line = it.said()[-1]
    assert line.startswith("warning event=source_stopped feed=mainz unchanged_since=2026-06-02T08:00:00Z repeats=4")
    server.at("/live", ok(B))
    assert it.tick() != [None]


def test_the_same_after_a_long_pause(server: FeedServer, collecting: Callable[..., Collecting]) -> None:
    """Nobody knows whether it changed and changed back meanwhile: it is no sign that the source has stopped."""
    it = collecting(nextbike(server.at("/live", ok(A)), repeat_limit=1800))
    it.tick(minutes=600)
    assert it.tick() != [None]


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_a_token_and_a_body(server: FeedServer, collecting: Callable[..., Collecting]) -> None:
    payload = tiny.app({"1001": ["a"]})
    url = server.at("/search", ok(payload), ok(b'{"you sent": "Basic t0psecret", "body": "{\\"k\\": 1}"}'), status(401))
    token, body = Secret("T", "Basic t0psecret"), Secret("B", '{"k": 1}')
    it = collecting(Feed(name="app", kind="velib_app", url=f"{url}", token=token, body=body))
    assert it.tick() == ["feed=app/date=2026-06-02/hour=08/app_20260602T080000Z.json.gz"]
    assert (server.asked[0].method, server.asked[0].body) == ("POST", b'{"k": 1}')
    assert server.asked[0].headers["authorization"] == "Basic t0psecret"
    assert server.asked[0].headers["content-type"] == "application/json"
    it.tick()
    it.tick()
    for path in (it.folder / "poll").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            data = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
            assert b"t0psecret" not in data
    (rejected,) = (it.folder / "poll" / "app" / "rejected").iterdir()
    assert HIDDEN.encode() in gzip.decompress(rejected.read_bytes())
    assert "t0psecret" not in " ".join(it.said())


def test_a_bug_is_said_without_secrets_and_stops_nothing(
    server: FeedServer, collecting: Callable[..., Collecting], monkeypatch: pytest.MonkeyPatch
) -> None:
    it = collecting(nextbike(server.at("/live", ok(A)), token=Secret("T", "t0psecret")))

    def fail(*_: object) -> None:
        raise KeyError("t0psecret")

    monkeypatch.setattr("velib.collecting.feeds.fetch", fail)
    assert it.tick() == [None]
    (line,) = it.said()
    assert line.startswith("error event=bug feed=mainz")
    assert "t0psecret" not in line


# --- gbfs ------------------------------------------------------------------------------------------------------------


def document(stations: list[dict[str, Any]], ttl: int = 60) -> bytes:
    return json.dumps({"last_updated": 1780000000, "ttl": ttl, "data": {"stations": stations}}).encode()


STATUS = document([{"station_id": "1", "num_bikes_available": 3, "vehicle_types_available": [
    {"vehicle_type_id": "e", "count": 1}, {"vehicle_type_id": "m", "count": 2}]}])  # fmt: skip
INFORMATION = document([{"station_id": "1", "name": "One", "lat": 48.8, "lon": 2.3, "capacity": 20}], ttl=3600)
TYPES = json.dumps(
    {
        "ttl": 3600,
        "data": {
            "vehicle_types": [
                {"vehicle_type_id": "e", "propulsion_type": "electric_assist"},
                {"vehicle_type_id": "m", "propulsion_type": "human"},
            ]
        },
    }
).encode()


def gbfs(server: FeedServer, shape: str = "v2", ttl: int = 3600) -> Feed:
    feeds = [
        {"name": name, "url": server.at(f"/{name}.json", ok(body)) if shape != "relative" else f"{name}.json"}
        for name, body in (("station_status", STATUS), ("station_information", INFORMATION), ("vehicle_types", TYPES))
    ]
    if shape == "relative":
        for name, body in (("station_status", STATUS), ("station_information", INFORMATION), ("vehicle_types", TYPES)):
            server.at(f"/{name}.json", ok(body))
    data: Any = {"feeds": feeds} if shape == "v3" else {"de": {"feeds": []}, "fr": {"feeds": feeds}}
    url = server.at("/gbfs.json", ok(json.dumps({"ttl": ttl, "data": data}).encode()))
    return Feed(name="paris", kind="gbfs", url=url)


def asked(server: FeedServer) -> list[str]:
    """What was asked since the last time."""
    paths = [each.path.strip("/").removesuffix(".json") for each in server.asked]
    server.asked.clear()
    return paths


ALL = ["gbfs", "station_status", "station_information", "vehicle_types"]


@pytest.mark.parametrize("shape", ["v2", "v3", "relative"])
def test_gbfs(server: FeedServer, collecting: Callable[..., Collecting], shape: str) -> None:
    """One file, complete in itself: capacities and types of vehicles are in it."""
    it = collecting(gbfs(server, shape))
    assert it.tick() == ["feed=paris/date=2026-06-02/hour=08/paris_20260602T080000Z.json.gz"]
    assert asked(server) == ALL
    (content,) = it.contents()
    (station,) = read(detect(content), content)
    assert station.status is not None
    assert station.attributes is not None
    assert (station.status.bikes_mechanical, station.status.bikes_electric) == (2, 1)
    assert (station.status.docks_total, station.attributes.name) == (20, "One")


def test_gbfs_documents_are_asked_for_when_they_are_old(
    server: FeedServer, collecting: Callable[..., Collecting]
) -> None:
    it = collecting(gbfs(server))
    it.tick(minutes=30)
    asked(server)
    it.tick(minutes=40)
    assert asked(server) == ["station_status"]
    it.restarted()
    it.tick(minutes=1)
    assert sorted(asked(server)) == sorted(ALL)
    it.clock.at -= timedelta(days=1)  # a copy of the future is none
    it.tick()
    assert sorted(asked(server)) == sorted(ALL)


@pytest.mark.parametrize("bad", [status(404), ok(HTML), ok(b'{"data": {"stations": []}}'), ok(b"null"), ok(b"[1]"),
    ok(b'{"data": {"stations": [{"station_id": "1", "lat": "north", "name": "x"}]}}'),
    ok(b'{"data": {"stations": [{"name": "x"}]}}')])  # fmt: skip
@pytest.mark.parametrize("name", ["station_information", "vehicle_types"])
def test_gbfs_beside_the_status(
    server: FeedServer, collecting: Callable[..., Collecting], name: str, bad: feed_server.Answer
) -> None:
    """What changes seldom is used as it was; where it never was, the snapshot goes without it, and is loadable."""
    feed = gbfs(server)
    good = server.answers[f"/{name}.json"]
    server.at(f"/{name}.json", bad)
    it = collecting(feed)
    assert it.tick() != [None]
    assert "incomplete" in it.said()[0]
    server.answers[f"/{name}.json"] = good
    assert it.tick(minutes=120) != [None]
    server.at(f"/{name}.json", bad)
    assert it.tick() != [None]
    assert "the copy from before is used" in it.said()[-2]
    without, complete, stale = (json.loads(content) for content in it.contents())
    assert name not in without
    assert complete[name] == stale[name]
    for content in it.contents():
        assert len(read(detect(content), content)) == 1


@pytest.mark.parametrize("bad", [status(404), ok(HTML), ok(b"null"), ok(b'{"data": {"stations": []}}'),
    ok(b'{"data": {"stations": [{}]}}},"x": {"data": 1'), feed_server.half(STATUS)])  # fmt: skip
def test_gbfs_without_a_status_is_nothing(
    server: FeedServer, collecting: Callable[..., Collecting], bad: feed_server.Answer
) -> None:
    feed = gbfs(server)
    server.at("/station_status.json", bad)
    it = collecting(feed)
    assert it.tick() == [None]
    assert it.files() == []


def test_gbfs_elsewhere_gets_no_token(server: FeedServer, collecting: Callable[..., Collecting]) -> None:
    feed = replace(gbfs(server), token=Secret("T", "t0psecret"), token_header="X-Api-Key")
    with serving() as other:
        listed = {"feeds": [
            {"name": "station_status", "url": other.at("/status", ok(STATUS))},
            {"name": "station_information", "url": server.at("/places", ok(INFORMATION))},
        ]}  # fmt: skip
        server.at("/gbfs.json", ok(json.dumps({"data": listed}).encode()))
        it = collecting(feed)
        assert it.tick() != [None]
        assert [each.headers.get("x-api-key") for each in server.asked] == ["t0psecret"] * 2
        assert [each.headers.get("x-api-key") for each in other.asked] == [None]


def test_gbfs_moves(server: FeedServer, collecting: Callable[..., Collecting]) -> None:
    it = collecting(gbfs(server, ttl=86400))
    it.tick()
    del server.answers["/station_status.json"]
    listed = {"feeds": [{"name": "station_status", "url": server.at("/new/status", ok(STATUS))}]}
    server.at("/gbfs.json", ok(json.dumps({"data": {"en": listed}}).encode()))
    assert it.tick() == [None]
    assert it.tick() != [None]


@pytest.mark.parametrize("bad", [ok(HTML), ok(b"{}"), ok(b"[]"), ok(b'{"data": {"fr": {"feeds": [3, {"name": 1}]}}}'),
    ok(b'{"data": {"feeds": [{"name": "station_status", "url": "file:///etc/passwd"}]}}'), status(500)])  # fmt: skip
def test_gbfs_without_a_list(
    server: FeedServer, collecting: Callable[..., Collecting], bad: feed_server.Answer
) -> None:
    feed = gbfs(server)
    it = collecting(replace(feed, url=server.at("/gbfs.json", bad)))
    assert it.tick() == [None]
    assert it.said()[0].startswith("warning event=failed")


def test_gbfs_with_a_list_of_yesterday(server: FeedServer, collecting: Callable[..., Collecting]) -> None:
    it = collecting(gbfs(server))
    it.tick(minutes=24 * 60)
    server.at("/gbfs.json", status(500))
    assert it.tick() != [None]


# --- ticking ---------------------------------------------------------------------------------------------------------


def test_a_feed_that_hangs_delays_nobody(
    server: FeedServer, collecting: Callable[..., Collecting], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll_module, "_GRACE", 0.1)
    release = threading.Event()

    def hang(handler: feed_server.Handler) -> None:
        release.wait()
        ok(A)(handler)

    slow = replace(nextbike(server.at("/slow", hang)), name="slow")
    it = collecting(nextbike(server.at("/live", ok(A))), slow)
    first = {outcome.feed: outcome.path for outcome in it.poller.tick(0.0)}
    assert first["slow"] is None
    it.clock.at += timedelta(minutes=1)
    it.said()
    second = {outcome.feed: outcome.path for outcome in it.poller.tick(0.0)}
    assert second["slow"] is None
    assert any("event=skipped feed=slow" in line for line in it.said())
    assert len([each for each in server.asked if each.path == "/slow"]) == 1
    release.set()
    it.poller._asking["slow"].join()
    it.clock.at += timedelta(minutes=1)
    assert None not in it.tick()


def test_ticks_and_nothing_else(
    server: FeedServer, collecting: Callable[..., Collecting], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop: at the clock's multiples, one after the other, until it is ended."""
    it = collecting(nextbike(server.at("/live", ok(A), ok(B))))
    monotonic = [0.0]

    def sleep(seconds: float) -> bool:
        it.clock.at += timedelta(seconds=seconds)
        monotonic[0] += seconds
        if len(it.files()) == 3:
            it.clock.end()
        return True

    monkeypatch.setattr(it.clock, "sleep", sleep)
    monkeypatch.setattr(it.clock, "now", lambda: it.clock.at.timestamp())
    schedule_look = Schedule.look
    monkeypatch.setattr(Schedule, "look", lambda self, now, _: schedule_look(self, now, monotonic[0]))
    it.clock.at = START + timedelta(seconds=100)
    it.poller.run(300)
    assert [from_name(file.path) for file in it.files()] == [START + timedelta(minutes=at) for at in (5, 10, 15)]


# --- the backlog -----------------------------------------------------------------------------------------------------


def test_the_backlog(tmp_path: Path) -> None:
    path = tmp_path / "backlog.json"
    backlog = Backlog(path, ["feed=old"])
    assert list(backlog.take()) == ["feed=old"]  # nothing is known: all that is there
    backlog.loaded(backlog.take())
    backlog.add("feed=a/date=1/hour=1")
    taken = backlog.take()
    backlog.add("feed=a/date=1/hour=2")
    backlog.loaded(taken)
    assert list(backlog.take()) == ["feed=a/date=1/hour=2"]
    taken = backlog.take()
    backlog.add("feed=a/date=1/hour=2")  # another file, while it was being loaded
    backlog.loaded(taken)
    assert list(backlog.take()) == ["feed=a/date=1/hour=2"]
    assert list(Backlog(path, ["feed=old"]).take()) == ["feed=a/date=1/hour=2"]
    path.write_bytes(b"{")
    assert list(Backlog(path, ["feed=old"]).take()) == ["feed=old"]


def test_a_backlog_of_months_is_short(tmp_path: Path) -> None:
    backlog = Backlog(tmp_path / "backlog.json", [])
    for hour in range(300):
        backlog.add(f"feed=a/date={hour // 24}/hour={hour % 24}")
        backlog.add("feed=ab/date=1/hour=1")
    assert sorted(backlog.take()) == ["feed=a", "feed=ab/date=1/hour=1"]
    assert len((tmp_path / "backlog.json").read_bytes()) < 200
