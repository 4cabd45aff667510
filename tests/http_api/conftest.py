"""The API as it runs, over HTTP, on a mart of the contracts' shape: one server a test module."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import uvicorn

pytest.register_assert_rewrite("mart_of_contracts")

from mart_of_contracts import MartOfContracts, mart_of_contracts  # noqa: E402

from velib.api.app import create_app  # noqa: E402
from velib.api.contracts import read  # noqa: E402
from velib.api.serve import configuration  # noqa: E402
from velib.api.settings import Settings  # noqa: E402

CONTRACTS = read()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Asks one API. A request is sent as it is given: what no client would send has to be sent too."""

    def __init__(self, port: int) -> None:
        self.port = port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, query: Any = None, headers: dict[str, str] | None = None, method: str = "GET") -> Answer:
        asked = f"{path}?{urlencode(query, doseq=True)}" if query else path
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, asked, headers=headers or {})
            response = connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, told, response.read())

    def raw(self, request: bytes) -> tuple[bytes, bool]:
        """What comes back for these bytes until the other side closes, which it has to; and whether it has cut the connection.

        This side stays open: a server that sees it close may leave without a word, as quickly as it happens to see it.
        """
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            parts = []
            try:
                connection.sendall(request)
                while part := connection.recv(65536):
                    parts.append(part)
            except TimeoutError:
                raise
            except OSError:  # it has closed with bytes of ours unread, and what it said may be lost by that
                return b"".join(parts), True
            return b"".join(parts), False

    def pages(self, path: str, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Every page, each by the cursor of the one before."""
        cursor = None
        while True:
            answer = self.get(path, {**query, **({"cursor": cursor} if cursor else {})})
            assert answer.status == 200, answer.body
            yield answer.json()
            cursor = answer.json()["next_cursor"]
            if cursor is None:
                return


@contextlib.contextmanager
def running(settings: Settings) -> Iterator[Client]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(configuration(create_app(settings, CONTRACTS), settings))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield Client(listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listening.close()


@pytest.fixture(scope="module")
def mart(postgres_home: Path) -> Iterator[MartOfContracts]:
    with mart_of_contracts(postgres_home) as found:
        yield found


@pytest.fixture(scope="module")
def client(mart: MartOfContracts) -> Iterator[Client]:
    """With the defaults, but for the rate: tests ask as quickly as they can."""
    with running(Settings(database_url=mart.reader_url, rate=0)) as found:
        yield found


@pytest.fixture
def start(mart: MartOfContracts) -> Iterator[Callable[..., Client]]:
    """Starts an API with settings of its own."""
    with contextlib.ExitStack() as stack:
        yield lambda **given: stack.enter_context(
            running(Settings(**{"database_url": mart.reader_url, "rate": 0, **given}))
        )
