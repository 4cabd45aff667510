"""The archive `velib simulate` writes: names, faults of files, the truth beside it, and runs that were cut short."""

# ruff: noqa: DTZ001 -- a city starts at a local time without zone
import csv
import gzip
import json
import re
from collections import Counter
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from velib.core.errors import UsageError
from velib.simulator.archive import ArchiveFaults, file_name, parameters_text, write_archive
from velib.simulator.city import City
from velib.simulator.commands import simulate
from velib.simulator.config import CityConfig

CONFIG = CityConfig(stations=20, bikes=150, snapshots=60, start=datetime(2026, 6, 2, 8))


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def snapshots(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    out = tmp_path_factory.mktemp("sound")
    write_archive(out, CONFIG)
    return out


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory):
    out = tmp_path_factory.mktemp("spoilt")
    written = write_archive(out, CONFIG, ArchiveFaults(missing=0.2, half_files=0.2))
    return out, written


def faults(folder):
    with (folder / "truth" / "faults.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_files_are_named_as_collectors_name_them(sound):
    names = sorted(snapshots(sound))
    assert len(names) == 60
    assert all(re.fullmatch(r"response_20260602_08\d\d0[0-2]_CEST\.json\.gz", name) for name in names)


def test_the_files_hold_the_city(sound):
    expected = {file_name(at): payload for at, payload in City(CONFIG)}
    assert {name: gzip.decompress(content) for name, content in snapshots(sound).items()} == expected


def test_two_runs_write_the_same_bytes(sound, tmp_path):
    write_archive(tmp_path, CONFIG)
    assert contents(tmp_path) == contents(sound)


def test_names_across_the_october_clock_change():
    """The night is an hour longer: the grid runs on, and the suffix tells the two hours apart."""
    city = City(CityConfig(stations=2, bikes=5, snapshots=6, start=datetime(2026, 10, 25, 1, 30), every=1800))
    names = [re.sub(r"0[0-2]_(CES?T)", r"00_\1", file_name(at)) for at, _ in city]
    assert [name[9:29].rstrip(".") for name in names] == [
        "20261025_013000_CEST",
        "20261025_020000_CEST",
        "20261025_023000_CEST",
        "20261025_020000_CET",
        "20261025_023000_CET",
        "20261025_030000_CET",
    ]


def test_no_loader_takes_the_truth_for_snapshots(sound):
    files = sorted(path.name for path in (sound / "truth").iterdir())
    assert files == ["faults.csv", "movements.parquet", "parameters.toml"]
    assert not [name for name in contents(sound) if "/" in name and name.endswith((".json", ".json.gz"))]


def test_the_truth_on_disk_is_the_city_s(sound):
    table = pq.read_table(sound / "truth" / "movements.parquet")
    city = City(CONFIG)
    for _ in city:
        pass
    assert table.column_names == list(city.movements()[0]._fields)
    assert [tuple(row.values()) for row in table.to_pylist()] == [tuple(m) for m in city.movements()]
    assert any(row["arrived_at"] is None for row in table.to_pylist())


def test_missing_and_half_files_are_told_and_touch_nothing_else(sound, spoilt):
    out, written = spoilt
    whole, left = snapshots(sound), snapshots(out)
    told = faults(out)
    missing = {fault["file"] for fault in told if fault["kind"] == "missing"}
    half = {fault["file"] for fault in told if fault["kind"] == "half_file"}
    assert (len(missing), len(half), len(left)) == (written.missing, written.half, written.files)
    assert min(len(missing), len(half)) > 3
    assert set(left) == set(whole) - missing
    for name, content in left.items():
        if name in half:
            assert whole[name].startswith(content)
            with pytest.raises(EOFError):
                gzip.decompress(content)
        else:
            assert content == whole[name]
    assert (out / "truth" / "movements.parquet").read_bytes() == (sound / "truth" / "movements.parquet").read_bytes()


def test_which_files_are_missing_does_not_depend_on_which_are_half(spoilt, tmp_path):
    write_archive(tmp_path, CONFIG, ArchiveFaults(missing=0.2))
    kinds = Counter(fault["kind"] for fault in faults(tmp_path))
    assert kinds.keys() == {"missing"}
    assert {f["file"] for f in faults(tmp_path)} == {f["file"] for f in faults(spoilt[0]) if f["kind"] == "missing"}


def test_a_second_run_finds_it_done_and_one_cut_short_is_finished(sound, tmp_path):
    write_archive(tmp_path, CONFIG)
    assert write_archive(tmp_path, CONFIG).already_there
    (tmp_path / "truth" / "movements.parquet").unlink()
    for name in sorted(snapshots(tmp_path))[30:]:
        (tmp_path / name).unlink()
    assert not write_archive(tmp_path, CONFIG).already_there
    assert contents(tmp_path) == contents(sound)


def test_archives_do_not_mix(sound, tmp_path):
    other = CityConfig(stations=20, bikes=150, snapshots=60, start=datetime(2026, 6, 2, 8), seed=8)
    before = contents(sound)
    with pytest.raises(UsageError, match="another simulation"):
        write_archive(sound, other)
    assert contents(sound) == before
    (tmp_path / "response_20260101_000000_CET.json.gz").write_bytes(b"someone's")
    with pytest.raises(UsageError, match="not this simulation's"):
        write_archive(tmp_path, CONFIG)


def test_the_parameters_say_all_that_matters():
    assert len({parameters_text(CONFIG, ArchiveFaults(half_files=share)) for share in (0, 0.1)}) == 2


def test_the_command(tmp_path):
    arguments = "--snapshots 12 --bikes 100 --stations 10 --start 2026-06-02T07:30 --seed 1 --every 300 --twice 0.5"
    result = CliRunner().invoke(simulate, [str(tmp_path / "new" / "folder"), *arguments.split()])
    assert result.exit_code == 0, result.output
    assert result.output.startswith("12 snapshots, ")
    assert result.output.count("\n") == 1
    newest = max(snapshots(tmp_path / "new" / "folder"))
    assert re.match(r"response_20260602_08250[0-2]_CEST", newest)
    assert len(json.loads(gzip.decompress(snapshots(tmp_path / "new" / "folder")[newest]))) == 10
    again = CliRunner().invoke(simulate, [str(tmp_path / "new" / "folder"), *arguments.split()])
    assert "nothing to do" in again.output


@pytest.mark.parametrize("wrong", [["--bikes", "0"], ["--half-files", "2"], ["--start", "yesterday"]])
def test_wrong_usage(wrong, tmp_path):
    assert CliRunner().invoke(simulate, [str(tmp_path), *wrong]).exit_code == 2


def test_times_in_the_truth_are_utc(sound):
    table = pq.read_table(sound / "truth" / "movements.parquet")
    departed = table["departed_at"].to_pylist()
    assert departed[0].utcoffset().total_seconds() == 0
    begun = [at for at in departed if at > datetime(2026, 6, 2, 6, 0, 3, tzinfo=UTC)]
    assert begun[0] < datetime(2026, 6, 2, 6, 10, tzinfo=UTC)
