"""The files of one case: names that state times in every way, contents good, bad and doubled, and when each arrives."""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from reference.network import UnacceptableError, read_content

from prove.shapes import TWIN, Shape
from prove.world import World

PARIS = ZoneInfo("Europe/Paris")
EXACTLY_A_GAP = 2700
STARTS = {
    "plain": datetime(2026, 6, 2, 8, tzinfo=UTC),
    # The hours that the clocks repeat and skip end at these.
    "october": datetime(2026, 10, 25, 1, tzinfo=UTC),
    "march": datetime(2026, 3, 29, 1, tzinfo=UTC),
}


@dataclass
class CaseFile:
    """A file, and its contents one after the other: the last one stays. `arrivals` are the steps they come with."""

    path: str  # below the root of all cases
    contents: list[bytes]
    arrivals: list[int] = field(default_factory=list)


@dataclass
class Case:
    """One case, ready to be written."""

    number: int
    feed: str
    shape: Shape
    codes: list[str]
    bike_ids: list[str]
    files: list[CaseFile]


def feed_name(number: int) -> str:
    """The feed of a case; its files lie in a folder that says so."""
    return f"c{number:05d}"


def owner(number: int) -> int:
    """The case that names this one's stations and bikes: its own number, or its twin's."""
    return number - 1 if number % TWIN == TWIN - 1 else number


def make_case(prove_seed: int, number: int, shape: Shape) -> Case:
    """The case of a number: the same at every call."""
    rnd = random.Random(f"{prove_seed} {number}")
    named = owner(number)
    # Some codes mean districts of Paris, as long as the cases do not run into each other's numbers.
    numeric = random.Random(f"{prove_seed} {named} codes").random() < 0.3
    codes = [f"{1000 + named % 2000 * 10 + n}" if numeric else f"c{named:05d}s{n}" for n in range(shape.stations)]
    bike_ids = [f"c{named:05d}b{n}" for n in range(shape.bikes)]
    world = World(shape, codes, bike_ids, rnd)
    return Case(number, feed_name(number), shape, codes, bike_ids, _Writer(feed_name(number), shape, world, rnd).run())


def arrange_arrivals(prove_seed: int, case: Case, steps: int) -> None:
    """Say for each file with which of the steps it arrives, each of its contents in turn."""
    rnd = random.Random(f"{prove_seed} {case.number} arrivals")
    at_once, many = rnd.randrange(steps), len(case.files)
    for place, file in enumerate(sorted(case.files, key=lambda each: each.path.rsplit("/", 1)[-1][1:])):
        match case.shape.arrival:
            case "ordered":
                step = place * steps // many
            case "backwards":
                step = steps - 1 - place * steps // many
            case "late":
                step = 0 if rnd.random() < 0.8 else rnd.randrange(steps)
            case "at_once":
                step = at_once
            case _:
                step = rnd.randrange(steps)
        later = [min(step + rnd.randint(0, 2) + n, steps - 1) for n in range(1, len(file.contents))]
        file.arrivals = [step, *later]


