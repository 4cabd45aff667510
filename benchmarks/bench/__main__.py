"""`python -m benchmarks.bench`: measure, print the table."""

from __future__ import annotations

import argparse
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.bench.context import SIZES, Bench, say
from benchmarks.bench.growth import growth
from benchmarks.bench.load_and_build import build, load
from benchmarks.bench.memory import memory
from benchmarks.bench.processes import FailedError
from benchmarks.bench.queries import queries
from benchmarks.bench.refresh import refresh
from benchmarks.bench.size import size
from benchmarks.bench.startup import startup
from benchmarks.bench.table import Row, as_text, write_json
from velib.core.settings import project_root

PARTS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "load": load,
    "build": build,
    "growth": growth,
    "size": size,
    "queries": queries,
    "startup": startup,
    "refresh": refresh,
    "memory": memory,
}
"""In the order in which they run: what comes later looks at the warehouses that were made before."""


def main() -> int:
    """Measure what was asked for; whatever fails on the way, what was measured before is printed."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    work = _work_folder(options.work)
    archive = options.archive.resolve() if options.archive else work / "simulated"
    histories = options.histories.resolve() if options.histories else work / "histories"
    bench = Bench(
        SIZES[options.size], work, archive, histories, options.only, built=options.home and options.home.resolve()
    )
    about = {
        "size": options.size, "began_at": datetime.now(UTC), "cores": bench.cores, "machine": platform.machine(),
        "python": platform.python_version(), "parameters": asdict(bench.size),
    }  # fmt: skip
    rows: list[Row] = []
    began = time.monotonic()
    failed = 0
    try:
        for name in options.only:
            say(f"-- {name}, {time.monotonic() - began:.0f} s")
            rows += PARTS[name](bench)
    except FailedError as error:
        say(str(error))
        failed = 1
    finally:
        if options.json:
            write_json(options.json, about, rows, bench.details)
        bench.stop_all()
        if not options.keep:
            shutil.rmtree(work)
        if rows:
            print(as_text(f"size {options.size}, {bench.cores} cores, {time.monotonic() - began:.0f} s", rows))
    return failed


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    parser.add_argument("--size", choices=list(SIZES), default="small")
    parser.add_argument("--only", type=_parts, default=list(PARTS), metavar="PART,PART", help=", ".join(PARTS))
    parser.add_argument(
        "--work", type=Path, default=project_root() / ".velib-bench", help="Where a folder of this run is made."
    )
    parser.add_argument("--archive", type=Path, help="Take this archive of Paris, instead of simulating one.")
    parser.add_argument(
        "--histories", type=Path, help="Where histories are, or are to stay: see benchmarks.bench.histories."
    )
    parser.add_argument(
        "--home", type=Path, help="Of a built warehouse, for what looks at one: size, queries, startup, refresh."
    )
    parser.add_argument("--keep", action="store_true", help="Leave its archive and its warehouses there.")
    parser.add_argument("--json", type=Path, help="Write the figures there too.")
    return parser.parse_args()


def _parts(text: str) -> list[str]:
    asked = text.split(",")
    if unknown := [name for name in asked if name not in PARTS]:
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(unknown)}")
    return [name for name in PARTS if name in asked]


def _work_folder(root: Path) -> Path:
    """A new folder of this run in it: what is removed at the end is surely ours."""
    root.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="run-", dir=root)).resolve()


if __name__ == "__main__":
    sys.exit(main())
