"""Content codings: which of them a client takes (Accept-Encoding), and all answers in it that are not kept (velib/api/answers.py).

Arrow and Parquet go out as they are: Parquet is compressed already, and who reads either wants speed.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import pyarrow as pa
from anyio import to_thread
from isal import isal_zlib
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from velib.api.formats import Sink
from velib.api.negotiation import weights

Name = Literal["zstd", "br", "gzip"]
# Of codings that a client likes as much, the first. Of 590 kB of JSON zstd makes 66 kB in 0.9 ms, br 71 in 8.0, gzip 86 in 1.9
# (zlib 94 in 7.0).
_LEVELS: dict[Name, int] = {"zstd": 1, "br": 4, "gzip": 3}
_CODECS = {"zstd": "zstd", "br": "brotli"}
# Below this, what is saved is less than a packet.
SMALLEST = 1_000
# What is larger is compressed beside the event loop.
_LARGE = 64 * 1024
_COMPRESSIBLE = ("application/json", "application/problem+json", "text/")


def wanted(accept: str | None) -> Name | None:
    """The coding that the client likes best, by its weights (RFC 9110, 12.5.3); None: as it is."""
    if not accept:
        return None
    weighted = {name.removeprefix("x-"): weight for name, weight in weights(accept).items()}
    others = weighted.get("*", 0.0)
    as_it_is = weighted.get("identity", 0.0)  # where it is not named, any coding that is goes before it
    best, best_weight = None, 0.0
    for name in _LEVELS:
        weight = weighted.get(name, others)
        if weight > best_weight:
            best, best_weight = name, weight
    return best if best_weight >= as_it_is else None


def compress(name: Name, body: bytes) -> bytes:
    if name == "gzip":
        whole: bytes = isal_zlib.compress(body, _LEVELS[name], 31)
        return whole
    packed: bytes = pa.Codec(_CODECS[name], compression_level=_LEVELS[name]).compress(body, asbytes=True)
    return packed


async def compressed(name: Name, body: bytes) -> bytes:
    return await to_thread.run_sync(compress, name, body) if len(body) > _LARGE else compress(name, body)


def tagged(etag: str, name: Name) -> str:
    """Another coding is another sequence of bytes, so its tag is another (RFC 9110, 8.8.3.3)."""
    return f'{etag[:-1]}-{name}"'


class Compressed:
    """Compresses what is worth it and not compressed yet, whole or as it is streamed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        coding = wanted(Headers(scope=scope).get("accept-encoding"))
        await self._app(scope, receive, _Sending(send, coding).send)


class _Stream(NamedTuple):
    """What is fed to a coding part by part."""

    add: Callable[[bytes], bytes]
    end: Callable[[], bytes]


class _Sending:
    """One answer on its way. Its head waits for its first part: only then is it known whether it is large enough."""

    def __init__(self, send: Send, coding: Name | None) -> None:
        self._send, self._coding = send, coding
        self._head: Message | None = None
        self._stream: _Stream | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            is_coded = "content-encoding" in headers
            if not is_coded and headers.get("content-type", "").startswith(_COMPRESSIBLE):
                headers.add_vary_header("Accept-Encoding")
                if self._coding is not None and message["status"] not in (204, 206, 304):
                    self._head = message
                    return
            await self._send(message)
        elif self._head is not None:
            await self._first(self._head, message)
        elif self._stream is not None:
            await self._next(self._stream, message)
        else:
            await self._send(message)

    async def _first(self, head: Message, message: Message) -> None:
        assert self._coding is not None
        self._head = None
        body, more = message.get("body", b""), message.get("more_body", False)
        if not more and len(body) < SMALLEST:
            await self._send(head)
            await self._send(message)
            return
        headers = MutableHeaders(raw=head["headers"])
        headers["content-encoding"] = self._coding
        del headers["accept-ranges"]
        if etag := headers.get("etag"):
            headers["etag"] = tagged(etag, self._coding)
        if more:
            del headers["content-length"]
            self._stream = _opened(self._coding)
            await self._send(head)
            await self._next(self._stream, message)
        else:
            packed = await compressed(self._coding, body)
            headers["content-length"] = str(len(packed))
            await self._send(head)
            await self._send({**message, "body": packed})

    async def _next(self, stream: _Stream, message: Message) -> None:
        body, more = message.get("body", b""), message.get("more_body", False)
        packed = await to_thread.run_sync(stream.add, body) if len(body) > _LARGE else stream.add(body)
        if not more:
            packed += stream.end()
        if packed or not more:
            await self._send({**message, "body": packed})


def _opened(name: Name) -> _Stream:
    if name == "gzip":
        packer = isal_zlib.compressobj(_LEVELS[name], isal_zlib.DEFLATED, 31)
        return _Stream(packer.compress, packer.flush)
    sink = Sink()
    file: Any = pa.CompressedOutputStream(pa.PythonFile(sink, mode="w"), _CODECS[name])

    def add(part: bytes) -> bytes:
        file.write(part)
        return sink.take()

    def end() -> bytes:
        file.close()
        return sink.take()

    return _Stream(add, end)
