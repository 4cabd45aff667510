"""A log of one line an event, `key=value` each: what the lines look like and how they come to standard error."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping


def line(event: str, fields: Mapping[str, str]) -> str:
    """The fields must have nothing in them that a terminal would obey."""
    return " ".join([f"event={event}", *(f"{name}={_quoted(text)}" for name, text in fields.items())])


def _quoted(text: str) -> str:
    is_word = text and not any(each in " \"'" for each in text)
    return text if is_word else json.dumps(text, ensure_ascii=False)


def to_stderr(logger: logging.Logger, level: int | str) -> None:
    """Send a log to standard error, from that level on, each line with its time in UTC."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter("time=%(asctime)sZ level=%(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(level)
