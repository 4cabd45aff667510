"""The documents of one feed: asked for politely, and not more often than needed.

With an `ETag` or `Last-Modified` of the copy that we keep a server need not send again what has not changed. Copies are kept
only of what was found usable: an error page must not be confirmed by a 304 for ever.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from velib.collecting.client import Client, FetchError, Request, origin
from velib.collecting.clock import Clock
from velib.collecting.configuration import Feed
from velib.collecting.retry import Retrying
from velib.collecting.state import DocumentState, FeedFolder, FeedState, digest

Check = Callable[[bytes], object]


@dataclass(frozen=True)
class Document:
    """An answer to a question, or the copy of one that its server says is still right."""

    body: bytes
    received_at: int  # seconds since 1970: when we heard that this is how things are
    is_confirmed: bool  # by a 304


class Documents:
    """What one feed is asked for in one tick. Changes `state`; whoever owns that writes it."""

    def __init__(
        self,
        feed: Feed,
        folder: FeedFolder,
        state: FeedState,
        client: Client,
        retrying: Retrying,
        clock: Clock,
        deadline: float,
    ) -> None:
        self.feed, self.folder, self.state = feed, folder, state
        self.client, self.retrying, self.clock, self.deadline = client, retrying, clock, deadline

    def get(self, name: str, url: str, check: Check, ttl_of: Callable[[bytes], float] | None = None) -> Document:
        """Ask for a document. Raises FetchError, also when `check` does.

        `ttl_of` says for how many seconds the document may be used without asking (`get_cached`).
        """
        known = self._known(name, url)
        copy = self._copy(name, known)
        request = self._request(url, known if copy is not None else None)
        response = self.retrying.call(partial(self.client.ask, request, self.deadline), self.clock, self.deadline)
        now = self.clock.now()
        if response.status == 304:
            if known is None or copy is None:
                raise FetchError("refused", "HTTP 304, though we did not say what we have")
            known.fetched_at = now
            known.etag = response.headers.get("etag", known.etag)
            return Document(copy, int(now), is_confirmed=True)
        body = response.body
        check(body)
        etag, last_modified = response.headers.get("etag"), response.headers.get("last-modified")
        if request.body is not None:
            etag = last_modified = None  # nothing of a POST is conditional
        ttl = ttl_of(body) if ttl_of is not None else None
        self.state.documents.pop(name, None)
        if etag or last_modified or ttl is not None:
            self._keep(name, DocumentState(digest(url), digest(body), now, etag, last_modified, ttl), body)
        return Document(body, int(now), is_confirmed=False)

    def get_cached(self, name: str, url: str, check: Check, ttl_of: Callable[[bytes], float]) -> Document:
        """The same, but without asking while the copy is as good as new."""
        known = self._known(name, url)
        if known is not None and 0 <= self.clock.now() - known.fetched_at < (known.ttl or 0.0):
            copy = self._copy(name, known)
            if copy is not None:
                return Document(copy, int(known.fetched_at), is_confirmed=True)
        return self.get(name, url, check, ttl_of)

    def stale(self, name: str, url: str) -> bytes | None:
        """The copy, however old; None where there is none."""
        return self._copy(name, self._known(name, url))

    def forget(self, name: str) -> None:
        """Ask for this document anew the next time, whatever we have of it."""
        self.state.documents.pop(name, None)

    def _known(self, name: str, url: str) -> DocumentState | None:
        known = self.state.documents.get(name)
        return known if known is not None and known.address == digest(url) else None

    def _copy(self, name: str, known: DocumentState | None) -> bytes | None:
        data = self.folder.read_copy(name) if known is not None else None
        if data is None or known is None:
            return None
        try:
            body = gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            return None
        return body if digest(body) == known.content else None

    def _keep(self, name: str, known: DocumentState, body: bytes) -> None:
        try:
            self.folder.write_copy(name, gzip.compress(body, 1, mtime=0))
        except OSError:
            return  # no room for a copy: it is asked for anew
        self.state.documents[name] = known

    def _request(self, url: str, known: DocumentState | None) -> Request:
        headers: dict[str, str] = {}
        body = self.feed.body.reveal().encode() if self.feed.body is not None else None
        if body is not None:
            headers["Content-Type"] = "application/json"
        is_secret = body is not None
        # A document that the feed's own list names elsewhere does not get the token.
        if self.feed.token is not None and origin(url) == origin(self.feed.url):
            is_secret = True
            headers[self.feed.token_header] = self.feed.token.reveal()
        if known is not None and body is None:
            if known.etag:
                headers["If-None-Match"] = known.etag
            if known.last_modified:
                headers["If-Modified-Since"] = known.last_modified
        return Request(url, headers, body, is_secret, self.feed.max_bytes)
