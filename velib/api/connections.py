"""Connections, before anything was asked on them: how many there may be, and how long they may take.

uvicorn answers 503 to everybody when there are too many, and waits for ever for whoever says nothing. Here a new connection
takes the place of the one that has been idle longest: of its own address where that has its share, else of all. Where none is idle
the new one is refused, but for /health, which always answers.
"""

import asyncio
import ipaddress
from typing import Any

import h11
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from velib.api.guard import client_of, refuse
from velib.api.problems import Problem

MOST = 1_000
# Until the head of a request is there, from the connection's begin or its first byte; until the body is, too; and how long a client
# may not read what it asked for.
HEAD_SECONDS = 10.0
BODY_SECONDS = 30.0
READ_SECONDS = 60.0


class Connections:
    """All connections of one server, the oldest first, and those of each address."""

    def __init__(self, most_of_one: int, trusted_proxies: str = "") -> None:
        self._most_of_one = most_of_one
        self._all: dict[Connection, None] = {}
        self._by_address: dict[str, dict[Connection, None]] = {}
        self._trusts_all = trusted_proxies == "*"
        self._trusted = (
            [] if self._trusts_all else [_network(each) for each in trusted_proxies.split(",") if each.strip()]
        )

    def add(self, new: "Connection") -> Problem | None:
        """Make room for it; or say why there is none."""
        of_address = self._by_address.get(new.address, {})
        problem = None
        if self._most_of_one and len(of_address) >= self._most_of_one and not self._is_proxy(new.host):
            if not _make_room(of_address):
                problem = Problem(503, "too many connections of this address: use the ones that there are", "busy", 1)
        elif len(self._all) >= MOST and not _make_room(self._all):
            problem = Problem(503, "too many connections at once: try again in a moment", "busy", 1)
        # Looked up again: who made room may have been the last of its address.
        self._by_address.setdefault(new.address, {})[new] = self._all[new] = None
        return problem

    def remove(self, gone: "Connection") -> None:
        self._all.pop(gone, None)
        of_address = self._by_address.get(gone.address, {})
        of_address.pop(gone, None)
        if not of_address:
            self._by_address.pop(gone.address, None)

    def used(self, connection: "Connection") -> None:
        """It is the last now that makes room."""
        for each in (self._all, self._by_address.get(connection.address, {})):
            if connection in each:
                each[connection] = each.pop(connection)

    def _is_proxy(self, host: str) -> bool:
        """A proxy of ours comes with everybody's connections."""
        if self._trusts_all:
            return True
        try:
            found = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(found in network for network in self._trusted)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:  # a socket's name, which no address is
        return ipaddress.ip_network("0.0.0.0/32")


def _make_room(connections: "dict[Connection, None]") -> bool:
    idle = next((each for each in connections if each.is_idle), None)
    if idle is None:
        return False
    idle.leave()
    return True


class Connection(H11Protocol):
    """One connection. `of_server` is set by `of`, which makes a class for each server."""

    of_server: Connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.host = self.client[0] if self.client else ""
        self.address = client_of({"client": self.client})
        self._late: asyncio.TimerHandle | None = None
        self._awaited: Any = None
        self._unread: asyncio.TimerHandle | None = None
        problem = self.of_server.add(self)
        if problem is not None:
            self.app = _refusing(self.app, problem)
        self._wait_for(h11.IDLE, HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self.of_server.remove(self)
        self._stop()
        self.resume_writing()
        super().connection_lost(exc)

    @property
    def is_idle(self) -> bool:
        """Nothing that it asked is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def leave(self) -> None:
        self.of_server.remove(self)
        if not self.transport.is_closing():
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self.conn.their_state is h11.IDLE:
            self._wait_for(h11.IDLE, HEAD_SECONDS)
            return
        self.of_server.used(self)
        if self.conn.their_state is h11.SEND_BODY:
            self._wait_for(h11.SEND_BODY, BODY_SECONDS)
        else:
            self._stop()

    def _wait_for(self, awaited: Any, seconds: float) -> None:
        """From now on, or from when that was begun: however slowly its bytes come."""
        if self._awaited is not awaited:
            self._stop()
            self._awaited, self._late = awaited, self.loop.call_later(seconds, self._is_late)

    def _stop(self) -> None:
        self._awaited = None
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _is_late(self) -> None:
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self._late = self.loop.call_later(BODY_SECONDS, self._is_late)  # it is being answered, body or not
            return
        has_begun = self.conn.trailing_data[0] or self.conn.their_state is h11.SEND_BODY
        if not self.transport.is_closing() and has_begun and self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            if self.cycle is not None:
                self.cycle.disconnected = True
            told = Problem(408, "the request did not come in time")
            self._say(told.status, told.detail)
        self.leave()

    def _say(self, status: int, text: str) -> None:
        headers = [
            ("content-type", "text/plain; charset=utf-8"),
            ("content-length", str(len(text))),
            ("connection", "close"),
        ]
        for event in (
            h11.Response(status_code=status, headers=headers),
            h11.Data(data=text.encode()),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self._unread or self.loop.call_later(READ_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None


def of(most_of_one: int, trusted_proxies: str = "") -> type[Connection]:
    """What a server makes its connections of."""
    return type("Connection", (Connection,), {"of_server": Connections(most_of_one, trusted_proxies)})


def _refusing(app: Any, problem: Problem) -> ASGIApp:
    async def refused(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") == "/health":
            await app(scope, receive, send)
            return
        headers = {**problem.headers, "connection": "close"}
        await refuse(Problem(problem.status, problem.detail, problem.kind, headers=headers), scope, send)

    return refused
