"""Telling Dagster what is collected: where $DAGSTER_HOME says that there is one, files, loads and builds become events of assets.

The events go, a line of JSON each, to a process that has Dagster imported (orchestration/report.py). It may be slow, and it may
die: nothing here waits for it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

COMMAND = (sys.executable, "-P", "-m", "orchestration.report")
DAGSTER_HOME = "DAGSTER_HOME"
TOLD = ("landed", "load", "load_failed", "build", "build_failed")
# What a pipe takes whole or not at all.
_LONGEST = 4096
_PATIENCE = 5.0
_AGAIN = 60.0


class Reporter:
    """Hands on the events that are of interest, as Events tells them."""

    def __init__(self, environment: Mapping[str, str], command: Sequence[str] = COMMAND) -> None:
        self._environment, self._command = environment, [*command]
        self._start()

    def _start(self) -> None:
        self._started_at = time.monotonic()
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us
        )
        assert self._process.stdin is not None
        self._pipe = self._process.stdin
        os.set_blocking(self._pipe.fileno(), False)

    def __call__(self, event: str, fields: Mapping[str, str]) -> None:
        """What cannot be told is not: it is in the log. One that has died is started again, once a minute at most."""
        if event not in TOLD:
            return
        line = json.dumps({"event": event, **fields}).encode() + b"\n"
        if len(line) > _LONGEST:
            return
        with contextlib.suppress(OSError, ValueError):
            try:
                os.write(self._pipe.fileno(), line)
            except BrokenPipeError:
                if time.monotonic() - self._started_at >= _AGAIN:
                    self.end()
                    self._start()
                    os.write(self._pipe.fileno(), line)

    def end(self) -> None:
        with contextlib.suppress(OSError):
            self._pipe.close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
