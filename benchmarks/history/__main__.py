"""`python -m benchmarks.history FOLDER`: so many snapshots straight into the warehouse at hand, then so many as files."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import datetime
from pathlib import Path

from benchmarks.history.run import History
from velib.simulator.config import CityConfig

SAY_EVERY = 1_440


def main() -> None:
    options = _options()
    total = options.snapshots + options.files
    config = CityConfig(total, options.bikes, options.stations, datetime.fromisoformat(options.start), options.seed)
    history = History(config, options.folder)
    began = time.monotonic()

    def say(number: int) -> None:
        if number % SAY_EVERY == SAY_EVERY - 1:
            seconds = time.monotonic() - began
            print(f"{number + 1:,} snapshots, {1000 * seconds / (number + 1):.2f} ms each", file=sys.stderr, flush=True)

    late = history.straight(options.snapshots, options.left_out, progress=say)
    seconds = time.monotonic() - began
    print(f"{options.snapshots:,} snapshots in {seconds:.1f} s ({1000 * seconds / options.snapshots:.2f} ms each)")
    for path in late:
        print(f"left out: {path}")
    if options.files:
        print(f"as files: {history.as_files(options.files, 'next')}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history", description=__doc__)
    parser.add_argument("folder", type=Path, help="For the few snapshots that are files.")
    parser.add_argument("--snapshots", type=int, required=True, help="Straight into the database, one a minute.")
    parser.add_argument("--files", type=int, default=0, help="As files, after them.")
    parser.add_argument("--left-out", type=int, nargs="*", default=[], metavar="NUMBER", help="For a late file each.")
    parser.add_argument("--stations", type=int, default=1_485)
    parser.add_argument("--bikes", type=int, default=15_000)
    parser.add_argument("--start", default="2025-06-02", help="Local Paris time of the first snapshot.")
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args()


if __name__ == "__main__":
    main()
