"""One feed, asked once: which documents make its snapshot, by kind."""

from __future__ import annotations

from velib.collecting import gbfs
from velib.collecting.configuration import Feed
from velib.collecting.documents import Documents
from velib.collecting.payloads import Answer, check


def fetch(feed: Feed, documents: Documents) -> tuple[Answer, list[str]]:
    """The feed's snapshot, and what was amiss without spoiling it. Raises FetchError."""
    if feed.kind == "gbfs":
        return gbfs.fetch(feed, documents)
    document = documents.get("answer", feed.url, lambda body: check(body, feed.kind))
    return Answer(document.body, document.received_at, check(document.body, feed.kind)), []
