"""What `velib poll` says: one line an event, `key=value` each, at a level that says who should care.

| level | who should care |
|---|---|
| info | nobody: it went as it should |
| warning | nobody at once: a feed did not answer well, the next tick tries again |
| error | the operator: what was collected could not be kept, loaded or built |
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from collecting.redaction import Redactor

LEVELS = ("debug", "info", "warning", "error")
_LONGEST = 1000


class Events:
    """The log of one process. Every line is rid of secrets and of what a terminal would obey."""

    def __init__(self, redactor: Redactor | None = None, logger: logging.Logger | None = None) -> None:
        self.redactor = redactor or Redactor()
        self._logger = logger or logging.getLogger("velib.poll")
        self.listener: Callable[[str, Mapping[str, str]], object] | None = None  # hears each event, whatever the level

    def debug(self, event: str, **fields: Any) -> None:
        self._say(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: Any) -> None:
        self._say(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._say(logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._say(logging.ERROR, event, fields)

    def _say(self, level: int, event: str, fields: dict[str, Any]) -> None:
        shown = {name: self._shown(value) for name, value in fields.items() if value is not None}
        if self._logger.isEnabledFor(level):
            parts = [f"event={event}", *(f"{name}={_quoted(text)}" for name, text in shown.items())]
            self._logger.log(level, "%s", " ".join(parts))
        if self.listener is not None:
            self.listener(event, shown)

    def _shown(self, value: object) -> str:
        if isinstance(value, datetime):
            return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        if isinstance(value, float):
            return f"{value:.2f}"
        text = self.redactor(" ".join(str(value).split()))
        text = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
        if len(text) > _LONGEST:
            text = f"{text[: _LONGEST - 1]}…"
        return text


def _quoted(text: str) -> str:
    is_word = text and not any(each in " \"'" for each in text)
    return text if is_word else json.dumps(text, ensure_ascii=False)


def to_stderr(level: str) -> None:
    """Send the log to standard error, from that level on."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter("time=%(asctime)sZ level=%(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = _utc
    handler.setFormatter(formatter)
    logger = logging.getLogger("velib.poll")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(level.upper())
    # Its warnings hold addresses; what they tell is in the errors that it raises.
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)


def _utc(seconds: float | None) -> Any:
    return datetime.fromtimestamp(seconds or 0, UTC).timetuple()
