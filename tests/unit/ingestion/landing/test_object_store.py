"""What an object store does that is no answer: here one that breaks off in the middle of an object."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ingestion.landing import landing_zone, object_store
from ingestion.landing.files import LandingFile
from velib.core.errors import VelibError

WHOLE = b"[" + b" " * 50_000 + b"]"


class Store(ThreadingHTTPServer):
    """Sends half of the object as often as `halves` says, and then all of it."""

    halves = 0
    asked = 0


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Store

    def do_GET(self) -> None:
        self.server.asked += 1
        is_half = self.server.asked <= self.server.halves
        self.send_response(200)
        for name, value in {
            "Content-Length": str(len(WHOLE)),
            "Last-Modified": "Tue, 02 Jun 2026 08:00:00 GMT",
            "ETag": '"1"',
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(WHOLE[: len(WHOLE) // 2] if is_half else WHOLE)
        self.close_connection = is_half

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    with Store(("127.0.0.1", 0), _Answer) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": "something",
            "AWS_DEFAULT_REGION": "us-east-1",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }.items():
            monkeypatch.setenv(name, value)
        object_store.client_of.cache_clear()
        yield server
        object_store.client_of.cache_clear()
        server.shutdown()


def test_half_an_object_is_asked_for_again(store: Store) -> None:
    store.halves = 2
    assert object_store.read("s3://b/k", 1_000_000) == WHOLE
    assert store.asked == 3
    assert object_store.read("s3://b/k", 1000) == WHOLE[:1000]


def test_half_an_object_is_no_broken_file(store: Store) -> None:
    """It would be quarantined under the size and time stamp of the whole, and so never be read again."""
    store.halves = 100
    file = LandingFile("s3://b/f_20260602T080000Z.json", len(WHOLE), 1)
    with pytest.raises(VelibError, match="broke off in the middle of an object; nothing of this batch counts"):
        landing_zone.read(file, 1_000_000)
