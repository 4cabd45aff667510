"""What follows a tick: `velib load` of what was written, then `velib build`. Each in a process of its own.

A process can be ended at once, whatever it waits for, and takes its memory with it; both verbs stand being killed at any
moment. One pass at a time: what a tick writes while one is under way, the next one loads. Where passes follow one another, the
processes are forks of one that is kept warm (velib/cli/fork_server.py), and not every build runs the data tests.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from velib.cli.fork_server import COMMAND, Verb, Warm
from velib.collecting.backlog import Backlog
from velib.collecting.events import Events
from velib.collecting.landing import Landing
from velib.core import settings
from velib.monitoring.alerts import failures

# What a child is asked to end with, and for how many seconds it is given to do so.
_ENDINGS = ((signal.SIGINT, 2.0), (signal.SIGINT, 2.0), (signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0))
_LINES = 5
# Running the data tests takes a third of a minute's build. Those that fail are run again by the next build.
TESTS_EVERY = 15 * 60.0


@dataclass(frozen=True)
class Followed:
    """What a pass came to, as exit codes; None where there was nothing to do."""

    load: int | None = None
    build: int | None = None

    @property
    def exit_code(self) -> int:
        codes = (self.load, self.build)
        if any(code not in (None, 0, 3) for code in codes):
            return 1
        return 3 if 3 in codes else 0


class Following:
    """Loads and builds what the backlog holds."""

    def __init__(
        self,
        landing: Landing,
        backlog: Backlog,
        events: Events,
        build: bool = True,
        command: Sequence[str] = (sys.executable, "-P", "-m", "velib.cli.main"),
        without: Iterable[str] = (),
        afterwards: Callable[[], object] | None = None,
    ) -> None:
        """`without` names variables of the environment that the children are not to see: secrets.

        `afterwards` ends each pass, whatever came of it: one that found nothing, too.
        """
        self.landing, self.backlog, self.events, self.build = landing, backlog, events, build
        self.command = list(command)
        self.without = frozenset(without)
        self.afterwards = afterwards
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | Verb | None = None
        self._ending = threading.Event()
        self._warm: Warm | None = None
        self._tested_at: float | None = None
        self._watch: threading.Thread | None = None

    def repeat(self, command: Sequence[str] = COMMAND) -> None:
        """More passes than one will follow: from now on each costs what it must."""
        self._warm = Warm(self._environment(), command)

    def run(self) -> Followed:
        """One pass. Raises nothing for what load and build can say."""
        followed = self._load_and_build()
        if self.afterwards is not None and not self._ending.is_set():
            self.afterwards()
        return followed

    def watch(self) -> None:
        """What ends each pass, beside one that takes long: it may be that which the alerts are to tell of."""
        if self.afterwards is None or self._ending.is_set() or (self._watch is not None and self._watch.is_alive()):
            return
        self._watch = threading.Thread(target=self.afterwards, name="alerts", daemon=True)
        self._watch.start()

    def _load_and_build(self) -> Followed:
        taken = self.backlog.take()
        folders = self.landing.loadable(taken)
        loaded = None
        if folders:
            loaded = self._verb("load", folders)
            if loaded not in (0, 3):
                return Followed(loaded)
            self.backlog.loaded(taken)
        if not self.build or self.backlog.is_built:
            return Followed(loaded)
        now = time.monotonic()
        is_tested = self._warm is None or self._tested_at is None or now - self._tested_at >= TESTS_EVERY
        built = self._verb("build", [] if is_tested else ["--no-tests"])
        if built == 0:
            self.backlog.built()
            if is_tested:
                self._tested_at = now
        return Followed(loaded, built)

    def end(self) -> None:
        """End what is under way, and start nothing more."""
        with self._lock:
            self._ending.set()
            child = self._child
        if child is not None:
            _end(child)
        if self._warm is not None:
            self._warm.end()

    def _environment(self) -> dict[str, str]:
        """That of the children: without the secrets."""
        return {name: value for name, value in settings.child_environment().items() if name not in self.without}

    def _start(self, arguments: Sequence[str]) -> subprocess.Popen[str] | Verb:
        if self._warm is not None and (verb := self._warm.start(arguments)) is not None:
            return verb
        return subprocess.Popen(
            [*self.command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=self._environment(),
            start_new_session=True,  # Ctrl-C is for us; we end it with all that it has started
        )

    def _verb(self, verb: str, arguments: Sequence[str]) -> int:
        with self._lock:
            if self._ending.is_set():
                return 1
            child = self._child = self._start([verb, *arguments])
        said, _ = child.communicate()
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        if child.returncode < 0:
            lines.append(f"{verb} was killed by signal {-child.returncode} (out of memory?)")
        if self._ending.is_set():
            self.events.info(f"{verb}_interrupted", next="what was done counts, the next run does the rest")
            return child.returncode
        if child.returncode == 0:
            self.events.info(verb, said=lines[-1] if lines else None)
        elif child.returncode == 3:
            self.events.warning(verb, said=" / ".join(lines[-_LINES:]), exit_code=3)
        else:
            self.events.error(f"{verb}_failed", said=" / ".join(lines[-_LINES:]), exit_code=child.returncode)
        last = lines[-1].removeprefix("error: ") if lines else "it says nothing"
        why = None if child.returncode in (0, 3) else self.events.shown(last)
        failures.note(verb, why, datetime.now(UTC))
        return child.returncode


def _end(child: subprocess.Popen[str] | Verb) -> None:
    for number, seconds in _ENDINGS:
        if child.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(seconds)
