"""Verbs without the start of a process: one that has imported what they need is forked for each.

`Warm` is the side that asks; `python -P -m velib.cli.fork_server` is the one that forks. It imports what the verb before has
imported, and when that was a build it parses the dbt project (dbt_process.warm_up), all after the verb has ended: nobody
waits for it. A fork is a process like any other: it can be killed, and its memory goes with it. The one that forks does nothing
else, so nothing gathers in it. It ends with the one who asked.

It holds the project as it was parsed. When the files of dbt change it ends, and the next request starts another. A new version
of our own code is seen by neither side before they are started again.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from typing import BinaryIO

from velib.building import dbt_process
from velib.core import settings
from velib.core.forking import fork

COMMAND = (sys.executable, "-P", "-m", "velib.cli.fork_server")
_LONGEST_REQUEST = 1024 * 1024
_PATIENCE = 5.0
_NO_MODULES = {"__main__", "__mp_main__"}


class Warm:
    """Runs verbs, one at a time, in forks of a process that it starts when it is first asked."""

    def __init__(self, environment: Mapping[str, str], command: Sequence[str] = COMMAND) -> None:
        """`environment` is that of the verbs."""
        self._environment, self._command = dict(environment), list(command)
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def start(self, arguments: Sequence[str]) -> Verb | None:
        """`velib ARGUMENTS` in a session of its own; None where that process is not to be had: then start the verb itself."""
        for _ in range(2):  # the one that is there may have ended, because it was out of date
            with contextlib.suppress(OSError, ValueError):
                return self._ask(arguments)
            self.end()
        return None

    def end(self) -> None:
        """End the process that forks, and a verb under way with it."""
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.shutdown(socket.SHUT_RDWR)  # whoever waits for an answer has one
            self._control.close()
        if self._server is not None:
            try:
                self._server.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        self._control = self._server = None

    def _ask(self, arguments: Sequence[str]) -> Verb:
        if self._control is None:
            self._start()
        assert self._control is not None
        reading, writing = os.pipe()
        try:
            request = json.dumps(list(arguments)).encode() + b"\n"
            socket.send_fds(self._control, [request], [writing])
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        answers = self._control.makefile("rb")
        try:
            pid = int(answers.readline())
        except BaseException:
            os.close(reading)
            raise
        return Verb(pid, reading, answers)

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._server = subprocess.Popen(
                [*self._command, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=self._environment,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for whoever asks
            )
        self._control = ours


class Verb:
    """A verb under way, with as much of subprocess.Popen as is needed to see it out, or to end it."""

    def __init__(self, pid: int, output: int, answers: BinaryIO) -> None:
        self.pid = pid
        self.returncode = 0
        self._output, self._answers = output, answers
        self._ended = threading.Event()

    def communicate(self) -> tuple[str, None]:
        """What it says, when it has ended."""
        with os.fdopen(self._output, "rb") as output, self._answers as answers:
            said = output.read().decode("utf-8", "replace")
            line = answers.readline()
        if line:
            self.returncode = int(line)
        else:  # the one that forked us was killed: whether the fork lives on, nobody would know
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            self.returncode = -signal.SIGKILL
        self._ended.set()
        return said, None

    def poll(self) -> int | None:
        return self.returncode if self._ended.is_set() else None

    def wait(self, timeout: float) -> int:
        """For another thread than the one that communicates."""
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired("velib", timeout)
        return self.returncode


# --- the process that forks ---------------------------------------------------------------------------------------------


def serve(control: socket.socket) -> None:
    """Fork for each request, until whoever asks has gone or what is held is out of date."""
    while True:
        request, descriptors, _, _ = socket.recv_fds(control, _LONGEST_REQUEST, 1)
        if not request or len(descriptors) != 1:
            return
        arguments = json.loads(request)
        with tempfile.TemporaryFile() as imported:
            run = partial(_verb, arguments, imported)
            pid = fork(run, descriptors[0], new_session=True, closing=(control.fileno(),))
            os.close(descriptors[0])
            control.sendall(b"%d\n" % pid)
            _, status = os.waitpid(pid, 0)
            control.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
            imported.seek(0)
            modules = imported.read().decode().split()
        if not _prepare(arguments, modules):
            return


def _verb(arguments: Sequence[str], imported: BinaryIO) -> None:
    """In the fork: the verb, and which modules it has imported."""
    from velib.cli.main import velib

    try:
        velib(prog_name="velib", args=list(arguments))
    finally:
        imported.write("\n".join(sys.modules).encode())
        imported.flush()


def _prepare(arguments: Sequence[str], modules: Sequence[str]) -> bool:
    """Have at hand what the verb had to make for itself. False when this process is not fit to go on."""
    for name in modules:
        if name not in sys.modules and name not in _NO_MODULES:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    if arguments[:1] == ["build"] and not dbt_process.warm_up():
        return False
    gc.collect()
    gc.freeze()  # so that a fork that looks for garbage copies none of it
    return threading.active_count() == 1


def main() -> None:
    settings.switch_telemetry_off()
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        serve(control)


if __name__ == "__main__":
    main()
