"""Files that are not what they should be, in a real warehouse: each has its reason, none stops the others, and text stays text.

The files are in tests/malformed.py. What a single reader does with them is in tests/unit.
"""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import tiny
from click.testing import CliRunner, Result
from malformed import CASES, HOSTILE, MAX_BYTES
from tiny import app, minute, put, write
from unit.ingestion.formats.samples import VELIB_APP, encode, varied

from ingestion.capture import extraction
from ingestion.capture.arrow_tables import from_ipc
from ingestion.capture.extraction import Expected, extract_span
from ingestion.capture.timeline import arrange
from ingestion.landing.files import LandingFile
from ingestion.landing.landing_zone import list_files
from ingestion.loading.load import LoadOptions, load
from velib.cli import main as cli
from velib.core import settings
from velib.postgres.connections import connect_to

GOOD = app({"1": ["good"]})


@pytest.fixture
def rows(fresh_database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., list[Any]]]:
    """Asks the fresh database."""
    monkeypatch.setenv(settings.HOME, str(tmp_path / "home"))
    with contextlib.closing(connect_to(fresh_database, "velib tests")) as connection:
        connection.autocommit = True

        def ask(query: str, *parameters: Any) -> list[tuple[Any, ...]]:
            with connection.cursor() as cursor:
                cursor.execute(query, parameters or None)
                return list(cursor.fetchall())

        yield ask


def velib(*arguments: str) -> Result:
    return CliRunner().invoke(cli.velib, list(arguments), prog_name="velib")


def is_plain(text: str) -> bool:
    """Whether a terminal shows the text and obeys nothing of it."""
    return all(character.isprintable() or character == "\n" for character in text)


