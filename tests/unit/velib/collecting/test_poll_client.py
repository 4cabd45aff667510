"""One question to a server that answers well, badly or not at all: a real one, on 127.0.0.1."""

from __future__ import annotations

import gzip
import itertools
import socket
import time
import zlib
from collections.abc import Iterator

import feed_server
import pytest
from feed_server import Answer, FeedServer, ok, serving, status

from velib.collecting.client import Client, FetchError, Request, Timeouts, _Gzip, shown
from velib.collecting.retry import parse_retry_after

BODY = b'[{"stationcode": "1", "numbikesavailable": 3}]' * 50
LIMIT = 100_000


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FeedServer]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving() as feeds:
        yield feeds


def client(monotonic: Iterator[float] | None = None, read: float = 20.0) -> Client:
    return Client(
        "velib-tests/1",
        time.monotonic if monotonic is None else lambda: next(monotonic),
        lambda value: parse_retry_after(value, 0.0),
        Timeouts(connect=20.0, read=read, total=60.0),
    )


def ask(url: str, **more: object) -> tuple[int, bytes]:
    response = client().ask(Request(url, max_bytes=LIMIT, **more))  # type: ignore[arg-type]
    return response.status, response.body


def test_it_says_who_asks(server: FeedServer) -> None:
    assert ask(server.at("/a", ok(BODY))) == (200, BODY)
    asked = server.asked[0]
    assert asked.method == "GET"
    assert asked.headers["user-agent"] == "velib-tests/1"
    assert asked.headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    "answer",
    [
        feed_server.zipped(BODY),
        ok(gzip.compress(BODY[:100]) + gzip.compress(BODY[100:]), Content_Encoding="GZIP"),
        ok(BODY, Content_Encoding="identity"),
        feed_server.without_length(BODY),
        status(200, BODY, Content_Type="text/html"),  # the content counts
    ],
)
def test_ways_to_answer(server: FeedServer, answer: Answer) -> None:
    assert ask(server.at("/a", answer)) == (200, BODY)


BOMB = gzip.compress(bytes(10_000_000), 9)


@pytest.mark.parametrize(
    ("answer", "reason", "is_passing"),
    [
        (status(500), "server_error", True),
        (status(502, b"<html>bad gateway</html>"), "server_error", True),
        (status(501), "server_error", False),
        (status(404), "refused", False),
        (status(403), "refused", False),
        (status(429), "asked_to_wait", True),
        (status(204), "refused", False),
        (status(302), "refused", False),
        (feed_server.reset, "cut_short", True),
        (feed_server.gibberish, "cut_short", True),
        (feed_server.half(BODY), "cut_short", True),
        (feed_server.half_of_chunks(BODY), "cut_short", True),
        (feed_server.zipped(BODY), None, None),
        (ok(gzip.compress(BODY)[:-20], Content_Encoding="gzip"), "cut_short", True),
        (ok(BODY, Content_Encoding="gzip"), "wrong_encoding", False),
        (ok(gzip.compress(BODY) + b"what?", Content_Encoding="gzip"), "wrong_encoding", False),
        (ok(zlib.compress(BODY), Content_Encoding="deflate"), "wrong_encoding", False),
        (ok(BODY, Content_Encoding="br"), "wrong_encoding", False),
        (ok(bytes(LIMIT + 1)), "too_large", False),
        (feed_server.without_length(bytes(LIMIT + 1)), "too_large", False),
        (feed_server.endless(), "too_large", False),
        (ok(BOMB, Content_Encoding="gzip"), "too_large", False),
    ],
)
def test_ways_to_fail(server: FeedServer, answer: Answer, reason: str | None, is_passing: bool | None) -> None:
    url = server.at("/a", answer)
    if reason is None:
        assert ask(url) == (200, BODY)
        return
    with pytest.raises(FetchError) as raised:
        ask(url)
    assert (raised.value.reason, raised.value.is_passing) == (reason, is_passing), raised.value


@pytest.mark.parametrize("answer", [feed_server.silent, feed_server.stuck])
def test_silence(server: FeedServer, answer: Answer) -> None:
    with pytest.raises(FetchError) as raised:
        client(read=0.05).ask(Request(server.at("/a", answer)))
    assert (raised.value.reason, raised.value.is_passing) == ("timed_out", True)


def test_a_bomb_is_not_unpacked() -> None:
    assert len(_Gzip().add(BOMB, 1000)) == 1000


