"""One question to one server: time-outs, size limit, gzip, redirects. What can go wrong out there is a FetchError.

A thin layer over urllib3, whose own retries and redirects are off: retries have to be interruptible and bounded in all
(retry.py), and a secret must not follow a redirect to another host.
"""

from __future__ import annotations

import math
import ssl
import threading
import urllib.request
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote, urljoin, urlsplit

import certifi
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    IncompleteRead,
    LocationParseError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

Reason = Literal[
    "unreachable",  # no connection, or it broke
    "timed_out",
    "cut_short",  # half a body
    "too_large",
    "wrong_encoding",
    "redirected",  # too often, or where we do not follow
    "asked_to_wait",  # 429, or 503 with a Retry-After
    "server_error",  # 5xx
    "refused",  # 4xx
    "unusable",  # an answer that is no snapshot: payloads.py
]

REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 3
_CHUNK = 64 * 1024
# Of an answer that is not 200 nothing is read; its connection is used again only if little of it is left to come.
_DRAIN = 64 * 1024


class FetchError(Exception):
    """A feed did not answer with what was asked for. `is_passing`: it may a moment later, so that trying again is of use."""

    def __init__(
        self, reason: Reason, detail: str, *, is_passing: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(reason, detail)
        self.reason: Reason = reason
        self.detail = detail
        self.is_passing = is_passing
        self.retry_after = retry_after
        self.body: bytes | None = None  # what was answered, where it may be worth a look

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


@dataclass(frozen=True)
class Request:
    """What to ask. With `is_secret` the headers and the body stay with the host they were meant for."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)  # POST where there is one, else GET
    is_secret: bool = False
    max_bytes: int = 64 * 1024 * 1024


@dataclass(frozen=True)
class Response:
    """An answer: 200 with its body, decoded, or 304 with none. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Timeouts:
    """Seconds: to connect, to wait for the next bytes, and for an answer in all."""

    connect: float = 10.0
    read: float = 20.0
    total: float = 60.0


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: what a secret is meant for."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def is_http(url: str) -> bool:
    """Whether this is an address that may be asked."""
    try:
        scheme, host, _ = origin(url)
    except ValueError:
        return False
    return scheme in ("http", "https") and bool(host)


def shown(url: str) -> str:
    """An address for a log: without user, password and query, any of which may be a secret."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(no address)"
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


class Client:
    """Asks servers, from any thread. Connections are kept and used again; proxies are those of the environment."""

    def __init__(
        self,
        user_agent: str,
        monotonic: Callable[[], float],
        retry_after: Callable[[str | None], float | None],
        timeouts: Timeouts | None = None,
    ) -> None:
        self.user_agent, self.monotonic, self.retry_after = user_agent, monotonic, retry_after
        self.timeouts = timeouts or Timeouts()
        self._lock = threading.Lock()
        self._managers: dict[tuple[str, str | None], urllib3.PoolManager] = {}  # by scheme and proxy

    def ask(self, request: Request, deadline: float = math.inf) -> Response:
        """The answer: 200 or 304, in time. Raises FetchError for everything else."""
        deadline = min(deadline, self.monotonic() + self.timeouts.total)
        url = request.url
        for _ in range(MOST_REDIRECTS + 1):
            if not is_http(url):
                raise FetchError("redirected", f"not an http address: {shown(url)}")
            try:
                response = self._send(url, request)
                with response:
                    location = response.headers.get("location")
                    if response.status not in REDIRECTS or not location:
                        return self._read(response, request, deadline)
                    response.drain_conn() if _is_small(response) else response.close()
            except (HTTPError, OSError, ssl.SSLError, ValueError) as error:
                raise self._explain(error, url) from None
            url = _follow(url, location, request, response.status)
        raise FetchError("redirected", f"more than {MOST_REDIRECTS} redirects, the last one to {shown(url)}")

    def _send(self, url: str, request: Request) -> urllib3.BaseHTTPResponse:
        headers = {"User-Agent": self.user_agent, "Accept": "application/json", "Accept-Encoding": "gzip"}
        return self._manager(url).request(
            "GET" if request.body is None else "POST",
            url,
            headers={**headers, **request.headers},
            body=request.body,
            timeout=urllib3.Timeout(connect=self.timeouts.connect, read=self.timeouts.read),
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )

    def _read(self, response: urllib3.BaseHTTPResponse, request: Request, deadline: float) -> Response:
        headers = {name.lower(): value for name, value in response.headers.items()}
        if response.status == 304:
            response.drain_conn()  # there is nothing to drain: the connection may be used again
            return Response(304, headers, b"")
        if response.status != 200:
            response.drain_conn() if _is_small(response) else response.close()
            raise self._refusal(response.status, headers)
        stated = headers.get("content-length", "")
        if stated.isascii() and stated.isdigit() and (len(stated) > 12 or int(stated) > request.max_bytes):
            response.close()
            raise FetchError("too_large", f"{stated[:15]} bytes; the limit is {request.max_bytes:,}")
        decoder = _decoder(headers.get("content-encoding", ""))
        body = bytearray()
        while data := response.read1(_CHUNK, decode_content=False):
            body += decoder.add(data, request.max_bytes + 1 - len(body))
            if len(body) > request.max_bytes:
                response.close()
                raise FetchError("too_large", f"more than the limit of {request.max_bytes:,} bytes")
            if self.monotonic() > deadline:
                response.close()
                raise FetchError(
                    "timed_out",
                    f"{len(body):,} bytes in the time that there was, and not at the end",
                    is_passing=True,
                )
        decoder.end()
        return Response(200, headers, bytes(body))

    def _refusal(self, status: int, headers: Mapping[str, str]) -> FetchError:
        wait = self.retry_after(headers.get("retry-after"))
        says = f"HTTP {status}"
        if status == 429 or (status == 503 and wait is not None):
            after = "" if wait is None else f", to be asked again in {wait:.0f} s"
            return FetchError("asked_to_wait", says + after, is_passing=True, retry_after=wait)
        if status >= 500:
            return FetchError("server_error", says, is_passing=status != 501, retry_after=wait)
        if status in (401, 403):
            return FetchError("refused", f"{says}: is a token missing, or no longer valid?")
        return FetchError("refused", says, is_passing=status in (408, 425))

    def _explain(self, error: Exception, url: str) -> FetchError:
        """What happened, in words of our own: urllib3's hold the whole address."""
        at = shown(url)
        if isinstance(error, ConnectTimeoutError) and not isinstance(error, NewConnectionError):
            return FetchError("timed_out", f"no connection to {at} in {self.timeouts.connect:g} s", is_passing=True)
        if isinstance(error, ReadTimeoutError | TimeoutError):
            return FetchError("timed_out", f"{at} sent nothing for {self.timeouts.read:g} s", is_passing=True)
        if isinstance(error, NameResolutionError):
            return FetchError("unreachable", f"the host of {at} is not known", is_passing=True)
        if isinstance(error, ProxyError):
            return FetchError("unreachable", f"the proxy does not let us through to {at}", is_passing=True)
        if isinstance(error, SSLError | ssl.SSLError):
            return FetchError("unreachable", f"no secure connection to {at}: {_cause(error)}")
        if isinstance(error, IncompleteRead):
            return FetchError("cut_short", f"{at} ended in the middle of its answer", is_passing=True)
        if isinstance(error, LocationParseError | LocationValueError):
            return FetchError("unreachable", f"not an address: {at}")
        if isinstance(error, ProtocolError):
            return FetchError("cut_short", f"the connection to {at} broke: {_cause(error)}", is_passing=True)
        if isinstance(error, NewConnectionError | OSError):
            return FetchError("unreachable", f"no connection to {at}: {_cause(error)}", is_passing=True)
        return FetchError("unreachable", f"{at} cannot be asked: {type(error).__name__}", is_passing=True)

    def _manager(self, url: str) -> urllib3.PoolManager:
        scheme, host, _ = origin(url)
        proxies = urllib.request.getproxies()
        proxy = proxies.get(scheme) or proxies.get("all")
        if urllib.request.proxy_bypass(host):
            proxy = None
        if proxy and "://" not in proxy:
            proxy = f"http://{proxy}"
        with self._lock:
            if (scheme, proxy) not in self._managers:
                self._managers[scheme, proxy] = _new_manager(scheme, proxy)
            return self._managers[scheme, proxy]


def _new_manager(scheme: str, proxy: str | None) -> urllib3.PoolManager:
    # To read whom to trust takes longer than to ask.
    trust = _trust() if "https" in (scheme, urlsplit(proxy or "").scheme) else None
    if proxy is None:
        return urllib3.PoolManager(ssl_context=trust)
    parts = urlsplit(proxy)
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
    headers = urllib3.make_headers(proxy_basic_auth=login) if login else None
    return urllib3.ProxyManager(proxy, proxy_headers=headers, ssl_context=trust)


def _trust() -> ssl.SSLContext:
    """Whom the machine trusts (SSL_CERT_FILE says otherwise); certifi's list where the machine has none, as macOS may."""
    paths = ssl.get_default_verify_paths()
    return ssl.create_default_context(cafile=None if paths.cafile or paths.capath else certifi.where())


def _follow(url: str, location: str, request: Request, status: int) -> str:
    try:
        target = urljoin(url, location)
    except ValueError:
        raise FetchError("redirected", "to what is no address") from None
    if request.is_secret and origin(target) != origin(url):
        raise FetchError("redirected", f"to {shown(target)}, another host: the token is not sent there")
    if request.body is not None and status not in (307, 308):
        raise FetchError("redirected", f"HTTP {status} to {shown(target)}: a POST is not sent again elsewhere")
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
        raise FetchError("redirected", f"from https to {shown(target)}")
    return target


def _is_small(response: urllib3.BaseHTTPResponse) -> bool:
    stated = response.headers.get("content-length", "")
    return stated.isascii() and stated.isdigit() and len(stated) < 8 and int(stated) <= _DRAIN


def _cause(error: BaseException) -> str:
    """The innermost reason, as the system says it; never an exception's whole text, which may hold an address."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return str(seen.verify_message)
        if isinstance(seen, ssl.SSLError) and seen.reason:
            return str(seen.reason)
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror
        inner = [each for each in seen.args if isinstance(each, BaseException)]
        seen = seen.__cause__ or seen.__context__ or (inner[0] if inner else None)
    return type(error).__name__


# --- content encodings -----------------------------------------------------------------------------------------------


class _Plain:
    def add(self, data: bytes, room: int) -> bytes:
        return data

    def end(self) -> None:
        pass


class _Gzip:
    """gzip as it comes in, never more of it than there is room for, however little a bomb weighs."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(31)

    def add(self, data: bytes, room: int) -> bytes:
        decoded = b""
        try:
            while data and len(decoded) < room:
                if self._member.eof:  # several members, one after the other, are one gzip stream
                    self._member = zlib.decompressobj(31)
                decoded += self._member.decompress(data, room - len(decoded))
                data = self._member.unused_data
        except zlib.error:
            raise FetchError("wrong_encoding", "the answer says it is gzip, and is not") from None
        return decoded

    def end(self) -> None:
        if not self._member.eof:
            raise FetchError("cut_short", "the gzip stream ends early", is_passing=True)


def _decoder(encoding: str) -> _Plain | _Gzip:
    named = encoding.strip().lower()
    if named in ("", "identity"):
        return _Plain()
    if named in ("gzip", "x-gzip"):
        return _Gzip()
    raise FetchError("wrong_encoding", f"the answer is encoded as {named[:40]!r}, which was not asked for")