@pytest.mark.slow
def test_each_bad_file_has_its_reason_and_stops_no_other(rows: Callable[..., list[Any]], tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    good = [write(folder, -1, GOOD, "good"), write(folder, len(CASES), GOOD, "good")]
    paths: dict[str, Path] = {}
    for number, (kind, case) in enumerate(CASES.items()):
        paths[kind] = case.path(folder, kind, number)
        case.make(paths[kind])

    done = velib("load", str(folder), "--max-mb", str(MAX_BYTES >> 20), "--workers", "1")
    assert done.exit_code == 3, done.output
    assert is_plain(done.output)

    refused = {
        Path(path).name: found for path, *found in rows("select path, reason, detail from raw.quarantined_files")
    }
    loaded = {
        Path(file).name: found
        for file, *found in rows("select file, feed, station_count, bike_count from raw.snapshots")
    }
    wrong = []
    for kind, case in CASES.items():
        # A folder's snapshot lies in it, and a path that is too long is stored shortened: the name is the end of both.
        name = paths[kind].name
        reason, detail = next((found for each, found in refused.items() if each.endswith(name[-40:])), (None, ""))
        arrived = next(
            (tuple(found) for each, found in loaded.items() if each.endswith(name.removesuffix(".gz")) or each == name),
            None,
        )
        if (reason, arrived) != (case.reason, case.arrives) or case.words not in detail:
            wrong.append(f"{kind}: {reason}: {detail} (arrived: {arrived})")
        if not is_plain(detail) or "\n" in detail or len(detail) > 1000 or (reason and len(detail) < 10):
            wrong.append(f"{kind}: not one plain line: {detail!r}")
    assert not wrong, "\n" + "\n".join(wrong)
    assert {file.name for file in good} <= set(loaded)
    assert len(refused) == sum(case.reason is not None for case in CASES.values())
    assert len(loaded) == sum(case.arrives is not None for case in CASES.values()) + len(good)
    for table in ("station_changes", "station_attribute_changes", "bike_changes"):
        assert not rows(f"select from raw.{table} where change_set_id not in (select change_set_id from raw.snapshots)")

    shown = velib("status", "--details")
    assert shown.exit_code == 1, "so many refused files are not well"
    assert is_plain(shown.output)

    # Repaired in their places, all of them come in but those that their names or times refuse.
    of_the_name = ["from_the_future", "implausible_capture_time", "no_capture_time", "unknown_zone", "unusable_path"]
    repaired = 0
    for kind, case in CASES.items():
        if case.reason not in {None, *of_the_name}:
            paths[kind].unlink()
            put(paths[kind], app({"1": [f"repaired {kind}"[:99]]}))
            repaired += 1
    summary = load([str(folder)], LoadOptions(workers=1, max_bytes=MAX_BYTES))
    assert (summary.new, [each.reason for each in summary.quarantined]) == (repaired, [])
    left = rows("select distinct reason from raw.quarantined_files where resolved_at is null order by 1")
    assert [reason for (reason,) in left] == of_the_name


# --- text ------------------------------------------------------------------------------------------------------------


def hostile_file(text: str, number: int) -> bytes:
    """A station and a bike that carry the text wherever the feed carries any."""
    bike = {
        "bikeName": f"{text} {number}"[:200],
        "bikeStatus": text,
        "dockPosition": text,
        "lastRateDate": text,
        "bikeBlockCause": text,
    }
    fields = {"station__code": f"{text} {number}", "station__name": text, "station__state": text, "station__type": text}
    return encode([varied(VELIB_APP, **fields, nbBike=1, nbEbike=0, creditCard=text, bikes=[bike])])


@pytest.mark.slow
def test_text_that_tries_something_arrives_as_text(
    rows: Callable[..., list[Any]], velib_build: Callable[..., None], tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    texts = list(HOSTILE.values())
    names = {}
    for number, text in enumerate(texts):
        # The same text in the file's name, as far as a name can carry it.
        name = f"{text.replace('/', ' ')} {tiny.name(number)}"
        names[str(put(folder / name, hostile_file(text, number)))] = number
        put(folder / f"bad {name}", b"<html>" + text.encode())
    # Two files of one time: the detail of the one that loses names the other.
    put(folder / f"other\n\x1b[2J\u202e {tiny.name(0)}", hostile_file("x", 0))

    done = velib("load", str(folder), "--workers", "1")
    assert done.exit_code == 3, done.output
    shown = velib("status", "--details")
    assert shown.exit_code == 1, shown.output
    assert is_plain(done.output)
    assert is_plain(shown.output)
    assert "drop schema raw cascade" in done.output + shown.output
    details = [detail for (detail,) in rows("select detail from raw.quarantined_files")]
    assert len(details) == len(texts) + 1
    assert all(is_plain(detail) and "\n" not in detail for detail in details)

    conflict = rows("select path from raw.quarantined_files where reason = 'conflicting_capture_time'")
    kept = [(number, text) for number, text in enumerate(texts) if number or "other\n" in conflict[0][0]]
    codes = [f"{text} {number}" for number, text in kept]
    files = {file for (file,) in rows("select file from raw.snapshots")}
    assert {path for path, number in names.items() if number in dict(kept)} <= files
    for column, table in (
        ("station_code", "station_attribute_changes"),
        ("station_code", "station_changes"),
        ("bike_id", "bike_changes"),
    ):
        assert set(codes) <= {value for (value,) in rows(f"select {column} from raw.{table}")}
    stations = rows("select station_code, name, state, type, credit_card from raw.station_attribute_changes")
    assert {(code, *[text] * 4) for code, (_, text) in zip(codes, kept, strict=True)} <= set(stations)
    bikes = rows("select bike_id, station_code, status, dock, last_rated_at, block_cause from raw.bike_changes")
    assert {(code, code, *[text] * 4) for code, (_, text) in zip(codes, kept, strict=True)} <= set(bikes)

    velib_build()
    stations = rows("select station_code, name, state from mart.dim_station")
    assert {(code, text, text) for code, (_, text) in zip(codes, kept, strict=True)} <= set(stations)
    assert set(codes) <= {bike for (bike,) in rows("select bike_id from mart.dim_bike")}
    places = rows("select bike_id, station_code, dock, bike_status from mart.fct_bike_locations")
    assert {(code, code, text, text) for code, (_, text) in zip(codes, kept, strict=True)} <= set(places)
    assert is_plain(velib("status").output)


# --- each file for itself --------------------------------------------------------------------------------------------

# Those that are quickly read, in all reasons that a reader gives.
_QUICK = {kind: case for kind, case in CASES.items() if isinstance(case.content, bytes) and len(case.content) < 50_000}


@pytest.mark.parametrize("seed", range(6))
def test_whether_a_file_is_accepted_depends_on_that_file_alone(seed: int, tmp_path: Path) -> None:
    """Any order, any neighbours, any span: the same files are accepted."""
    chance = random.Random(seed)
    expected = Expected("velib_app", "velib_app", MAX_BYTES, feed_is_forced=True, format_is_forced=True)
    contents = {kind: case.content for kind, case in _QUICK.items()}
    # Half of them have most entries in common: those are the ones that a neighbour could decide about.
    alike = [
        kind for kind in contents if "contradict" in kind and contents[kind] != contents["all contradict themselves"]
    ]
    kinds = chance.choices(sorted(contents), k=40) + chance.choices(alike, k=40)
    chance.shuffle(kinds)
    paths = {}
    for number, kind in enumerate(kinds):
        content = contents[kind]
        assert isinstance(content, bytes)
        paths[str(write(tmp_path, number, content))] = kind
    files = list_files([str(tmp_path)])

    def outcome(chosen: Sequence[int], bounds: Sequence[int]) -> dict[str, str]:
        """What becomes of these files, read in these spans."""
        slots = arrange([(minute(number), files[number]) for number in chosen], [], 1)
        told: dict[str, str] = {}
        for start, stop in zip([0, *bounds], [*bounds, len(slots)], strict=True):
            result = extract_span(slots, start, stop, expected)
            for path in result.loaded_paths:
                told[path] = "accepted"
            for each in result.quarantined:
                told[each.file.path] = f"{each.reason}: {each.detail}"
            if "snapshots" in result.tables:
                assert from_ipc(result.tables["snapshots"]).column("file").to_pylist() == result.loaded_paths
        return told

    alone: dict[str, str] = {}
    for number in range(len(files)):
        alone |= outcome([number], [])
    assert alone.keys() == paths.keys()
    assert {told.split(":")[0] for told in alone.values()} > {"accepted", "wrong_shape"}
    for _ in range(4):
        chosen = sorted(chance.sample(range(len(files)), chance.randint(20, len(files))))
        bounds = sorted(chance.sample(range(1, len(chosen)), chance.randint(0, 5)))
        assert outcome(chosen, bounds) == {files[number].path: alone[files[number].path] for number in chosen}


def test_a_long_run_of_bad_files_is_read_once(
    rows: Callable[..., list[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A collector kept error pages for days: no span may read all of them again in search of its neighbour."""
    monkeypatch.setattr("ingestion.loading.load.SPAN", 4)
    monkeypatch.setattr("ingestion.capture.extraction.MAX_STEPS_BACK", 3)
    read, times_read = extraction.read, Counter[str]()

    def counted(file: LandingFile, max_bytes: int) -> bytes:
        times_read[file.path] += 1
        return read(file, max_bytes)

    monkeypatch.setattr(extraction, "read", counted)
    good = [0, 1, 30, 61]
    for number in range(62):
        write(tmp_path / "in", number, app({"1": [f"b{number}"]}) if number in good else b"<html>")
    summary = load([str(tmp_path / "in")], LoadOptions(workers=1))
    assert (summary.new, len(summary.quarantined)) == (len(good), 62 - len(good))
    assert rows("select snapshot_at, previous_snapshot_at from raw.snapshots order by 1") == [
        (minute(number), minute(before) if before is not None else None)
        for number, before in zip(good, [None, *good], strict=False)
    ]
    bad = [count for path, count in times_read.items() if Path(path).name not in {tiny.name(number) for number in good}]
    assert max(bad) <= 3, bad  # once as its own, twice at most as a neighbour's neighbour
