"""A real HTTP server on 127.0.0.1 that answers as tests want it to, well or badly, and remembers what it was asked.

A path has a list of answers; each request takes the next one, and the last one stays. An answer is a function of the
handler: it writes whatever it likes to the socket.
"""

from __future__ import annotations

import contextlib
import gzip
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A request as it came in. Header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer takes 40 ms
    server: Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.feeds.asked.append(Asked(self.command, self.path, headers, body))
        answers = self.server.feeds.answers.get(self.path)
        answer = status(404) if not answers else answers.pop(0) if len(answers) > 1 else answers[0]
        with contextlib.suppress(OSError):  # the client has had enough
            answer(self)

    def log_message(self, *_: Any) -> None:
        pass


Answer = Callable[[Handler], None]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    feeds: FeedServer

    def handle_error(self, *_: Any) -> None:
        """Answers that misbehave are what it is for."""


class FeedServer:
    """The server: `answers` by path, what was `asked`, and `released`, for which answers that hang wait."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[Asked] = []
        self.released = threading.Event()
        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.feeds = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def at(self, path: str, *answers: Answer) -> str:
        """Answer so at that path; returns its address."""
        self.answers[path] = list(answers)
        return self.url + path


@contextlib.contextmanager
def serving() -> Iterator[FeedServer]:
    feeds = FeedServer()
    thread = threading.Thread(target=feeds._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield feeds
    finally:
        feeds.released.set()
        feeds._server.shutdown()
        feeds._server.server_close()
        thread.join()


# --- answers ---------------------------------------------------------------------------------------------------------


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    """`Retry_After="3"` is the header `Retry-After`."""

    def answer(handler: Handler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        if code != 304:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def ok(body: bytes, **headers: str) -> Answer:
    return status(200, body, **headers)


def zipped(body: bytes, **headers: str) -> Answer:
    return ok(gzip.compress(body, 1), Content_Encoding="gzip", **headers)


def replay(path: Path) -> Answer:
    """A recording, as its feed answered it: gzip where it lies here so."""
    data = path.read_bytes()
    return ok(data, Content_Encoding="gzip") if path.suffix == ".gz" else ok(data)


def with_etag(body: bytes, tag: str) -> Answer:
    """304 to who has that already."""

    def answer(handler: Handler) -> None:
        known = handler.headers.get("If-None-Match") == tag
        (status(304, ETag=tag) if known else ok(body, ETag=tag))(handler)

    return answer


def half(body: bytes) -> Answer:
    """The announced length, and half of it."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[: len(body) // 2])
        handler.close_connection = True

    return answer


def half_of_chunks(body: bytes) -> Answer:
    """Chunks without the last one."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
        handler.close_connection = True

    return answer


def without_length(body: bytes) -> Answer:
    """The end of the connection is the end of the body, as in the old days."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def endless(piece: bytes = b" " * 1024) -> Answer:
    """Chunk after chunk, without an end."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while not handler.server.feeds.released.is_set():
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

    return answer


def silent(handler: Handler) -> None:
    """Not a byte."""
    handler.server.feeds.released.wait()


def stuck(handler: Handler) -> None:
    """A beginning, and then not a byte more."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"[")
    handler.wfile.flush()
    handler.server.feeds.released.wait()


def reset(handler: Handler) -> None:
    """The connection is torn down, not closed."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    for each in (handler.rfile, handler.wfile, handler.connection):
        each.close()
    handler.close_connection = True


def gibberish(handler: Handler) -> None:
    """Not even HTTP."""
    handler.wfile.write(b"\x00\x01SSH-2.0-whatever\r\n\r\n")
    handler.close_connection = True
