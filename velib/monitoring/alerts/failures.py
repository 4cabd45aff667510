"""Loads and builds that failed, as whoever started them saw it: what failed before it came to the database left no trace there.

One small file in the home. `velib poll` writes it, the rule failed_run reads it. It can be lost: the next failure is noted again.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from velib.core import settings
from velib.core.files import write_atomically

# A poll tries again at least once a day. What was noted before that is of one that was ended since.
_STANDS = timedelta(hours=25)


@dataclass(frozen=True)
class Failure:
    """The latest runs of a verb all failed: since when, the last one when and why."""

    verb: str
    why: str
    since: datetime
    last_at: datetime


def note(verb: str, why: str | None, now: datetime) -> None:
    """A run of the verb has ended: why it failed, None when it did not."""
    noted = _noted()
    if why is None:
        if noted.pop(verb, None) is None:
            return
    else:
        before = noted.get(verb)
        since = before["since"] if before is not None else now.isoformat()
        noted[verb] = {"why": why, "since": since, "last_at": now.isoformat()}
    path = _path()
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        write_atomically(path, json.dumps(noted), mode=0o600)


def standing(now: datetime) -> list[Failure]:
    """The failures that no later run of the same verb has made up for, as far as was noted."""
    found = [
        Failure(verb, each["why"], *(datetime.fromisoformat(each[name]) for name in ("since", "last_at")))
        for verb, each in _noted().items()
    ]
    return [each for each in found if now - each.last_at < _STANDS]


def _noted() -> dict[str, Any]:
    try:
        noted = json.loads(_path().read_bytes())
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _path() -> Path:
    return settings.velib_home() / "poll" / "failed.json"
