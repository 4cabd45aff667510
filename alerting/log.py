"""What alerts say of themselves, and the receiver `log`: a line an event, `key=value` each, at the level of its severity."""

from __future__ import annotations

import json
import logging
import sys
import time

_LOGGER = logging.getLogger("velib.alerts")
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.ERROR}


def log(severity: str, event: str, **fields: object) -> None:
    """Say one line."""
    said = [f"event={event}"]
    for name, value in fields.items():
        text = "".join(each if each.isprintable() else " " for each in str(value))
        is_word = text and not any(each in " \"'" for each in text)
        said.append(f"{name}={text if is_word else json.dumps(text, ensure_ascii=False)}")
    _LOGGER.log(_LEVELS[severity], "%s", " ".join(said))


def to_stderr() -> None:
    """Send the lines to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter("time=%(asctime)sZ level=%(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    _LOGGER.handlers = [handler]
    _LOGGER.propagate = False
    _LOGGER.setLevel(logging.INFO)
