"""Forks of this process that run a function and then end, as a new process would that had done the same."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO


class Forked:
    """A fork, with as much of subprocess.Popen as its starter needs: what it says on `stdout`, how it ends in `returncode`."""

    def __init__(
        self, run: Callable[[], object], cwd: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        reading, writing = os.pipe()
        # Of its own reading end it would never hear that nobody reads any more.
        self.pid = fork(run, writing, cwd, environment, closing=(reading,))
        os.close(writing)
        self.stdout: TextIO = os.fdopen(reading, encoding="utf-8", errors="replace")
        self.returncode: int | None = None

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, *_: object) -> None:
        self.stdout.close()
        self.wait()

    def wait(self) -> int:
        if self.returncode is None:
            _, status = os.waitpid(self.pid, 0)
            self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def fork(
    run: Callable[[], object],
    output: int,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    new_session: bool = False,
    closing: Sequence[int] = (),
) -> int:
    """Run it in a fork, what it says going to the descriptor `output`. Returns the fork's pid, to be waited for.

    `closing` are descriptors that are none of the fork's business. To be called where this process has one thread.
    SystemExit says how the fork ends, as it does elsewhere.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        for descriptor in closing:
            os.close(descriptor)
        _become(output, cwd, environment, new_session)
        code = _result(run)
    except BaseException:  # noqa: BLE001  # nothing of this may reach the code that our parent is in
        traceback.print_exc()
    finally:
        _end(code)
    raise AssertionError("the fork has ended")


def _become(output: int, cwd: Path | None, environment: Mapping[str, str] | None, new_session: bool) -> None:
    """What makes a new process of a fork."""
    if new_session:
        os.setsid()
    for name in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
        signal.signal(name, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, number in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(descriptor, number)
    for descriptor in {nothing, output} - {0, 1, 2}:
        os.close(descriptor)
    if cwd is not None:
        os.chdir(cwd)
    if environment is not None:
        os.environ.clear()
        os.environ.update(environment)
    gc.enable()


def _result(run: Callable[[], object]) -> int:
    try:
        run()
    except SystemExit as end:
        if isinstance(end.code, int):
            return end.code
        if end.code is None:
            return 0
        print(end.code, file=sys.stderr)  # noqa: T201  # as Python does
        return 1
    return 0


def _end(code: int) -> None:
    """As Python ends, without taking apart what it holds, which would copy what is shared with our parent."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001  # whoever read us may be gone
        code = code or 1
    finally:
        os._exit(code)
