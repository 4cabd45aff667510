"""The floor: the same files decompressed and split into undecoded entries by as many processes as there are cores.

Whoever wants to know anything of a snapshot has to do at least this.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec
from isal import igzip

_entries = msgspec.json.Decoder(list[msgspec.Raw])


def _split(path: str) -> int:
    return len(_entries.decode(igzip.decompress(Path(path).read_bytes())))


def floor_seconds(files: Sequence[Path], processes: int) -> float:
    """How long it takes, not counting the start of the processes."""
    names = [str(file) for file in files]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        list(pool.map(_split, names[: 4 * processes]))
        started = time.perf_counter()
        stations = sum(pool.map(_split, names, chunksize=16))
        seconds = time.perf_counter() - started
    assert stations, "the files list stations"
    return seconds
