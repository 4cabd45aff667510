"""The database itself is out of reach: the gravest of all failed runs, of which nothing can be asked or remembered there.

So what is remembered is a small file in the home, while it lasts: since when, and who was told of it when. It is told by the rules
failed_run, again as they say, and when it is over.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from velib.core import files, settings
from velib.monitoring.alerts.configuration import Alerts, Receiver, Rule
from velib.monitoring.alerts.delivery import Outcome, Post
from velib.monitoring.alerts.messages import Message, Part
from velib.monitoring.alerts.state import Due, Incident

# A restart is none.
PATIENCE = timedelta(minutes=5)


class _Busy(Exception):  # noqa: N818
    """Another evaluation is at it."""


def tell(alerts: Alerts, why: str, now: datetime, post: Post | None = None) -> list[Outcome]:
    """Tell who has to be told that the database is out of reach. What came of it."""
    with _noted(make=True) as noted:
        if noted is None:
            return []
        since = min(_time(noted.get("since")) or now, now)  # the clock may have been set back
        noted["since"] = since.isoformat()
        if now - since < PATIENCE:
            return []

        def is_due(rule: Rule, receiver: str) -> bool:
            told_at = _time(noted.get("told", {}).get(rule.name, {}).get(receiver))
            return told_at is None or told_at > now or bool(rule.repeat and told_at <= now - rule.repeat)

        incident = Incident(0, "the database", why, since, since, None)
        outcomes = _deliver(alerts, Due(opened=(incident,)), is_due, post)
        for each in outcomes:
            if each.error is None:
                for rule in each.message.told:
                    noted.setdefault("told", {}).setdefault(rule, {})[each.receiver.name] = now.isoformat()
        return outcomes


def is_over(alerts: Alerts, now: datetime, post: Post | None = None) -> list[Outcome]:
    """The database was reached: tell those who were told that it was not."""
    if not _path().exists():
        return []
    with _noted(make=False) as noted:
        if noted is None:
            return []
        told, since = noted.get("told", {}), _time(noted.get("since")) or now
        incident = Incident(0, "the database", "", since, since, now)
        noted.clear()
        return _deliver(alerts, Due(recovered=(incident,)), lambda rule, name: name in told.get(rule.name, {}), post)


def _deliver(alerts: Alerts, due: Due, is_due: Callable[[Rule, str], bool], post: Post | None) -> list[Outcome]:
    messages: Mapping[Receiver, Sequence[Message]] = {
        receiver: [
            Message((Part(rule, due),), alerts.time_zone)
            for rule in alerts.rules
            if rule.kind == "failed_run" and receiver.name in rule.to and is_due(rule, receiver.name)
        ]
        for receiver in alerts.receivers
    }
    return list((post or Post()).deliver(messages))


@contextlib.contextmanager
def _noted(make: bool) -> Iterator[dict[str, Any] | None]:
    """What is noted, to be changed: written at the end, or deleted when it is empty. None where it cannot be kept: a message
    that nobody remembers would be sent each minute."""

    def refuse() -> None:
        raise _Busy

    path = _path()
    with contextlib.ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(files.locked(path.with_suffix(".lock"), refuse))
            noted = _read(path)
            if make:
                files.write_atomically(path, json.dumps(noted), mode=0o600)
        except (OSError, _Busy):
            yield None
            return
        yield noted
        with contextlib.suppress(OSError):
            if noted:
                files.write_atomically(path, json.dumps(noted), mode=0o600)
            else:
                path.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        noted = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None


def _path() -> Path:
    return settings.velib_home() / "database_out_of_reach.json"
