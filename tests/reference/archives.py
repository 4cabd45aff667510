"""The archives that the warehouse and the reference are compared on: real recordings, and a simulated day gone wrong."""

from __future__ import annotations

import gzip
import json
import os
from datetime import datetime
from pathlib import Path

import pytest
import xxhash

from velib.simulator.archive import ArchiveFaults, write_archive
from velib.simulator.config import CityConfig

SHARED_DATA = Path(os.environ.get("VELIB_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))


def recording(name: str) -> Path:
    """A folder of real snapshots; the test is skipped where it is not at hand."""
    folder = SHARED_DATA / name
    if not folder.is_dir():
        pytest.skip(f"no recording {folder}: set VELIB_SHARED_DATA to where the shared data are")
    return folder


def faulty_day(folder: Path) -> Path:
    """A day of a small city every five minutes, with everything wrong that can go wrong with a feed and its files."""
    config = CityConfig(
        snapshots=288,
        bikes=600,
        stations=60,
        start=datetime(2026, 6, 2),  # noqa: DTZ001 (local Paris time is what the simulator asks for)
        seed=11,
        every=300,
        dropouts=8,
        twice=0.05,
    )
    write_archive(folder, config, ArchiveFaults(missing=0.05, half_files=0.03))
    files = sorted(folder.glob("*.json.gz"))
    _collection_gap(files)
    files = [file for file in files if file.exists() and _is_whole(file)]
    _same_time(files[40], "again", gzip.decompress(files[40].read_bytes()))
    for number in (80, 81, 82, 83):
        _conflict(files[number], gzip.decompress(files[number - 5].read_bytes()), wins=number % 2 == 0)
    _contradict(files[120], every=3)
    _contradict(files[160], every=8)  # few enough to be believed
    return folder


def _collection_gap(files: list[Path]) -> None:
    """An hour at midday that nobody collected."""
    for file in files:
        if "_12" in file.name:
            file.unlink()


def _is_whole(file: Path) -> bool:
    try:
        gzip.decompress(file.read_bytes())
    except EOFError:
        return False
    return True


def _same_time(file: Path, word: str, payload: bytes) -> None:
    file.with_name(f"{word}_{file.name}").write_bytes(gzip.compress(payload, mtime=0))


def _conflict(file: Path, payload: bytes, wins: bool) -> None:
    """Other content for the same time, with a hash that is smaller than the file's own, or larger."""
    own = xxhash.xxh3_128(gzip.decompress(file.read_bytes())).hexdigest()
    while (xxhash.xxh3_128(payload).hexdigest() < own) != wins:
        payload += b" "
    _same_time(file, "conflict", payload)


def _contradict(file: Path, every: int) -> None:
    """Leave the counts of every so many stations, and take their bikes."""
    entries = json.loads(gzip.decompress(file.read_bytes()))
    for entry in entries[::every]:
        entry["bikes"] = []
    file.write_bytes(gzip.compress(json.dumps(entries).encode(), mtime=0))
