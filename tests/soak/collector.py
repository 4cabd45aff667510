"""`python -m soak.collector CLOCK ARGUMENTS…`: `velib ARGUMENTS`, with the collector's clock and time-outs running faster.

All else is as it always is: the same verb, processes, locks and files.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import velib.collecting.client
import velib.collecting.clock
from soak.clock import FastClock
from velib.cli.main import velib

# Seconds of the machine's: what a server on it may take when both cores are busy.
_TIMEOUTS = velib.collecting.client.Timeouts(connect=2.0, read=2.0, total=4.0)


def main() -> None:
    velib.collecting.clock.Clock = partial(FastClock, Path(sys.argv[1]))  # type: ignore[assignment, misc]
    velib.collecting.client.Timeouts = lambda: _TIMEOUTS  # type: ignore[assignment, misc]
    velib(prog_name="velib", args=sys.argv[2:])


if __name__ == "__main__":
    main()
