"""The live case: how long it takes until a verb does anything, and until one new file is in the mart; and where the time goes.

A new file is the last loaded snapshot but one, under the name of the minute after the last: as many changes as any minute has.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

from benchmarks.bench import database, processes
from benchmarks.bench.context import Bench
from benchmarks.bench.dbt_log import last_build
from benchmarks.bench.table import Row
from velib.core import settings
from velib.simulator.archive import file_name

HELP_GOAL, LOAD_GOAL, BOTH_GOAL = 0.3, 2.0, 8.0
HELP_RUNS = 9
RUNS = 3


def startup(bench: Bench) -> Iterator[Row]:
    """On the warehouse with the longest history; what it loads stays there."""
    bench.use_built()
    python = [sys.executable, "-c"]
    starts = [processes.run([*python, "pass"], os.environ).seconds for _ in range(HELP_RUNS)]
    helps = [bench.velib("--help").seconds for _ in range(HELP_RUNS)]
    yield Row("startup", "velib --help", median(helps), "s", "python", median(starts), goal=HELP_GOAL, is_part_of=True)

    folder = settings.velib_home() / "new"  # beside the warehouse: the next load has to find them
    folder.mkdir(exist_ok=True)
    loads, builds, steps, dbt = [], [], [], []
    for _ in range(RUNS):
        command = [sys.executable, "-m", "benchmarks.bench.load_steps", str(time.time()), str(_new_file(folder))]
        told = processes.run(command, os.environ, settings.project_root())
        steps.append(json.loads(told.output.splitlines()[-1]))
    bench.velib("build")
    for _ in range(RUNS):
        loads.append(bench.velib("load", str(_new_file(folder))).seconds)
        builds.append(bench.velib("build").seconds)
        dbt.append(_dbt_steps(builds[-1]))
    bench.details["startup"] = {"loads_s": loads, "builds_s": builds, "load_steps_s": steps, "dbt_s": dbt}
    yield Row("startup", "velib load of one new file", median(loads), "s", goal=LOAD_GOAL)
    yield from _parts("of a load", steps)
    yield Row("startup", "velib build of it", median(builds), "s")
    yield from _parts("of a build", dbt)
    both = [load + build for load, build in zip(loads, builds, strict=True)]
    yield Row("startup", "load + build of one new file", median(both), "s", goal=BOTH_GOAL)


def _parts(of: str, found: list[dict[str, float]]) -> Iterator[Row]:
    for name in found[0]:
        yield Row("startup", f"  {of}: {name}", median(each.get(name, 0.0) for each in found), "s")


def _new_file(folder: Path) -> Path:
    """The minute after the last snapshot."""
    ((last_at, _), (_, path)) = database.rows(
        "select snapshot_at, file from raw.snapshots order by snapshot_at desc, change_set_id desc limit 2"
    )
    assert isinstance(last_at, datetime)
    new = folder / file_name(last_at + timedelta(minutes=1))
    shutil.copy(path, new)
    return new


def _dbt_steps(whole: float) -> dict[str, float]:
    """What the nodes took by dbt's own account, two of them at a time, and the process around them."""
    build = last_build()
    return {
        "models and seeds, added up": sum(build.models.values()),
        "tests, added up": sum(build.tests.values()),
        "dbt's run, from the first node to the last": build.seconds,
        "start of dbt, and its end": whole - build.seconds,
    }
