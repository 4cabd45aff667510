"""What `velib poll` says: one line an event (velib/core/log_lines.py), at a level that says who should care.

| level | who should care |
|---|---|
| info | nobody: it went as it should |
| warning | nobody at once: a feed did not answer well, the next tick tries again |
| error | the operator: what was collected could not be kept, loaded or built |
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from velib.collecting.redaction import Redactor
from velib.core import log_lines

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
        shown = {name: self.shown(value) for name, value in fields.items() if value is not None}
        if self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", log_lines.line(event, shown))
        if self.listener is not None:
            self.listener(event, shown)

    def shown(self, value: object) -> str:
        """As it may be shown to anybody, in one line."""
        if isinstance(value, datetime):
            return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        if isinstance(value, float):
            return f"{value:.2f}"
        text = self.redactor(" ".join(str(value).split()))
        text = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
        if len(text) > _LONGEST:
            text = f"{text[: _LONGEST - 1]}…"
        return text


def to_stderr(level: str) -> None:
    """Send the log to standard error, from that level on."""
    log_lines.to_stderr(logging.getLogger("velib.poll"), level.upper())
    # Its warnings hold addresses; what they tell is in the errors that it raises.
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