def test_exactly_the_limit(server: FeedServer) -> None:
    for answer in (ok(bytes(LIMIT)), feed_server.zipped(bytes(LIMIT)), feed_server.without_length(bytes(LIMIT))):
        assert ask(server.at("/a", answer))[1] == bytes(LIMIT)


def test_a_body_that_drips_ends_in_time(server: FeedServer) -> None:
    """No single wait is long, but all together are."""
    url = server.at("/a", feed_server.endless(b" "))
    with pytest.raises(FetchError) as raised:
        client(itertools.count(0.0, 1.0)).ask(Request(url))
    assert raised.value.reason == "timed_out"


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/x", "http://no-such-host.invalid/x", "https://127.0.0.1:1/x"):
        with pytest.raises(FetchError) as raised:
            ask(url)
        assert raised.value.reason == "unreachable"
        assert raised.value.is_passing


def test_no_tls_there(server: FeedServer) -> None:
    with pytest.raises(FetchError) as raised:
        ask(server.at("/a", ok(BODY)).replace("http:", "https:"))
    assert raised.value.reason == "unreachable"
    assert "secure" in raised.value.detail


@pytest.mark.parametrize(("value", "wait"), [("7", 7.0), ("999999", 3600.0), ("soon", None)])
@pytest.mark.parametrize("code", [429, 503])
def test_retry_after(server: FeedServer, code: int, value: str, wait: float | None) -> None:
    with pytest.raises(FetchError) as raised:
        ask(server.at("/a", status(code, Retry_After=value)))
    assert raised.value.retry_after == wait


def test_the_connection_is_used_again(server: FeedServer) -> None:
    ports = []

    def answer(handler: feed_server.Handler) -> None:
        ports.append(handler.client_address[1])
        (ok(BODY) if len(ports) % 2 else status(500, b"sorry"))(handler)

    asking = client()
    url = server.at("/a", answer)
    for _ in range(2):
        asking.ask(Request(url))
        with pytest.raises(FetchError):
            asking.ask(Request(url))
    assert len(set(ports)) == 1


# --- redirects -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects(server: FeedServer, code: int) -> None:
    server.at("/b", ok(BODY))
    assert ask(server.at("/a", status(code, b"moved", Location="/b"))) == (200, BODY)


@pytest.mark.parametrize("target", ["/a", "file:///etc/passwd", "ftp://127.0.0.1/x", "http://", "http://[", "//"])
def test_redirects_to_nowhere(server: FeedServer, target: str) -> None:
    with pytest.raises(FetchError) as raised:
        ask(server.at("/a", status(302, Location=target)))
    assert raised.value.reason in ("redirected", "unreachable")


def test_a_secret_stays_with_its_host(server: FeedServer) -> None:
    with serving() as other:
        other.at("/b", ok(BODY))
        url = server.at("/a", status(307, Location=f"{other.url}/b"))
        with pytest.raises(FetchError) as raised:
            ask(url, headers={"Authorization": "s3cret"}, is_secret=True)
        assert raised.value.reason == "redirected"
        assert other.asked == []
        assert ask(url)[0] == 200  # without one it may go there


def test_a_post_goes_on_to_the_same_host_only_as_a_post(server: FeedServer) -> None:
    server.at("/b", ok(BODY))
    assert ask(server.at("/a", status(308, Location="/b")), body=b"{}", is_secret=True) == (200, BODY)
    assert [(asked.method, asked.body) for asked in server.asked] == [("POST", b"{}")] * 2
    with pytest.raises(FetchError):
        ask(server.at("/a", status(302, Location="/b")), body=b"{}", is_secret=True)


# --- proxies ---------------------------------------------------------------------------------------------------------


def test_the_environments_proxy(server: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url.replace("http://", "http://user:pass@"))
    monkeypatch.setenv("no_proxy", "")
    server.at("http://feed.invalid/a", ok(BODY))
    assert ask("http://feed.invalid/a") == (200, BODY)
    assert server.asked[0].headers["proxy-authorization"].startswith("Basic ")
    monkeypatch.setenv("no_proxy", "feed.invalid")
    with pytest.raises(FetchError):
        ask("http://feed.invalid/a")


def test_an_address_is_shown_without_secrets() -> None:
    assert shown("https://user:pass@Example.org:8443/a/b?apikey=s3cret#x") == "https://example.org:8443/a/b"
    assert shown("http://[") == "(no address)"
