"""A tick of `velib poll` from Dagster: as a process, since its log is rid of secrets and its end is certain."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from velib.core import settings

COMMAND = (sys.executable, "-P", "-m", "velib.cli.main", "poll", "--no-load")
_LANDED = re.compile(r" event=landed (?=.*\bfeed=(\S+))(?=.*\bbytes=(\d+))")


@dataclass(frozen=True)
class Ticked:
    """What a tick came to. That a feed did not answer is no failure where others did: it is a line in the log, and a gap."""

    landed: tuple[tuple[str, int], ...]
    exit_code: int
    last_line: str = ""

    @property
    def failure(self) -> str | None:
        return None if self.exit_code == 0 or self.landed else self.last_line or f"exit code {self.exit_code}"

    def metadata(self) -> dict[str, Any]:
        return {
            "files": len(self.landed),
            "bytes": sum(size for _, size in self.landed),
            "feeds": ", ".join(feed for feed, _ in self.landed),
            "is_complete": self.exit_code == 0,
        }


def tick(log: Callable[[str], None], command: Iterable[str] = COMMAND) -> Ticked:
    process = subprocess.Popen(
        [*command],
        env=settings.child_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    assert process.stdout is not None
    landed, line = [], ""
    try:
        for line in process.stdout:
            log(line.rstrip())
            if found := _LANDED.search(line):
                landed.append((found[1], int(found[2])))
        code = process.wait()
    finally:
        if process.poll() is None:  # the run was ended
            process.terminate()
            process.wait()
    return Ticked(tuple(landed), code, line.strip())
