"""A random way of loading and building the files of many cases: late files, repairs, kills, restarts, two loads at once,
files put into containers, change sets pruned.

A plan says what is done, a history does it. At its end all files are there, loaded and built; whatever happened before
may not matter.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ingestion.landing import landing_zone
from ingestion.landing.capture_time import from_name
from ingestion.loading import load as loading
from ingestion.retention import compacting
from ingestion.retention.pruning import prune
from prove.case import Case, CaseFile, arrange_arrivals, write
from prove.commands import Velib
from velib.postgres.database import connect
from velib.postgres.server import Server

# Builds make no data tests here: those run once, at the end.
# Time stamps long past, so that they are trusted; each content has one of its own.
OLD = 1_700_000_000
DISTURBANCES = ("restart", "crash", "no_dlt_folder", "files_away", "clean", "trips_anew")

# How many of the plans prune.
PRUNED = 0.6


@dataclass(frozen=True)
class Step:
    """Files arrive; then the disturbances, the load, the build, in this order."""

    disturbances: tuple[str, ...]
    load: str  # "plain", "two" at once, "killed", "none"
    build: str  # "none", "whole", "meanwhile" (others are loaded meanwhile), "killed", "orphaned" (dbt lives on)
    moments: tuple[float, float]  # when the load and the build are killed, as a share of their usual time
    keeping: tuple[str, ...] = ()  # at its end: "compact", "prune"


def make_plan(prove_seed: int, batch: int) -> list[Step]:
    """The steps before everything that is left is loaded and built."""
    rnd = random.Random(f"{prove_seed} {batch} plan")
    loads = ["killed", "killed", "two", "plain", *rnd.sample(["plain", "killed", "none"], rnd.randint(0, 1))]
    builds = ["whole", "meanwhile", rnd.choice(["killed", "orphaned"]), "killed"]
    builds += ["none"] * (len(loads) - len(builds))
    rnd.shuffle(loads)
    rnd.shuffle(builds)
    where = {name: rnd.randrange(1, len(loads)) for name in DISTURBANCES}
    keeping = random.Random(f"{prove_seed} {batch} keeping")
    compacts = {keeping.randrange(len(loads)) for _ in range(2)}
    prunes = {keeping.randrange(len(loads) - 1)} if keeping.random() < PRUNED else set()
    return [
        Step(
            tuple(name for name in DISTURBANCES if where[name] == number),
            load,
            build,
            (rnd.uniform(0, 1), rnd.uniform(0, 0.9)),
            ("compact",) * (number in compacts) + ("prune",) * (number in prunes),
        )
        for number, (load, build) in enumerate(zip(loads, builds, strict=True))
    ]


@dataclass
class History:
    """The files of some cases on their way into the mart."""

    prove_seed: int
    home: Path
    root: Path
    cases: Sequence[Case]
    plan: Sequence[Step]
    say: Callable[[str], None]
    counts: Counter[str] = field(default_factory=Counter)
    arrived: list[Path] = field(default_factory=list)
    seconds_a_file: float = 0.004
    seconds_a_build: float = 5.0  # once dbt has come to the database
    step: int = 0

    def __post_init__(self) -> None:
        # What concerns a case alone follows from its own number, so that it is the same when the case is replayed alone.
        self.rnd = random.Random(f"{self.prove_seed} {self.cases[0].number} history")
        for case in self.cases:
            arrange_arrivals(self.prove_seed, case, len(self.plan))

    def run(self) -> None:
        for number, step in enumerate(self.plan):
            self.step = number
            new = self._arrive(number)
            started = time.monotonic()
            with contextlib.ExitStack() as stack:
                for name in step.disturbances:
                    self._disturb(name, new, stack)
                paths = self._paths(new)
                share = 0.3 if step.build == "meanwhile" else 0
                later = [path for path in paths if self._chance(path, "later") < share]
                self._load(step, [path for path in paths if self._chance(path, "later") >= share])
            loaded = time.monotonic()
            self._build(step, later)
            self.say(
                f"  step {number + 1}: {len(new)} files, {'+'.join((*step.disturbances, 'load'))} {step.load} "
                f"{loaded - started:.1f} s, build {step.build} {time.monotonic() - loaded:.1f} s"
            )
            for name in step.keeping:
                started = time.monotonic()
                self._compact() if name == "compact" else self._prune(number)
                self.say(f"    {name}: {time.monotonic() - started:.1f} s")
        started = time.monotonic()
        self.load([str(self.root)])
        self.say(f"  what is left: load {time.monotonic() - started:.1f} s")
        self.build()

    # --- files ---------------------------------------------------------------------------------------------------------

    def _arrive(self, step: int) -> list[Path]:
        new: list[Path] = []
        for case in self.cases:
            for file in case.files:
                due = [version for version, arrival in enumerate(file.arrivals) if arrival == step]
                if due:
                    new.append(write(self.root, file, due[-1], self._stamp(case, file, due[-1])))
        self.arrived = sorted({*self.arrived, *new})
        return new

    def _stamp(self, case: Case, file: CaseFile, version: int) -> int | None:
        rnd = random.Random(f"{self.prove_seed} {case.number} {file.path} stamp")
        return None if rnd.random() < 0.2 else OLD + 100 * rnd.randrange(1_000_000) + version

    def _paths(self, new: Sequence[Path]) -> list[str]:
        """What the load is given: single files or whole feeds, in any order, some again, some not at all."""
        again = sorted(set(self.arrived) - set(new))
        named = [path for path in new if self._chance(path, "named") < 0.9]
        named += [path for path in again if self._chance(path, "named") < 0.1]
        named += [self._feed_folder(path) for path in new if self._chance(path, "whole feed") < 0.02]
        paths = sorted({str(path) for path in named if path.is_dir() or landing_zone.exists(str(path))})
        self.rnd.shuffle(paths)
        return paths

    def _chance(self, path: Path | str, what: str) -> float:
        """A number for a file in this step: the same when its case is replayed alone."""
        relative = Path(path).relative_to(self.root)
        return random.Random(f"{self.prove_seed} {relative} {self.step} {what}").random()

    def _feed_folder(self, path: Path) -> Path:
        return self.root / path.relative_to(self.root).parts[0]

    @contextlib.contextmanager
    def _away(self, new: Sequence[Path]) -> Iterator[None]:
        """Files that were loaded are not there for a while; they come back as they were."""
        place = self.root.with_name("away")
        away = []
        for path in set(self.arrived) - set(new):
            if path.exists() and self._chance(path, "away") < 0.4:
                target = place / path.relative_to(self.root)
                target.parent.mkdir(parents=True, exist_ok=True)
                path.rename(target)
                away.append((path, target))
        self.counts["files away"] += len(away)
        yield
        for path, target in away:
            target.rename(path)

    # --- disturbances --------------------------------------------------------------------------------------------------

    def _disturb(self, name: str, new: Sequence[Path], stack: contextlib.ExitStack) -> None:
        self.counts[name.replace("_", " ")] += name != "files_away"
        server = Server(self.home)
        match name:
            case "restart":
                server.stop()
                server.start()
            case "crash":
                pid = server.status().pid
                assert pid is not None, "the database does not run"
                os.kill(pid, signal.SIGKILL)
                server.start()
            case "no_dlt_folder":
                shutil.rmtree(self.home / "dlt", ignore_errors=True)
            case "files_away":
                stack.enter_context(self._away(new))
            case "clean":
                Velib("clean").finish()
            case "trips_anew":  # and nothing of what is added up from them; where nothing is built yet, it fails
                Velib("build", "--no-tests", "--full-refresh", "--select", "int_trips").finish(allowed=(0, 1))

    # --- loads ---------------------------------------------------------------------------------------------------------

    def _load(self, step: Step, paths: Sequence[str]) -> None:
        if not paths or step.load == "none":
            return
        if step.load == "plain":
            self.load(paths)
            return
        batch = ("--batch", str(self.rnd.choice([len(paths), max(200, len(paths) // 3)])))
        if step.load == "two":
            first = [path for path in paths if self._chance(path, "which of two") < 0.7]
            second = [path for path in paths if self._chance(path, "which of two") > 0.3]
            for process in [Velib("load", *batch, *each) for each in (first, second) if each]:
                process.finish("beside another", allowed=(0, 3))
            self.counts["loads"] += 2
            return
        process = Velib("load", *batch, *paths)
        usual = 1.5 + len(paths) * self.seconds_a_file
        self.counts["killed loads"] += process.kill("velib load", step.moments[0] * usual, whole_group=True)
        most = random.Random(f"{self.prove_seed} {self.step} again").choice([0, 0.5, 1])
        again = [path for path in paths if self._chance(path, "again") < most]
        if again:
            self.load(again)

    def load(self, paths: Sequence[str], in_order: bool = False) -> None:
        """A load in this process, with spans and batches of any size."""
        rnd, span = self.rnd, loading.SPAN
        options = loading.LoadOptions(
            time_zone=ZoneInfo("Europe/Paris"),
            batch_files=loading.DEFAULT_BATCH_FILES
            if in_order
            else rnd.choice([4096, 4096, max(300, len(self.arrived) // 4)]),
            workers=1,
        )
        try:
            loading.SPAN = span if in_order else rnd.choice([3, 7, span])
            summary = loading.load(paths, options)
        finally:
            loading.SPAN = span
        self.counts["loads"] += 1
        if summary.files > 500:
            self.seconds_a_file = summary.seconds / summary.files

    # --- keeping -------------------------------------------------------------------------------------------------------

    def _compact(self) -> None:
        """Some feeds' files go into containers; what is rewritten later lies beside them."""
        for case in self.cases:
            folder = self.root / f"feed={case.feed}"
            if folder.exists() and self._chance(folder, "compact") < 0.5:
                kept = compacting.compact(
                    compacting.zone_at(str(folder)), datetime.max.replace(tzinfo=UTC), dry_run=False
                )
                assert not kept.left, folder
                self.counts["compacted"] += kept.files

    def _prune(self, step: int) -> None:
        """Prune the change sets of each feed before the first file that is still to come, or will be rewritten."""
        self.load([str(self.root)])
        self.build()
        ends: dict[str, datetime | None] = {}
        for case in self.cases:
            coming = [file.path for file in case.files if file.arrivals[-1] > step]
            times = [at for path in coming if (at := from_name(path)) is not None]
            if self._chance(self.root / case.feed, "prune") < 0.8:
                ends[case.feed] = min(times, default=datetime.max.replace(tzinfo=UTC))
        with contextlib.closing(connect("proof", autocommit=True)) as connection:
            pruned = prune(connection, ends.get)
        self.counts["pruned feeds"] += len(pruned)
        self.counts["pruned changes"] += sum(sum(each.changes.values()) for each in pruned)

    # --- builds --------------------------------------------------------------------------------------------------------

    def _build(self, step: Step, meanwhile: Sequence[str]) -> None:
        if step.build == "whole":
            self.build()
        elif step.build == "meanwhile":
            process = Velib("build", "--no-tests")
            if meanwhile:
                process.wait_for("dbt")
                time.sleep(step.moments[1] * self.seconds_a_build / 2)
                self.load(meanwhile)
            process.finish("with a load meanwhile")
            self.counts["builds"] += 1
        elif step.build != "none":
            process = Velib("build", "--no-tests")
            after = step.moments[1] * self.seconds_a_build
            self.counts["killed builds"] += process.kill("dbt", after, whole_group=step.build == "killed")

    def build(self, *arguments: str) -> None:
        """A build to its end."""
        process = Velib("build", "--no-tests", *arguments)
        process.wait_for("dbt")
        started = time.monotonic()
        process.finish()
        self.counts["builds"] += 1
        if not arguments:
            self.seconds_a_build = time.monotonic() - started
