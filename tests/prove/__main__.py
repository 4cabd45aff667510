"""`make prove`: thousands of cases, a batch at a time, in a warehouse of its own.

make prove                        2,000 cases of a new seed
make prove N=300 SEED=7           300 cases of this seed
make prove SEED=7 CASE=41         case 41 of this seed alone (with its twin), by the same plan
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from prove.case import arrange_arrivals
from prove.commands import ProofError
from prove.history import make_plan
from prove.proof import BATCH, cases_of, prove, with_twin
from velib.core import settings
from velib.postgres.server import Server


def main() -> int:
    """Prove, and print what was proven."""
    options = _options()
    seed = random.SystemRandom().randrange(100_000) if options.seed is None else options.seed
    batches = [with_twin(options.case)] if options.case is not None else _batches(options.cases, options.first)
    for name in [name for name in os.environ if name.startswith("VELIB_")]:
        del os.environ[name]
    folder = Path(tempfile.mkdtemp(prefix="prove-"))
    folder.chmod(0o711)  # as root, the database's user has to pass through
    home, root = folder / "home", folder / "landing"
    os.environ[settings.HOME] = str(home)
    total: Counter[str] = Counter()
    failed, started = 0, time.monotonic()
    print(f"seed {seed}, in {folder}")
    try:
        for number, cases in enumerate(batches, 1):
            Server(home).start()
            begun = time.monotonic()
            try:
                result = prove(seed, cases, home, root, lambda line: print(line, flush=True))
            except ProofError as error:
                print(f"{error}\nreplay: make prove SEED={seed} N={len(cases)} FIRST={cases[0]}")
                failed += 1
                break
            total.update(result.counts)
            print(
                f"batch {number} of {len(batches)}: {_text(result.counts)}, {time.monotonic() - begun:.0f} s",
                flush=True,
            )
            for fault in result.faults:
                print(f"FAULT {fault}")
            if result.faults:
                failed += 1
                print(f"replay a case N named above: make prove SEED={seed} CASE=N", flush=True)
                if options.case is not None:
                    _print_history(seed, cases)
                break
    except BaseException:
        failed += 1
        raise
    finally:
        Server(home).stop()
        if failed:
            print(f"the warehouse stays in {folder}: VELIB_HOME={home}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{'FAILED' if failed else 'proven'}: {_text(total)}, seed {seed}, {time.monotonic() - started:.0f} s")
    return min(failed, 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make prove", description="Prove that the mart depends on the files alone.")
    parser.add_argument("--cases", type=int, default=2000, metavar="N", help="how many cases (%(default)s)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first case")
    parser.add_argument("--seed", type=int, help="replay the cases of this seed")
    parser.add_argument("--case", type=int, help="this case alone")
    return parser.parse_args()


def _batches(cases: int, first: int) -> list[list[int]]:
    found: list[list[int]] = []
    for number in range(first, first + cases):
        if not found or number % BATCH == 0:
            found.append([])
        found[-1].append(number)
    return found


def _print_history(seed: int, numbers: Sequence[int]) -> None:
    """What a case is like, what is done to it, and when which of its files arrives."""
    plan = make_plan(seed, numbers[0] // BATCH)
    for number, step in enumerate(plan, 1):
        print(f"step {number}: {step}")
    for case in cases_of(seed, numbers):
        arrange_arrivals(seed, case, len(plan))
        print(f"case {case.number}: {case.shape}")
        for file in sorted(case.files, key=lambda each: each.arrivals):
            print(f"  steps {[arrival + 1 for arrival in file.arrivals]}: {file.path}")


def _text(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()) if count)


if __name__ == "__main__":
    sys.exit(main())
