"""`velib` as a process of its own session: started, stalled at a point that the test chooses, killed, or seen out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from velib.core import settings

# What a slow machine may take to get anywhere. Nothing waits so long unless something is broken.
PATIENCE = 120
_PAUSING = Path(__file__).with_name("pausing.py")

# With what a server's last words begin, line by line.
_LAST_WORDS = ("FATAL:", "WARNING:", "DETAIL:", "HINT:")


class Outcome(NamedTuple):
    """How a process ended."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that was said of a failure. Fails when it was no failure, or not one line."""
        assert self.code == 1, self
        assert "Traceback" not in self.err, self.err
        # The libpq inside the Arrow driver may print the server's last words itself, if it happens to read them.
        ours = [line for line in self.err.splitlines() if not line.startswith(_LAST_WORDS)]
        assert len(ours) == 1, self
        assert ours[0].startswith("error: "), self
        return ours[0]


class Velib:
    """One run of `velib`. `pause` is ("before" or "after", the number of the call, "module:function")."""

    def __init__(self, *arguments: str, pause: tuple[str, int, str] | None = None) -> None:
        command = ["-m", "velib.cli.main"] if pause is None else [str(_PAUSING), *map(str, pause)]
        self.process = subprocess.Popen(
            [sys.executable, *command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=settings.project_root(),
            start_new_session=True,
        )

    def wait_for(self, condition: Callable[[], object]) -> Velib:
        """Wait until the condition holds; fails when the process ends before."""
        give_up = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, f"it ended: {self.process.communicate()}"
            assert time.monotonic() < give_up, "it never came to this point"
            time.sleep(0.02)
        return self

    def wait_for_pause(self) -> Velib:
        return self.wait_for(lambda: _state(self.process.pid) == "T")

    def go_on(self) -> Velib:
        self.process.send_signal(signal.SIGCONT)
        return self

    def kill(self) -> None:
        """SIGKILL to the process and all that it started: as if the machine had gone down, but for the database."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()
        assert ended(self.session)

    def kill_alone(self) -> None:
        """SIGKILL to the process only. What it started is left to itself."""
        self.process.kill()
        self.process.wait()

    def outcome(self) -> Outcome:
        out, err = self.process.communicate(timeout=PATIENCE)
        return Outcome(self.process.returncode, out, err)

    def session(self) -> list[int]:
        """The living processes of this run, workers and dbt too, whoever their parent is by now."""
        return [pid for pid in _all_processes() if _session(pid) == self.process.pid]


def run(*arguments: str) -> Outcome:
    return Velib(*arguments).outcome()


def done(*arguments: str) -> Outcome:
    """Run `velib` and insist that it succeeds."""
    found = run(*arguments)
    assert found.code == 0, found
    return found


def ended(processes: Callable[[], list[int]]) -> bool:
    """Whether there are none of these processes any more, soon."""
    give_up = time.monotonic() + PATIENCE
    while processes():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True


def _all_processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _stat(pid: int) -> list[str]:
    """Of /proc/PID/stat what follows the name: state, parent, group, session, …"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _state(pid: int) -> str:
    return (_stat(pid) or [""])[0]


def _session(pid: int) -> int | None:
    found = _stat(pid)
    return int(found[3]) if found and found[0] not in "ZX" else None
