"""An archive of snapshots as collectors leave it: one gzip file a snapshot, named by its local capture time.

Beside them `truth/`, in formats that no loader of `*.json` and `*.json.gz` takes for snapshots. Files appear under
their final name only when whole, unless they are meant to be half.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from isal import igzip

from velib.core.errors import UsageError
from velib.simulator import VERSION
from velib.simulator.chance import between, stream
from velib.simulator.city import City
from velib.simulator.config import PARIS, CityConfig
from velib.simulator.truth import Fault

COMPRESSION_LEVEL = 1


@dataclass(frozen=True)
class ArchiveFaults:
    """What goes wrong between the feed and the files."""

    missing: float = 0.0
    """Share of the snapshots that nobody wrote."""
    half_files: float = 0.0
    """Share of the snapshots whose file ends in the middle."""


@dataclass(frozen=True)
class Written:
    """What came of it."""

    files: int
    missing: int
    half: int
    bytes: int
    kinds: dict[str, int]
    turned_away: int
    already_there: bool = False


def file_name(captured_at: datetime) -> str:
    """`response_20260602_080001_CEST.json.gz`: local time; in an October night the suffix tells."""
    local = captured_at.astimezone(PARIS)
    return f"response_{local:%Y%m%d_%H%M%S}_{local.tzname()}.json.gz"


def write_atomically(path: Path, content: bytes) -> None:
    """The file is there whole or not at all; the name in between looks like no snapshot."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)


def parameters_text(config: CityConfig, faults: ArchiveFaults) -> str:
    """What the archive was made from, as TOML."""
    values = {"version": VERSION} | vars(config) | vars(faults)
    return "".join(
        f"{name} = {value.isoformat() if isinstance(value, datetime) else value}\n" for name, value in values.items()
    )


def write_archive(
    out: Path,
    config: CityConfig,
    faults: ArchiveFaults = ArchiveFaults(),
    progress: Callable[[], object] = lambda: None,
) -> Written:
    """Simulate a city into a folder. The same parameters into the same folder again find it done, or finish it."""
    truth = out / "truth"
    parameters = parameters_text(config, faults)
    done = truth / "movements.parquet"
    recorded = truth / "parameters.toml"
    try:
        truth.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"{out} is not a folder") from None
    if recorded.exists():
        if recorded.read_text() != parameters:
            raise UsageError(f"{out} holds another simulation: choose an empty folder, or delete that one")
        if done.exists():
            return Written(0, 0, 0, 0, {}, 0, already_there=True)
    elif any(out.glob("*.json*")):
        raise UsageError(f"{out} holds snapshots that are not this simulation's: choose an empty folder")
    write_atomically(recorded, parameters.encode())

    city = City(config)
    chance = stream(config.seed, "archive")
    found: list[Fault] = []
    files = missing = half = size = 0
    for captured_at, payload in city:
        # three draws a snapshot, needed or not: what happens to one file says nothing about the next
        is_missing, is_half = chance.random() < faults.missing, chance.random() < faults.half_files
        share = between(chance, 0.2, 0.95)
        name = file_name(captured_at)
        if is_missing:
            missing += 1
            found.append(Fault("missing", name, None, None, captured_at, captured_at, "never written"))
        else:
            content = igzip.compress(payload, COMPRESSION_LEVEL, mtime=0)
            if is_half:
                half += 1
                whole, content = len(content), content[: int(len(content) * share)]
                detail = f"{len(content)} of {whole} bytes"
                found.append(Fault("half_file", name, None, None, captured_at, captured_at, detail))
            write_atomically(out / name, content)
            files += 1
            size += len(content)
        progress()
    _write_faults(truth / "faults.csv", sorted(city.faults() + found, key=lambda fault: fault.first_at))
    part = truth / ".movements.part"
    city.engine.truth.write(part, city.first_captured)
    part.replace(done)
    kinds = city.engine.truth.kinds(city.first_captured)
    return Written(files, missing, half, size, kinds, city.riders.turned_away)


def _write_faults(path: Path, faults: list[Fault]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Fault._fields)
    for fault in faults:
        writer.writerow(f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else value for value in fault)
    write_atomically(path, text.getvalue().encode())
