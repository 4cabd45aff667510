"""What alerts say of themselves, and the receiver `log`: a line an event, at the level of its severity."""

from __future__ import annotations

import logging

from velib.core import log_lines

_LOGGER = logging.getLogger("velib.alerts")
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.ERROR}


def log(severity: str, event: str, **fields: object) -> None:
    """Say one line."""
    shown = {
        name: "".join(each if each.isprintable() else " " for each in str(value)) for name, value in fields.items()
    }
    _LOGGER.log(_LEVELS[severity], "%s", log_lines.line(event, shown))


def to_stderr() -> None:
    """Send the lines to standard error."""
    log_lines.to_stderr(_LOGGER, logging.INFO)
