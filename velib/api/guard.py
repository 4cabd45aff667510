"""What stands before every request: limits of size and of rate; and what every answer carries: security headers.

Plain ASGI, since it is on the way of each request and of each chunk of an answer.
"""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from velib.api.keys import HEADER
from velib.api.problems import MEDIA_TYPE, Problem, body_of

LONGEST_URL = 8_000
LARGEST_BODY = 64 * 1024
_MOST_CLIENTS = 10_000
# A client that was quiet may ask so many seconds' worth at once.
_BURST_SECONDS = 2

_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_KEY = HEADER.lower().encode()
_POLICY = b"default-src 'none'; frame-ancestors 'none'"


class Rates:
    """A bucket of tokens for each client address. No more clients are kept than fit: who was away longest is forgotten first."""

    def __init__(self, rate: float, most_clients: int = _MOST_CLIENTS) -> None:
        self._rate, self._burst, self._most_clients = rate, max(1.0, rate * _BURST_SECONDS), most_clients
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str, now: float) -> float:
        """0 where the client may ask now, and has by this; else the seconds until it may."""
        tokens, at = self._buckets.pop(client, (self._burst, now))
        tokens = min(self._burst, tokens + (now - at) * self._rate)
        allowed = tokens >= 1
        self._buckets[client] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > self._most_clients:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) / self._rate


def client_of(scope: MutableMapping[str, Any]) -> str:
    """The address that a request came from; of IPv6 the network, since a household has 2^64 addresses."""
    host = (scope.get("client") or ("",))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return host


def secured(scope: Scope, send: Send) -> Send:
    """Sends, and puts the security headers on every answer. A page that needs a policy of its own has one.

    Whoever gives a key is answered for itself: no shared cache may keep that (RFC 9111, 3.5, has it so for Authorization).
    Without a key there is only what everybody may see, or an error, which nobody keeps.
    """

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message["headers"], *_HEADERS]
            if not any(name == b"content-security-policy" for name, _ in headers):
                headers.append((b"content-security-policy", _POLICY))
            if any(name == _KEY for name, _ in scope["headers"]):
                headers = _private(headers)
            message = {**message, "headers": headers}
        await send(message)

    return sent


def _private(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    told = [value for name, value in headers if name == b"cache-control"]
    if told and (b"private" in told[0] or b"no-store" in told[0]):
        return headers
    kept = told[0].replace(b"public", b"private") if told and b"public" in told[0] else b"private, no-store"
    return [*(each for each in headers if each[0] != b"cache-control"), (b"cache-control", kept)]


class Guard:
    """Refuses what is too large or comes too often, before anything else is done about it."""

    def __init__(self, app: ASGIApp, rate: float) -> None:
        self._app = app
        self._rates = Rates(rate) if rate else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        problem = self._problem(scope)
        if problem is None and any(name == b"transfer-encoding" for name, _ in scope["headers"]):
            message = await _whole(receive)
            if (
                message["type"] != "http.request"
            ):  # its client has left in the middle: there is nothing to do, and nobody to tell
                return
            if len(message["body"]) > LARGEST_BODY:
                problem = _too_large()
            receive = _again(message, receive)
        if problem is not None:
            await refuse(problem, scope, send)
            return
        await self._app(scope, receive, send)

    def _problem(self, scope: Scope) -> Problem | None:
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > LONGEST_URL:
            return Problem(414, f"a URL has at most {LONGEST_URL} characters here")
        for name, value in scope["headers"]:
            if name == b"content-length" and (not value.isdigit() or int(value[:20]) > LARGEST_BODY):
                return _too_large()
        if {b"content-length", b"transfer-encoding"} <= {name for name, _ in scope["headers"]}:
            return Problem(
                400, "a body has a length or comes in chunks: a proxy before this may have taken it for another"
            )
        if self._rates is not None and scope["path"] != "/health":
            wait = self._rates.wait(client_of(scope), time.monotonic())
            if wait:
                return Problem(
                    429, "too many requests: go on after the seconds that Retry-After says", retry_after=wait
                )
        return None


async def _whole(receive: Receive) -> Message:
    """A body whose length nobody has said, as far as it may go: read here, since the application cannot refuse it on the way."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body", False) or len(body) > LARGEST_BODY:
            return {**message, "body": body, "more_body": False}


def _again(message: Message, receive: Receive) -> Receive:
    """What was read, and then what still comes: that the client has left."""
    is_told = False

    async def received() -> Message:
        nonlocal is_told
        if is_told:
            return await receive()
        is_told = True
        return message

    return received


def _too_large() -> Problem:
    return Problem(413, f"a request has at most {LARGEST_BODY} bytes here")


async def refuse(problem: Problem, scope: Scope, send: Send) -> None:
    """Answer with a problem, without the application."""
    body = body_of(problem, scope["path"])
    headers = {
        "content-type": MEDIA_TYPE,
        "content-length": str(len(body)),
        "cache-control": "no-store",
        **problem.headers,
    }
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
