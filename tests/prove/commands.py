"""The `velib` command as a process of its own: run to its end, or killed at a moment after it has come to the database."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time

from velib.core import settings
from velib.postgres.database import connect

PATIENCE = 600


class ProofError(Exception):
    """Something failed that never may, whatever was killed before."""


class Velib:
    """`velib ARGUMENTS`, started."""

    def __init__(self, *arguments: str) -> None:
        self.name = f"velib {arguments[0]}"
        # Not a pipe: one that nobody reads blocks its writer.
        self.output = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 (gone with us)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "velib.cli.main", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            cwd=settings.project_root(),
            start_new_session=True,  # a group of its own, to be killed whole
        )

    def finish(self, what: str = "", allowed: tuple[int, ...] = (0,)) -> str:
        """Wait for its end, and return what it said. Raises ProofError when it failed."""
        try:
            self.process.wait(timeout=PATIENCE)
        except BaseException:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise
        self.output.seek(0)
        said = self.output.read()[-4000:]
        if self.process.returncode not in allowed:
            raise ProofError(f"{self.name} {what} ended with {self.process.returncode}:\n{said}")
        return said

    def kill(self, session: str, after: float, whole_group: bool) -> bool:
        """Kill it so many seconds after its session has come to the database. Whether it was still alive then."""
        self.wait_for(session)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(after)
        alive = self.process.poll() is None
        if alive and whole_group:
            os.killpg(self.process.pid, signal.SIGKILL)
        elif alive:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        return alive

    def wait_for(self, session: str) -> None:
        """Until there is a session of that name in the database, or the process has ended."""
        give_up = time.monotonic() + PATIENCE
        with contextlib.closing(connect("proof", autocommit=True)) as connection, connection.cursor() as cursor:
            while self.process.poll() is None and time.monotonic() < give_up:
                cursor.execute("select from pg_stat_activity where application_name = %s", (session,))
                if cursor.rowcount:
                    return
                time.sleep(0.02)
