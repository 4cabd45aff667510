"""The recordings as a live feed: each minute of the fast clock the next one, and for a while something else altogether."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import feed_server
from feed_server import Answer, Handler

from soak.clock import Speed

MINUTE = 60.0

# What a feed answers on its bad days.
FAULTS: dict[str, Answer] = {
    "500": feed_server.status(500),
    "502": feed_server.status(502, b"<html><body>Bad Gateway</body></html>", Content_Type="text/html"),
    "html": feed_server.ok(b"<!doctype html><title>Maintenance</title>" + b"<p>Back soon.</p>" * 50),
    "empty": feed_server.ok(b"[]"),
    "half": feed_server.half(b'[{"station": {"name": "Chaillot", ' * 500),
    "reset": feed_server.reset,
    "gibberish": feed_server.gibberish,
    "silent": feed_server.stuck,
    "busy": feed_server.status(429, Retry_After="300"),
}
# So often one of them in the best of times.
_SELDOM = 0.03


class Replay:
    """An answer for feed_server: what the feed says at this moment."""

    def __init__(self, recordings: Sequence[Path], clock: Path, seed: int) -> None:
        self.recordings, self.clock = recordings, clock
        self.fault: str | None = None  # a name of FAULTS, "any", or None: as good as it gets
        self.answered: Counter[str] = Counter()
        self._chance = random.Random(seed)

    def __call__(self, handler: Handler) -> None:
        fault = self._chance.choice(list(FAULTS)) if self.fault == "any" else self.fault
        if fault is None and self._chance.random() < _SELDOM:
            fault = self._chance.choice(["500", "half", "reset", "html"])
        self.answered[fault or "as recorded"] += 1
        if fault is not None:
            FAULTS[fault](handler)
            return
        number = int(Speed.read(self.clock).passed() // MINUTE)
        feed_server.replay(self.recordings[min(number, len(self.recordings) - 1)])(handler)
