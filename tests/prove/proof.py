"""The proof of one batch of cases: a history, and three ways to see that it left no trace.

What the history built is held against brute force over the files, against a full refresh of the same raw data, and
against one load in order into an empty database. Then the data tests run, since such data must pass them too.
What people corrected meanwhile outlives all of it.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reference.compare import FACTS, differences, mart_rows, reference_rows
from reference.network import Archive, read_files

from prove import marts
from prove.case import Case, make_case, owner
from prove.commands import Velib
from prove.history import History, make_plan
from prove.shapes import TWIN, shape_of
from velib.postgres.database import connect

# A batch's plan belongs to its number, so this must not change between a failure and its replay.
BATCH = 500


@dataclass
class Result:
    """What a batch came to. `faults` is empty where the invariant holds."""

    faults: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def cases_of(prove_seed: int, numbers: Sequence[int]) -> list[Case]:
    """The cases of these numbers."""
    return [make_case(prove_seed, number, shape_of(prove_seed, number)) for number in numbers]


def with_twin(number: int) -> list[int]:
    """A case and the one that shares its stations and bikes, where there is one."""
    named = owner(number)
    return [named, named + 1] if named % TWIN == TWIN - 2 else [number]


def prove(prove_seed: int, numbers: Sequence[int], home: Path, root: Path, say: Callable[[str], None]) -> Result:
    """Prove the invariant on the cases of these numbers, all of one batch, in the warehouse of `home`: it is emptied."""
    return _Proof(prove_seed, numbers, home, root, say).run()


class _Proof:
    def __init__(
        self, prove_seed: int, numbers: Sequence[int], home: Path, root: Path, say: Callable[[str], None]
    ) -> None:
        self.prove_seed, self.home, self.root, self.say = prove_seed, home, root, say
        self.cases = cases_of(prove_seed, numbers)
        self.owners = marts.owners_of(self.cases)
        self.result = Result()
        plan = make_plan(prove_seed, numbers[0] // BATCH)
        self.history = History(prove_seed, home, root, self.cases, plan, say)

    def run(self) -> Result:
        result = self.result
        result.counts = self.history.counts
        shutil.rmtree(self.root, ignore_errors=True)
        with _cursor() as cursor:
            _drop(cursor)
            cursor.execute("drop schema if exists corrections cascade")
        with self._timed("the history"):
            self.history.run()
        with self._timed("brute force"):
            archive = read_files([self.root])
            self._check_files(archive)
            self._check_facts(archive)
        with _cursor() as cursor:
            self._correct(cursor)
            marts.keep(cursor)
        if result.counts["pruned feeds"]:
            with self._timed("no full refresh"):
                refused = Velib("build", "--no-tests", "--full-refresh").finish("of what is pruned", allowed=(1,))
                if "are pruned" not in refused:
                    result.faults.append(f"a full refresh of pruned change sets is not refused: {refused}")
        else:
            self._refresh("a full refresh")
        with self._timed("one load in order"):
            with _cursor() as cursor:
                _drop(cursor)
            self.history.load([str(self.root)], in_order=True)
            self.history.build()
            self._check_same("one load in order")
        if result.counts["pruned feeds"]:
            self._refresh("a full refresh of one load in order")
        if not result.faults:
            with self._timed("the data tests"):
                Velib("build", "--full", "--resource-type", "test").finish("of the data tests")
        result.counts["cases"] = len(self.cases)
        result.counts["files"] = sum(len(case.files) for case in self.cases)
        return result

    def _correct(self, cursor: Any) -> None:
        """Stations and bikes of some cases are renamed, hidden and added."""
        rnd = random.Random(f"{self.prove_seed} {self.cases[0].number} corrections")
        corrected = [
            made
            for case in rnd.sample(list(self.cases), min(10, len(self.cases)))
            for made in (
                ("station", rnd.choice(case.codes), "name", case.feed),
                ("station", rnd.choice(case.codes), "exists", "false"),
                ("station", f"{case.feed} added", "exists", "true"),
                ("bike", rnd.choice(case.bike_ids or [case.feed]), "exists", "false"),
            )
        ]
        cursor.executemany(
            "insert into corrections.made (made_by, entity, key, field, new_value) values ('proof', %s, %s, %s, %s)",
            corrected,
        )
        cursor.execute("select count(*) from mart.dim_station where name is null and station_code like '% added'")
        self.result.counts["corrections"] = len(corrected) if cursor.fetchone()[0] else 0

    def _refresh(self, what: str) -> None:
        with self._timed(what):
            self.history.build("--full-refresh")
            self._check_same(what)

    @contextlib.contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.say(f"  {what}: {time.monotonic() - started:.1f} s")

    def _check_same(self, there: str) -> None:
        with _cursor() as cursor:
            found = marts.differences(cursor, self.owners, there)
        if found:
            self.result.faults.append(f"the mart of this history differs from that of {there}:\n{marts.report(found)}")

    def _check_facts(self, archive: Archive) -> None:
        made: dict[str, Sequence[Any]] = {}
        with _cursor() as cursor:
            for fact in FACTS.values():
                expected = reference_rows(fact.table, archive.feeds, made)
                differing = differences(fact, mart_rows(cursor, fact), expected)
                if differing:
                    self.result.faults.append(f"brute force finds other rows in {differing}")
                self.history.counts[fact.table.removeprefix("fct_").replace("_", " ")] += len(expected)
            cursor.execute("select count(*), count(distinct trip_id) from mart.fct_trips")
            rows, ids = cursor.fetchone()
            if rows != ids:
                self.result.faults.append(f"{rows} trips have {ids} ids")

    def _check_files(self, archive: Archive) -> None:
        """Each file is a snapshot, a duplicate of one, or in quarantine."""
        refused, snapshots, copies = {str(path) for path in archive.unacceptable}, set(), set()
        formats = {
            (feed, snapshot.captured_at): snapshot.format_name
            for feed, found in archive.feeds.items()
            for snapshot in found
        }
        for (feed, captured_at), claims in archive.claims.items():
            smallest = min(claims.values())
            same = {str(path) for path, digest in claims.items() if digest == smallest}
            # By code point, as Python sorts.
            snapshots.add((feed, captured_at, formats[feed, captured_at], min(same)))
            refused |= {str(path) for path, digest in claims.items() if digest != smallest}
            copies |= same
        with _cursor() as cursor:
            cursor.execute("select path from raw.quarantined_files where resolved_at is null")
            self._check_set("quarantined files", {path for (path,) in cursor}, refused)
            cursor.execute("select feed, snapshot_at, snapshot_format, file_path from mart.fct_snapshots")
            self._check_set("snapshots", set(cursor.fetchall()), snapshots)
            cursor.execute("select path from raw.duplicate_files")
            self._check_set("duplicates that are none", {path for (path,) in cursor} - copies, set())

    def _check_set(self, what: str, found: set[Any], expected: set[Any]) -> None:
        if found != expected:
            self.result.faults.append(
                f"{what}: missing {sorted(map(str, expected - found))[:5]}, "
                f"unexpected {sorted(map(str, found - expected))[:5]}"
            )


@contextlib.contextmanager
def _cursor() -> Iterator[Any]:
    with contextlib.closing(connect("proof")) as connection, connection.cursor() as cursor:
        yield cursor
        connection.commit()


def _drop(cursor: Any) -> None:
    cursor.execute("drop schema if exists raw, staging, intermediate, mart, compat cascade")
