"""Other processes: run one to its end with its time, and watch how much memory a tree of them takes."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

WATCH_EVERY_SECONDS = 0.05


class FailedError(Exception):
    """A command that was to succeed did not."""


@dataclass(frozen=True)
class Ran:
    """A process that came to its end."""

    seconds: float
    cpu_seconds: float
    """Its own and that of the children it waited for: not the database's."""
    output: str
    peak_bytes: int = 0
    """Of it and all its descendants together, shared memory shared out (PSS); 0 when nobody watched."""


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path | None = None,
    watch: bool = False,
    code: int = 0,
) -> Ran:
    """Run to the end. Raises FailedError with what it said when it ends with another code."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    with Watch(process.pid, enabled=watch) as seen, process.stdout:
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != code:
        raise FailedError(f"{' '.join(command)} ended with {process.returncode}:\n{output[-4000:]}")
    return Ran(seconds, usage.ru_utime + usage.ru_stime, output, seen.peak)


class Watch:
    """The most memory that a process and its descendants took together, looked at every 50 ms."""

    def __init__(self, root: int, enabled: bool = True) -> None:
        self.peak = 0
        self._root = root
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True) if enabled else None

    def __enter__(self) -> Watch:
        if self._thread:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread:
            self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(WATCH_EVERY_SECONDS):
            self.peak = max(self.peak, sum(map(pss_bytes, tree(self._root))))


def tree(root: int) -> list[int]:
    """The ids of a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for each in os.listdir("/proc"):
        if each.isdigit():
            with suppress(OSError):
                # the command's name stands in brackets and may hold anything; the parent is the second field after it
                parent = int(Path("/proc", each, "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(each))
    found = [root]
    for process in found:
        found += children.get(process, [])
    return found


def pss_bytes(process: int) -> int:
    """A process's proportional set size: what it shares with others counts by its share."""
    with suppress(OSError):
        for line in Path("/proc", str(process), "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0  # it has ended meanwhile
