"""The processes of a soak: the collector, Dagster, the database. Started again when they die; killed on demand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from benchmarks.bench.processes import tree
from velib.core import settings
from velib.postgres.server import Server

_AGAIN_SECONDS = 2.0
_ENDING_SECONDS = 30.0


class Service:
    """A program that is to run all the time. What it says goes to a file."""

    def __init__(self, name: str, command: Sequence[str], environment: dict[str, str], log: Path) -> None:
        self.name, self.command, self.environment, self.log = name, list(command), environment, log
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._over = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name=f"keeps {name}", daemon=True)

    def start(self) -> None:
        self._launch()
        self._keeper.start()

    @property
    def processes(self) -> list[int]:
        """It and all that it has started."""
        return tree(self._process.pid) if self._process is not None and self._process.poll() is None else []

    def kill(self) -> None:
        """This process alone, as the kernel does that is out of memory."""
        if self._process is not None:
            self._process.kill()

    def end(self) -> int:
        """Ask it to end, for good. Returns its exit code."""
        self._over.set()
        self._keeper.join()
        assert self._process is not None
        if self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                return self._process.wait(_ENDING_SECONDS)
            kill(tree(self._process.pid))
        return self._process.wait()

    def _launch(self) -> None:
        log: IO[bytes] = self.log.open("ab")
        with log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=settings.project_root(),
                env=self.environment,
                start_new_session=True,
            )
        self.starts += 1

    def _keep(self) -> None:
        assert self._process is not None
        while not self._over.wait(0.2):
            if self._process.poll() is not None and not self._over.wait(_AGAIN_SECONDS):
                self._launch()


def with_words(processes: Sequence[int], words: str) -> list[int]:
    """Those whose command line has these words."""
    found = []
    for each in processes:
        with suppress(OSError):
            if words in Path("/proc", str(each), "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"):
                found.append(each)
    return found


def kill(processes: Sequence[int]) -> None:
    """Without a word."""
    for each in processes:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def crash(server: Server) -> None:
    """The database is gone from one moment to the next."""
    pid = server.status().pid
    if pid is not None:
        kill(tree(pid))


def velib(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "velib.cli.main", *arguments]


def run(command: Sequence[str], environment: dict[str, str] | None = None, allowed: Sequence[int] = (0,)) -> str:
    """Run to its end. Returns what it said. Raises RuntimeError when it fails."""
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=settings.project_root(),
        env=environment or settings.child_environment(),
    )
    if done.returncode not in allowed:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout.strip()


def wait_until(happened: Callable[[], bool], seconds: float, what: str) -> None:
    """Raises RuntimeError when it does not happen in time."""
    give_up = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > give_up:
            raise RuntimeError(f"{what}: not in {seconds:.0f} s")
        time.sleep(0.5)
