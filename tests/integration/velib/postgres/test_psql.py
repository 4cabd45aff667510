"""`velib db psql` on a terminal: what is wide is laid out, and no pager opens that nobody asked for."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from velib.core import settings

WIDE = "select " + ", ".join(f"repeat('x', 30) as column_{number}" for number in range(20))


@pytest.mark.parametrize("asked", [False, True])
def test_a_pager_opens_for_who_asks(asked: bool, fresh_database: str, tmp_path: Path) -> None:
    pager = tmp_path / "pager"
    pager.write_text(f"#!/bin/sh\ntouch {tmp_path}/opened\ncat\n")
    pager.chmod(0o755)
    environment = {
        **os.environ,
        settings.DATABASE_URL: fresh_database,
        "PAGER": str(pager),
        "TERM": "xterm",
        "COLUMNS": "80",
        "LINES": "24",
    }
    if asked:
        environment["PSQL_PAGER"] = str(pager)
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen:
        done = subprocess.Popen(
            [sys.executable, "-m", "velib.cli.main", "db", "psql", "-c", WIDE],
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        shown = b""
        try:
            while read := screen.read(65536):
                shown += read
        except OSError:  # on Linux, the end of a terminal's output
            pass
        assert done.wait(60) == 0, shown
    assert (tmp_path / "opened").exists() == asked
    assert b"RECORD 1" in shown, "wider than the terminal: a line a column"
