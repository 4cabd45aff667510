"""Which processes belong to a data folder.

A process number proves nothing: after a kill -9 or a reboot another program may have it. Every process of PostgreSQL has its
data folder as its working directory, and that cannot be mistaken. Where there is no /proc (macOS), `ps` has to do.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

_PROC = Path("/proc/self/cwd").exists()


def is_ours(pid: int, data: Path) -> bool:
    """Whether process `pid` is alive and a PostgreSQL process of this data folder (a zombie is not alive)."""
    if not _PROC:
        return _command(pid).find(str(data)) >= 0
    try:
        place = os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return False
    return place == str(data) or place == os.path.realpath(data)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def left_over(data: Path) -> list[int]:
    """All living PostgreSQL processes of this data folder, found without their parent's help."""
    if not _PROC:
        return []
    data = Path(os.path.realpath(data))
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if is_ours(pid, data) and _runs_postgres(pid)]


def end_left_over(data: Path, patience: float) -> None:
    """See the processes of a dead postmaster out. They leave by themselves as soon as they look up from their query.

    One in a long query would keep us waiting for as long as that takes; its work is lost in any case, so it is ended.
    """
    for number in (None, signal.SIGQUIT, signal.SIGKILL):
        if number is not None:
            for pid in left_over(data):
                send(pid, number)
        if wait_until(lambda: not left_over(data), patience):
            return


def send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def wait_until(condition: Callable[[], bool], seconds: float, pause: float = 0.02) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True


def _runs_postgres(pid: int) -> bool:
    """Someone's shell may stand in the data folder too. (The server renames itself, so its executable is asked.)"""
    try:
        return Path(os.readlink(f"/proc/{pid}/exe")).name.startswith("postgres")
    except OSError:
        return _command(pid).startswith("postgres") or "/postgres" in _command(pid)


def _command(pid: int) -> str:
    done = subprocess.run(["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False)
    return done.stdout.strip()
