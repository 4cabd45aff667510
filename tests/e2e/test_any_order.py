"""The invariant: for one set of files the mart is the same, whatever the order and batching, built by bits or from scratch."""

from __future__ import annotations

import contextlib
import gzip
import os
import random
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import tiny

from ingestion.load import LoadOptions, load
from simulator.archive import ArchiveFaults, write_archive
from simulator.config import CityConfig
from warehouse.database import connect_to

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("VELIB_SEED", "21"))

TABLES = [
    *("mart.dim_station", "mart.dim_station_history", "mart.dim_bike", "mart.fct_snapshots", "mart.fct_station_status"),
    *("mart.fct_bike_locations", "mart.fct_trips", "intermediate.int_station_status"),
    *("intermediate.int_station_attributes", "intermediate.int_station_history"),
]


# The data tests have their own tests; here the tables are compared.
MODELS = ["--resource-type", "model", "--resource-type", "seed"]


def archive(folder: Path, rnd: random.Random) -> list[Path]:
    """Half a day of a small city with gaps, conflicts, files cut short, and an end so sparse that it is all gaps."""
    config = CityConfig(
        snapshots=150,
        bikes=300,
        stations=40,
        start=datetime(2026, 6, 2, 6),  # noqa: DTZ001 (local Paris time is what the simulator asks for)
        seed=rnd.randrange(1000),
        every=300,
        dropouts=12,
        twice=0.3,
    )
    write_archive(folder, config, ArchiveFaults(missing=0.05, half_files=0.03))
    files = sorted(folder.glob("*.json.gz"))
    for index, file in enumerate(files):
        in_gap = any(low <= index < low + 12 for low in (20, 60, 90))
        if rnd.random() < (0.95 if in_gap else 0.9 if index > 110 else 0.0):
            file.unlink()
        elif rnd.random() < 0.12:
            other = files[max(0, index - rnd.randint(1, 6))]
            if other.exists():
                file.with_name(f"zz_{file.name}").write_bytes(other.read_bytes())
    return sorted(folder.glob("*.json.gz"))


def is_whole(file: Path) -> bool:
    try:
        gzip.decompress(file.read_bytes())
    except EOFError:
        return False
    return True


def rows(cursor: Any) -> dict[str, set[str]]:
    found = {}
    for table in TABLES:
        cursor.execute(f"select to_jsonb(whole_row)::text from (select * from {table}) as whole_row")
        found[table] = {row for (row,) in cursor}
    return found


def assert_same(one: dict[str, set[str]], other: dict[str, set[str]], what: str) -> None:
    for table in TABLES:
        only_one, only_other = sorted(one[table] - other[table]), sorted(other[table] - one[table])
        assert not only_one + only_other, (
            f"{table} differs from {what}: {len(only_one)} rows only here, {len(only_other)} only there\n"
            + "\n".join([*only_one[:2], *only_other[:2]])
        )


def write_a_station_that_comes_and_goes(folder: Path) -> Path:
    """A feed of its own, and the file of it that comes late. A bike stands in the station all the time: no late file nearby
    may make a departure of the times in which the station was unobserved.
    """
    there, away = tiny.app({"1001": ["b1"], "1002": ["b2"]}), tiny.app({"1002": ["b2"]})
    files = [
        tiny.write(folder, minute, payload) for minute, payload in enumerate([there, away, there, away, *[there] * 4])
    ]
    return files[6]


def test_the_mart_depends_on_the_files_alone(
    fresh_database: str, velib_build: Callable[..., None], tmp_path: Path
) -> None:
    rnd = random.Random(SEED)
    files = archive(tmp_path / "archive", rnd)
    assert any(file.name.startswith("zz_") for file in files), "no conflict in this archive"
    shuffled = [str(file) for file in rnd.sample(files, len(files))]
    cuts = sorted(rnd.sample(range(10, len(files)), 2))
    late = write_a_station_that_comes_and_goes(tmp_path / "other")
    other = LoadOptions(feed="other")
    broken = next(Path(name) for name in shuffled if is_whole(Path(name)))
    whole = broken.read_bytes()

    broken.write_bytes(whole[: len(whole) // 2])
    load([str(file) for file in late.parent.iterdir() if file != late], other)
    first = load(shuffled[: cuts[0]])
    assert str(broken) in {each.file.path for each in first.quarantined}
    velib_build(*MODELS)
    load(shuffled[cuts[0] : cuts[1]])
    velib_build(*MODELS)
    broken.write_bytes(whole)
    load(shuffled[cuts[1] :])
    assert load([str(broken)]).new + load([str(late)], other).new == 2
    velib_build(*MODELS)
    with contextlib.closing(connect_to(fresh_database, "velib tests")) as connection, connection.cursor() as cursor:
        by_bits = rows(cursor)
        assert len(by_bits["mart.fct_trips"]) > 500
        cursor.execute(
            "select bike_id, valid_from, valid_to::text from mart.fct_bike_locations where feed = 'other' order by 1"
        )
        assert cursor.fetchall() == [(bike, tiny.minute(0), "infinity") for bike in ("b1", "b2")]
        connection.commit()

        velib_build(*MODELS, "--full-refresh")
        assert_same(by_bits, rows(cursor), f"a full refresh (VELIB_SEED={SEED})")

        cursor.execute("drop schema raw, staging, intermediate, mart, compat cascade")
        connection.commit()
        load([str(tmp_path / "archive")])
        load([str(late.parent)], other)
        velib_build(*MODELS)
        assert_same(by_bits, rows(cursor), f"one load in order (VELIB_SEED={SEED})")
