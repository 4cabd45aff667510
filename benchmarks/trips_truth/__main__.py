"""`python -m benchmarks.trips_truth`: simulate, load, build, compare, write docs/trips.md and its picture.

Two worlds: one whose feed is sound (bikes flicker, as in any feed), and a shorter one whose feed drops stations and lists bikes
twice. What was simulated and loaded in the work folder before is not done again, unless the code that did it has changed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import closing
from pathlib import Path

from benchmarks.trips_truth import world
from benchmarks.trips_truth.figures import Watched, watched
from benchmarks.trips_truth.matching import read_rows
from benchmarks.trips_truth.page import PICTURE, write_page
from benchmarks.trips_truth.plots import recall_and_precision
from benchmarks.trips_truth.truth import read_world
from velib.postgres.database import connect

FAULTY_DAYS = 2
DROPOUTS_A_DAY = 150
TWICE = 0.02


def main() -> None:
    """Do it all."""
    options = _options()
    work: Path = options.work.resolve()
    days = options.days
    size = {"stations": options.stations, "bikes": options.bikes, "seed": options.seed}
    sound = _watch(work, f"sound_{_name(size, days)}", size, days)
    faulty_days = min(days, FAULTY_DAYS)
    faults = {"dropouts": DROPOUTS_A_DAY * faulty_days, "twice": TWICE}
    faulty = _watch(work, f"faulty_{_name(size, faulty_days)}", size, faulty_days, **faults)
    write_page(options.page, {**size, "days": days, "faulty_days": faulty_days, **faults}, sound, faulty)
    picture = options.page.parent / PICTURE
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_text(recall_and_precision(sound), encoding="utf-8")
    _say(f"{options.page} and {picture} written")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("--stations", type=int, default=300)
    parser.add_argument("--bikes", type=int, default=3000)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--work", type=Path, default=root / ".velib-truth", help="For archives and warehouses; 2.5 GB.")
    parser.add_argument(
        "--page", type=Path, default=root / "docs" / "trips.md", help="Its marked sections are renewed."
    )
    return parser.parse_args()


def _name(size: dict[str, int], days: int) -> str:
    return f"{size['stations']}_{size['bikes']}_{days}_{size['seed']}"


def _watch(
    work: Path, name: str, size: dict[str, int], days: int, dropouts: int = 0, twice: float = 0.0
) -> list[Watched]:
    """A world from its simulation to the comparison, at every cadence."""
    folder = work / name
    world.use_own_warehouse(folder / "home")
    world.forget_what_others_made(folder)
    began = time.monotonic()
    archive = world.simulate(folder / "archive", **size, days=days, dropouts=dropouts, twice=twice)
    folders = world.cadences(archive)
    _say(f"{name}: simulated, {time.monotonic() - began:.0f} s")
    done = folder / "built.json"
    try:
        if not done.exists():
            world.load_and_build(folders)
            done.write_text(json.dumps({"seconds": round(time.monotonic() - began)}))
            _say(f"{name}: loaded and built, {time.monotonic() - began:.0f} s")
        truth = read_world(archive)
        with closing(connect("velib trips against the truth")) as connection:
            found = [
                watched(minutes, truth, world.capture_times(own), read_rows(connection, world.feed_of(minutes)))
                for minutes, own in folders.items()
            ]
    finally:
        world.stop_server()
    _say(f"{name}: compared, {time.monotonic() - began:.0f} s")
    return found


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
