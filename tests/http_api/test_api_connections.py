"""Connections that hold on to the API, with real sockets: idle, slow, too many. /health answers whatever they do."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import Client
from mart_of_contracts import MartOfContracts

from velib.api import connections
from velib.api.guard import LARGEST_BODY
from velib.postgres.processes import wait_until

Start = Callable[..., Client]
HEALTH = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.fixture
def opened() -> Iterator[Callable[..., socket.socket]]:
    """Opens connections, from any of this machine's addresses, which stay open until the test ends."""
    with contextlib.ExitStack() as stack:

        def connect(client: Client, address: str = "127.0.0.1", sent: bytes = b"") -> socket.socket:
            connection = socket.create_connection(("127.0.0.1", client.port), 30, source_address=(address, 0))
            stack.enter_context(contextlib.closing(connection))
            connection.sendall(sent)
            return connection

        yield connect


def ask(connection: socket.socket) -> bytes:
    """The whole answer about health."""
    connection.sendall(HEALTH)
    told = b""
    while not told.endswith(b'"alive"}'):
        part = connection.recv(65536)
        if not part:
            break
        told += part
    return told


def ends(connection: socket.socket, within: float) -> bytes:
    """What is said before the other side closes."""
    connection.settimeout(within)
    told = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            told += part
    return told


def test_a_thousand_idle_sockets_hinder_nobody(start: Start, opened: Callable[..., socket.socket]) -> None:
    client = start()
    for number in range(1_050):
        opened(client)
        if number % 350 == 349:
            assert client.get("/health").status == 200
    assert client.get("/v1/stations").status == 200
    # The same from many addresses, of which none has its share.
    for number in range(1_050):
        opened(client, f"127.0.1.{1 + number // 50}")
    for path in ("/health", "/v1/stations"):
        assert client.get(path).status == 200, path


def test_an_address_loses_its_idle_connections_and_others_none(
    start: Start, opened: Callable[..., socket.socket]
) -> None:
    client = start(client_connections=3)
    other = opened(client, "127.0.0.2")
    mine = [opened(client) for _ in range(3)]
    for each in (other, *mine):
        assert ask(each).startswith(b"HTTP/1.1 200")
    assert ask(mine[0]).startswith(b"HTTP/1.1 200"), "now it is the last to go"
    opened(client)
    assert ends(mine[1], 5) == b"", "the one that was idle longest"
    assert ask(mine[0]).startswith(b"HTTP/1.1 200")
    assert ask(mine[2]).startswith(b"HTTP/1.1 200")
    assert ask(other).startswith(b"HTTP/1.1 200")


def test_an_address_that_may_have_one_has_the_newest(start: Start, opened: Callable[..., socket.socket]) -> None:
    client = start(client_connections=1)
    connections_of_mine = []
    for _ in range(3):
        connections_of_mine.append(opened(client))
        assert ask(connections_of_mine[-1]).startswith(b"HTTP/1.1 200")
    for each in connections_of_mine[:-1]:
        assert ends(each, 5) == b""


def test_where_all_are_in_use_health_answers_alone(
    start: Start, opened: Callable[..., socket.socket], mart: MartOfContracts
) -> None:
    client = start(client_connections=2, statement_seconds=4)
    mart.execute("begin; lock table mart.dim_station in access exclusive mode")
    try:
        with ThreadPoolExecutor(2) as pool:
            busy = [pool.submit(client.get, f"/v1/stations?limit={n}") for n in (1, 2)]
            assert wait_until(lambda: b"velib_api_connections_in_use 2.0" in client_of_another(client), 10)
            refused = client.get("/v1/kpis")
            assert (refused.status, refused.json()["type"]) == (503, "urn:velib:busy")
            assert refused.headers["retry-after"] == "1"
            assert refused.headers["connection"] == "close"
            assert client.get("/health").status == 200
            mart.execute("rollback")
            assert [each.result().status for each in busy] == [200, 200]
    finally:
        mart.execute("rollback")
    assert client.get("/v1/kpis").status == 200


def client_of_another(client: Client) -> bytes:
    """The figures, asked for from another address."""
    with socket.create_connection(("127.0.0.1", client.port), 30, source_address=("127.0.0.3", 0)) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        return ends(connection, 30)


def test_a_trusted_proxy_has_everybodys_connections(start: Start, opened: Callable[..., socket.socket]) -> None:
    client = start(client_connections=2, trusted_proxies="10.0.0.0/8, 127.0.0.1")
    through_it = [opened(client) for _ in range(6)]
    assert all(ask(each).startswith(b"HTTP/1.1 200") for each in through_it)


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b""),
        (b"GET /health HTTP/1.1\r\nhost: x\r\nx: ", b"HTTP/1.1 408"),
        (b"POST /v1/corrections HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{", b"HTTP/1.1 408"),
        (b"POST /v1/corrections HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n", b"HTTP/1.1 408"),
    ],
    ids=["nothing", "half a head", "half a body", "half a body in chunks"],
)
def test_what_does_not_come_in_time_is_not_waited_for(
    start: Start,
    opened: Callable[..., socket.socket],
    monkeypatch: pytest.MonkeyPatch,
    sent: bytes,
    answer: bytes,
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(connections, "BODY_SECONDS", 0.5)
    told = ends(opened(start(), sent=sent), 10)
    assert told.startswith(answer)
    assert bool(told) == bool(answer)


def test_bytes_now_and_then_are_no_request(
    start: Start, opened: Callable[..., socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.6)
    connection = opened(start(), sent=b"GET /health HTTP/1.1\r\n")
    begin = time.monotonic()
    with contextlib.suppress(OSError):
        while time.monotonic() - begin < 10:
            connection.sendall(b"x: y\r\n")
            time.sleep(0.1)
    assert time.monotonic() - begin < 5


def test_a_second_request_has_its_time_too(
    start: Start, opened: Callable[..., socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    connection = opened(start())
    assert ask(connection).startswith(b"HTTP/1.1 200")
    connection.sendall(b"GET /hea")
    assert ends(connection, 10).startswith(b"HTTP/1.1 408")


def test_a_connection_that_is_kept_is_used_on(
    start: Start, opened: Callable[..., socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.4)
    connection = opened(start())
    for _ in range(4):
        assert ask(connection).startswith(b"HTTP/1.1 200")
        time.sleep(0.3)


# --- bodies in chunks -----------------------------------------------------------------------------------------------------


def in_chunks(body: bytes, size: int = 5_000) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("length", "status"), [(40, 401), (LARGEST_BODY, 401), (LARGEST_BODY + 1, 413), (20 * LARGEST_BODY, 413)]
)
def test_a_body_in_chunks_has_the_same_limit(
    start: Start, opened: Callable[..., socket.socket], length: int, status: int
) -> None:
    """Without a key a body that may be so large comes as far as the question for the key."""
    body = b'{"entity":"station","key":"1","field":"name","value":"x"}'
    body = body.ljust(length) if length > len(body) else body
    head = b"POST /v1/corrections HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    client = start()
    chunked = opened(client, sent=head + b"transfer-encoding: chunked\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        chunked.sendall(in_chunks(body))
    told = chunked.recv(65536)
    assert told.startswith(b"HTTP/1.1 %d" % status), told[:300]
    assert b"application/problem+json" in told
    whole = opened(client, sent=head + b"content-length: %d\r\n\r\n" % len(body))
    with contextlib.suppress(ConnectionError):
        whole.sendall(body)
    assert whole.recv(65536).startswith(b"HTTP/1.1 %d" % status)