class _Writer:
    def __init__(self, feed: str, shape: Shape, world: World, rnd: random.Random) -> None:
        self.feed, self.shape, self.world, self.rnd = feed, shape, world, rnd
        self.files: list[CaseFile] = []
        self.serial = 0

    def run(self) -> list[CaseFile]:
        shape, rnd = self.shape, self.rnd
        length = shape.snapshots * shape.cadence
        at = STARTS[shape.season]
        at -= timedelta(seconds=rnd.randint(0, length) if shape.season != "plain" else rnd.randint(0, 86400))
        body = self.world.payload()
        before = [body]
        for _ in range(shape.snapshots):
            self._snapshot(at, body, before)
            before.append(body)
            at += timedelta(seconds=self._pause())
            self.world.step()
            if not self.world.happens("same_body"):
                body = self.world.payload()
        if shape.season == "march":
            self._file("20260329_023000", body)  # a time that does not exist
        if rnd.random() < 0.1:
            self._file(rnd.choice(["without_a_time", "19700101_000000_UTC", "21000101_000000_UTC"]), body)
        return self.files

    def _pause(self) -> int:
        if self.world.happens("gap"):
            return self.rnd.choice([EXACTLY_A_GAP - 1, EXACTLY_A_GAP, EXACTLY_A_GAP, EXACTLY_A_GAP + 1, 7200])
        if self.world.happens("gap_of_days"):
            return self.rnd.choice([86400, 86401, 3 * 86400])
        jitter = self.rnd.randint(-self.shape.jitter, self.shape.jitter)
        return max(1, self.shape.cadence + (0 if self.shape.cadence == EXACTLY_A_GAP else jitter))

    def _snapshot(self, at: datetime, body: bytes, before: list[bytes]) -> None:
        rnd, happens = self.rnd, self.world.happens
        contents, has_rival = [body], happens("conflict")
        if happens("broken"):
            contents = [self._broken(body)]
        elif happens("contradiction"):
            contents = [self._contradicting(body)]
        elif happens("repaired"):
            contents = [rnd.choice([self._broken, self._contradicting])(body), body]
        elif happens("rewritten") or (has_rival and rnd.random() < 0.3):
            contents = [rnd.choice([rnd.choice(before), self.world.payload()]), body]
        self._file(self._stamp(at), *contents)
        if happens("copy"):
            self._file(self._stamp(at), body)
        for _ in range(rnd.choice([1, 1, 2]) if has_rival else 0):
            other = rnd.choice([rnd.choice(before), self.world.payload(), body + b" "])
            self._file(self._stamp(at), *([body, other] if rnd.random() < 0.3 else [other]))

    def _stamp(self, at: datetime) -> str:
        naming = self.shape.naming
        if naming == "mixed":
            naming = self.rnd.choice(["utc", "z", "zone", "local"])
        local = at.astimezone(PARIS)
        match naming:
            case "utc":
                return f"{at:%Y%m%d_%H%M%S}_UTC"
            case "z":
                return f"{at:%Y%m%dT%H%M%S}Z"
            case "zone":
                return f"{local:%Y%m%d_%H%M%S}_{local.tzname()}"
            case _:
                return f"{local:%Y%m%d_%H%M%S}"

    def _file(self, stamp: str, *contents: bytes) -> None:
        rnd = self.rnd
        self.serial += 1
        zipped = rnd.random() < 0.5
        folder = rnd.choice(["", "", "", "more/", "2026-06/"])
        # The prefix shuffles the order of the paths; the serial number keeps them apart.
        name = f"{rnd.choice('abc')}{self.serial:03d}_{stamp}.json{'.gz' if zipped else ''}"
        path = f"feed={self.feed}/{folder}{name}"
        if not _is_acceptable(path, contents[-1]):
            # A damaged file takes nothing away: had it been good before, its snapshot would stay, by design.
            contents = tuple(content for content in contents if not _is_acceptable(path, content))
        self.files.append(CaseFile(path, [_packed(content) if zipped else content for content in contents]))

    def _broken(self, body: bytes) -> bytes:
        packed = _packed(body)
        return self.rnd.choice(
            [
                packed[: len(packed) // 2],
                packed[:-9],
                body[: len(body) // 2],
                b"",
                b"[]",
                b'{"what": "is this"}',
                b"[1, 2]",
                b'[{"station": {"name": "no code"}, "nbBike": 1, "nbEbike": 0}]',
                b'{"countries": [{"cities": [{"places": []}]}]}',
                b"<html>502 Bad Gateway</html>",
            ]
        )

    def _contradicting(self, body: bytes) -> bytes:
        """Counts without bikes, at one station or at all: of many stations one is believed."""
        whole = json.loads(body)
        entries = whole["countries"][0]["cities"][0]["places"] if isinstance(whole, dict) else whole
        for entry in entries[: self.rnd.choice([1, len(entries)])]:
            if "bikes" in entry and isinstance(entry["bikes"], list):
                entry["bikes"], entry["nbBike"] = [], 3
            elif "bike_list" in entry:
                entry["bike_list"], entry["bikes"] = [], 3
        return json.dumps(whole).encode()


def _is_acceptable(path: str, content: bytes) -> bool:
    try:
        read_content(Path(path), content)
    except UnacceptableError:
        return False
    return True


def _packed(content: bytes) -> bytes:
    return content if content.startswith(b"\x1f\x8b") else gzip.compress(content, mtime=0)


def write(root: Path, file: CaseFile, version: int, stamp: int | None) -> Path:
    """Put a content in its place. `stamp` is the time stamp in seconds; None: now."""
    import os

    path = root / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(file.contents[version])
    if stamp is not None:
        os.utime(partial, (stamp, stamp))
    os.replace(partial, path)
    return path
