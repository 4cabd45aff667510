"""Loading into a real PostgreSQL: whatever comes, in whatever order, however often killed, raw says what the files say.

`check` is what most tests end with: every snapshot rebuilt from the change sets equals its file, read by tests/reference.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import tiny
import xxhash
from change_sets import SNAPSHOTS
from faults.database import Database
from faults.processes import Velib
from raw import ONE, Raw, simulated, strings
from tiny import app, gbfs, minute, put, station, street, touch, write

import ingestion.loading.load
from ingestion.capture import extraction
from ingestion.landing import landing_zone
from ingestion.landing.files import LandingFile
from ingestion.loading import catalog, raw_schema
from ingestion.loading.dlt_source import work_folder
from ingestion.loading.load import LoadOptions, LoadSummary, load
from ingestion.retention.cleaning import clean
from velib.core import settings
from velib.core.errors import VelibError
from velib.monitoring.health import judge, look
from velib.monitoring.status import warehouse_status
from velib.postgres import processes
from velib.postgres.connections import connect_to


def digest(payload: bytes) -> str:
    return xxhash.xxh3_128_hexdigest(payload)


def ranked(*payloads: bytes) -> list[bytes]:
    """The payloads by their hashes: the first one counts."""
    return sorted(payloads, key=digest)


# --- order, batches, repeats -----------------------------------------------------------------------------------------


def _together(files: list[Path]) -> None:
    load(strings(files), LoadOptions(workers=2))


def _in_short_spans(files: list[Path]) -> None:
    load(strings(files), ONE)


def _shuffled(files: list[Path]) -> None:
    order = files[:]
    random.Random(3).shuffle(order)
    for part in (order[:4], order[4:15], order[15:16], order[16:]):
        load(strings(part), ONE)


def _backwards_one_by_one(files: list[Path]) -> None:
    load(strings(files[5:]), LoadOptions(workers=1, batch_files=15))
    load(strings(files[2:5]), LoadOptions(workers=1, batch_files=1))
    for file in reversed(files[:2]):
        load([str(file)], ONE)


@pytest.mark.parametrize("way", [_together, _in_short_spans, _shuffled, _backwards_one_by_one])
def test_the_order_and_the_batches_do_not_matter(
    way: Callable[[list[Path]], None], raw: Raw, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way is _in_short_spans:
        monkeypatch.setattr(ingestion.loading.load, "SPAN", 4)
    files = simulated(folder)
    files[11].write_bytes(files[11].read_bytes()[:400])
    files[20].write_bytes(gzip.compress(b"[]"))
    again = put(folder / f"again_{files[13].name}", files[13].read_bytes())
    other = put(folder / f"other_{files[14].name}", files[15].read_bytes())
    way([*files, again, other])
    raw.check(folder)
    broken = {files[11].name: "truncated_gzip", files[20].name: "empty_list"}
    loser = max(files[14], other, key=lambda file: digest(gzip.decompress(file.read_bytes())))
    assert raw.quarantine() == broken | {loser.name: "conflicting_capture_time"}
    assert len(raw.rows("select path from raw.duplicate_files")) == 1

    written = raw.written()
    repeated = load([str(folder)], ONE)
    assert (repeated.new, repeated.changes, repeated.load_ids, raw.written()) == (0, 0, [], written)
    # Those written just now are read again, for their time stamps cannot be trusted yet.
    assert repeated.skipped + repeated.still_quarantined + len(repeated.quarantined) == repeated.files


def test_touched_files_are_known_by_their_content(raw: Raw, folder: Path) -> None:
    files = [write(folder, number, app({"1": [f"b{number}"]})) for number in range(4)]
    load([str(folder)], ONE)
    for file in files:
        touch(file)
    first, second = load([str(folder)], ONE), load([str(folder)], ONE)
    for found in (first, second):
        assert (found.new, found.known, found.changes, found.load_ids) == (0, 4, 0, [])
    assert raw.written() == 4
    stamps = raw.rows("select file, file_modified_ns from raw.snapshots")
    assert dict(stamps) == {str(file): file.stat().st_mtime_ns for file in files}


def test_a_time_stamp_is_not_trusted_when_the_file_has_just_been_written(raw: Raw, folder: Path) -> None:
    file = folder / tiny.name(0)
    for bikes in (["a"], ["b"]):  # the same size, perhaps within one tick of the clock
        file.write_bytes(app({"1": bikes}))
        load([str(folder)], ONE)
        assert raw.rows("select file_modified_ns from raw.snapshots where file_modified_ns is not null") == []
        raw.check(folder)


@pytest.mark.parametrize(("late", "rewritten"), [(0, [0, 1]), (2, [2, 3]), (4, [4])])
def test_a_late_file_costs_its_own_change_set_and_its_successors(
    late: int, rewritten: list[int], raw: Raw, folder: Path
) -> None:
    networks: list[dict[str, list[str]]] = [
        {"1": ["a"], "2": []},
        {"1": []},
        {"1": [], "2": ["a"]},
        {"1": ["a"]},
        {"2": []},
    ]
    files = [write(folder, number, app(network)) for number, network in enumerate(networks)]
    load(strings([file for number, file in enumerate(files) if number != late]), ONE)
    before = raw.rows("select max(change_set_id) from raw.snapshots")[0][0]
    summary = load([str(folder)], ONE)
    assert summary.new == 1
    found = raw.rows("select snapshot_at from raw.snapshots where change_set_id > %s order by 1", before)
    assert [at for (at,) in found] == [minute(number) for number in rewritten]
    raw.check(folder)


# --- killed (more of it in test_load_faults.py), twice at once -------------------------------------------------------


def test_a_killed_loads_last_statement_is_waited_for(raw: Raw, folder: Path) -> None:
    """The server finishes a dead client's statement. Were the load complete only then, two loads would count that know
    nothing of each other."""
    for number in (0, 9):
        write(folder, number, app({"1": [f"b{number}"]}))
    load([str(folder)], ONE)
    write(folder, 3, app({"1": ["x"]}))
    database = Database(raw.url)
    with database.locked("raw.quarantined_files"):
        Velib("load", str(folder)).wait_for(lambda: database.awaited("raw.quarantined_files")).kill()
        late = write(folder, 6, app({"1": ["y"]}))
        found: list[LoadSummary] = []
        following = threading.Thread(target=lambda: found.append(load([str(late)], ONE)))
        following.start()
        following.join(1)
        assert following.is_alive()
    following.join(60)
    assert found
    load([str(folder)], ONE)
    raw.check(folder)


def test_two_loads_at_once(raw: Raw, folder: Path) -> None:
    files = simulated(folder)
    both = [Velib("load", str(folder), "--batch", "8", "--workers", "1") for _ in range(2)]
    outcomes = [each.outcome() for each in both]
    assert [each.code for each in outcomes] == [0, 0], outcomes
    new = [int(each.out.split(" new")[0].split()[-1]) for each in outcomes]
    assert sum(new) == len(files), outcomes
    assert raw.written() <= len(files) + 2 * 4  # where the two took turns, a successor is written again
    raw.check(folder)


def test_a_lost_lock_ends_the_load_before_it_writes(raw: Raw, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, 0, app({"1": ["a"]}))
    inner = ingestion.loading.load.extract_span

    def cut(*arguments: Any) -> Any:
        raw.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'velib load'"
            " and datname = current_database()"
        )
        return inner(*arguments)

    monkeypatch.setattr(ingestion.loading.load, "extract_span", cut)
    with pytest.raises(VelibError, match=r"^the database failed: "):
        load([str(folder)], ONE)
    assert raw.counting() == []


def test_a_worker_killed_is_one_clear_line(raw: Raw, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulated(folder)
    monkeypatch.setattr(ingestion.loading.load, "extract_span", _die)
    with pytest.raises(VelibError, match="a process that read files was killed"):
        load([str(folder)], LoadOptions(workers=2))
    assert raw.counting() == []


def _die(*_: Any) -> None:
    os._exit(9)


def test_a_load_killed_before_it_notes_the_outcomes(raw: Raw, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The displaced file is known to the raw schema as loaded, and must be found out all the same."""
    small, large = ranked(app({"1": ["a"]}), app({"1": ["b"]}))
    write(folder, 0, large, "first")
    load([str(folder)], ONE)
    winner = write(folder, 0, small, "second")
    with monkeypatch.context() as patch:
        patch.setattr(catalog, "record_outcomes", _killed)
        with pytest.raises(KeyboardInterrupt):
            load([str(folder)], ONE)
    summary = load([str(folder)], ONE)
    assert [each.reason for each in summary.quarantined] == ["conflicting_capture_time"]
    assert raw.quarantine() == {tiny.name(0, "first"): "conflicting_capture_time"}
    put(winner, max((app({"1": [f"c{n}"]}) for n in range(50)), key=digest))
    load([str(winner)], ONE)
    raw.check(folder)


def _killed(*_: Any) -> None:
    raise KeyboardInterrupt


# --- quarantine ------------------------------------------------------------------------------------------------------

GOOD = app({"1": ["a"], "2": ["b"]})
TEN = [station(str(code), [f"b{code}"]) for code in range(10)]
ZEROS = gzip.compress(bytes(16 * 1024 * 1024))
BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty_file"),
    "empty inside": (gzip.compress(b""), "empty_file"),
    "broken gzip": (gzip.compress(GOOD)[:40] + b"\xff" * 40 + gzip.compress(GOOD)[80:], "broken_gzip"),
    "truncated gzip": (gzip.compress(GOOD)[:-30], "truncated_gzip"),
    "truncated JSON": (GOOD[:-20], "invalid_json"),
    "no JSON": (b"<html>502 Bad Gateway</html>", "invalid_json"),
    "not UTF-8": (GOOD.replace(b"Station 1", b"Station \xff"), "invalid_json"),
    "another shape": (b'{"type": "FeatureCollection", "features": []}', "unknown_format"),
    "a number": (b"42", "unknown_format"),
    "an array of nothing": (b"[]", "empty_list"),
    "an array of numbers": (b"[1, 2]", "unknown_format"),
    "a field is missing": (GOOD.replace(b'"nbBike"', b'"nbBikes"', 1), "missing_field"),
    "a field of another kind": (GOOD.replace(b'"nbBike": 1', b'"nbBike": "many"', 1), "wrong_shape"),
    "a count beyond": (GOOD.replace(b'"nbBike": 1', b'"nbBike": 99999', 1), "wrong_shape"),
    "a NUL": (GOOD.replace(b"Station 1", b"Station \\u0000"), "wrong_shape"),
    "half a surrogate pair": (GOOD.replace(b"Station 1", b"Station \\ud800"), "wrong_shape"),
    "contradicts its counts": (app([*TEN[:7], *(station(f"x{n}", counted=3) for n in range(3))]), "contradicts_itself"),
    "a gigabyte": (ZEROS * 64, "too_large"),
    "nested": (b"[" * 200_000, "too_deep"),
    "nested within": (GOOD[:-1] + b"," + b'{"a":' * 200_000 + b"1" + b"}" * 200_000 + b"]", "too_deep"),
}


def test_each_bad_file_has_its_reason_and_is_loaded_once_repaired(raw: Raw, folder: Path) -> None:
    for number, (kind, (content, _)) in enumerate(BAD.items()):
        put(folder / tiny.name(2 * number, kind), content)
    for number in range(len(BAD) + 1):
        write(folder, 2 * number - 1, app({"1": [f"g{number}"], "2": []}))
    put(folder / "no time.json", GOOD)
    put(folder / "no time in the content.json", gbfs({"1": 1}, minute(0)).replace(b"last_updated", b"was_updated"))
    put(folder / "r_20260229_080000_UTC.json", GOOD)
    options = LoadOptions(workers=2, max_bytes=20 * 1024 * 1024)
    summary = load([str(folder)], options)
    assert summary.new == len(BAD) + 1
    expected = {tiny.name(2 * number, kind): reason for number, (kind, (_, reason)) in enumerate(BAD.items())}
    times = {"no time.json", "no time in the content.json", "r_20260229_080000_UTC.json"}
    assert raw.quarantine() == expected | dict.fromkeys(times, "no_capture_time")
    assert len(summary.quarantined) == len(raw.quarantine())
    details = raw.rows("select path, detail from raw.quarantined_files where detail = '' or detail ~ '[\\x01-\\x1f]'")
    assert details == []

    again = load([str(folder)], options)
    assert (again.new, again.quarantined, again.still_quarantined) == (0, [], len(BAD) + 3)

    (folder / "no time.json").rename(folder / tiny.name(-4))
    (folder / "no time in the content.json").unlink()
    (folder / "r_20260229_080000_UTC.json").unlink()
    for number, kind in enumerate(BAD):
        put(folder / tiny.name(2 * number, kind), app({"1": [f"g{number}"], "2": [f"r{number}"]}))
    assert load([str(folder)], options).new == len(BAD) + 1
    assert set(raw.quarantine()) == times  # the paths that are gone stay; nothing else does
    raw.check(folder)


def test_a_contradiction_of_few_is_believed(raw: Raw, folder: Path) -> None:
    write(folder, 0, app([*TEN[:8], station("x1", counted=3), station("x2", counted=3)]))
    assert load([str(folder)], ONE).new == 1


def test_other_options_give_a_quarantined_file_another_chance(raw: Raw, folder: Path) -> None:
    file = write(folder, 0, app({"1": ["a"], "2": ["b"]}))
    assert load([str(folder)], LoadOptions(workers=1, max_bytes=100)).quarantined[0].reason == "too_large"
    assert load([str(folder)], LoadOptions(workers=1, max_bytes=100)).still_quarantined == 1
    assert load([str(folder)], LoadOptions(workers=1, format_name="gbfs")).quarantined[0].reason in {
        "wrong_shape",
        "missing_field",
        "invalid_json",
    }
    assert load([str(folder)], ONE).new == 1
    assert raw.quarantine() == {}
    raw.check(file)


def test_a_damaged_rewrite_takes_nothing_away(raw: Raw, folder: Path) -> None:
    good = app({"1": ["a"]})
    file = write(folder, 0, good)
    load([str(folder)], ONE)
    put(file, good[:-5])
    load([str(folder)], ONE)
    assert raw.quarantine() == {file.name: "invalid_json"}
    assert [name for _, _, name in raw.counting()] == [file.name]
    put(file, good)
    summary = load([str(folder)], ONE)
    assert (summary.new, summary.known, raw.quarantine()) == (0, 1, {})
    raw.check(folder)


# --- two files of one capture time -----------------------------------------------------------------------------------

BEFORE, AFTER = app({"1": ["a"], "2": []}), app({"1": [], "2": ["c"]})
SMALL, LARGE = ranked(app({"1": ["b"], "2": []}), app({"1": [], "2": ["b"]}))


@pytest.mark.parametrize("order", ["small first", "large first", "together"])
def test_of_two_contents_the_smaller_hash_counts(order: str, raw: Raw, folder: Path) -> None:
    write(folder, 0, BEFORE)
    write(folder, 2, AFTER)
    small, large = write(folder, 1, SMALL, "z"), write(folder, 1, LARGE, "a")
    first = {"small first": [large], "large first": [small], "together": []}[order]
    load(strings([file for file in folder.iterdir() if file not in first]), ONE)
    load([str(folder)], ONE)
    assert raw.counting()[1][2] == small.name
    assert raw.quarantine() == {large.name: "conflicting_capture_time"}
    raw.check(folder)

    # It comes back when the winner has another content, be the loser named or not.
    put(small, max((app({"1": [f"n{n}"], "2": []}) for n in range(50)), key=digest))
    summary = load([str(small)], ONE)
    assert raw.counting()[1][2] == large.name
    assert raw.quarantine() == {small.name: "conflicting_capture_time"}
    assert (summary.files, summary.new, len(summary.quarantined)) == (1, 1, 1)
    raw.check(folder)


def test_a_copy_counts_again_when_the_other_is_rewritten(raw: Raw, folder: Path) -> None:
    write(folder, 0, BEFORE)
    write(folder, 2, AFTER)
    first, copy = write(folder, 1, SMALL, "a"), write(folder, 1, SMALL, "b")
    summary = load([str(folder)], ONE)
    assert (summary.new, summary.duplicates, raw.quarantine()) == (3, 1, {})
    put(first, LARGE)
    load([str(folder)], ONE)
    assert raw.counting()[1][2] == copy.name
    assert raw.quarantine() == {first.name: "conflicting_capture_time"}
    assert raw.rows("select path from raw.duplicate_files") == []
    raw.check(folder)


@pytest.mark.parametrize("rival", ["a copy", "a loser"])
def test_a_file_that_is_away_while_another_is_rewritten_counts_once_it_is_back(
    rival: str, raw: Raw, folder: Path, tmp_path: Path
) -> None:
    smallest, small, large = ranked(*(app({"1": [f"b{number}"]}) for number in range(3)))
    write(folder, 2, AFTER)
    first = write(folder, 1, smallest, "a")
    second = write(folder, 1, smallest if rival == "a copy" else small, "b")
    load([str(folder)], ONE)
    away = second.rename(tmp_path / "away")
    put(first, large)
    load([str(folder)], ONE)
    assert raw.counting()[0][2] == first.name
    away.rename(second)
    load([str(folder)], ONE)
    assert raw.counting()[0][2] == second.name
    assert raw.quarantine() == {first.name: "conflicting_capture_time"}
    raw.check(folder)


def test_a_touched_file_may_lose_in_the_same_load(raw: Raw, folder: Path) -> None:
    large = write(folder, 1, LARGE, "a")
    load([str(folder)], ONE)
    touch(large)
    small = write(folder, 1, SMALL, "b")
    summary = load([str(folder)], ONE)
    assert (summary.files, summary.new, summary.known, len(summary.quarantined)) == (2, 1, 0, 1)
    assert raw.quarantine() == {large.name: "conflicting_capture_time"}
    again = load([str(folder)], ONE)
    assert (again.known, again.still_quarantined, again.quarantined) == (1, 1, [])
    touch(small)
    again = load([str(folder)], ONE)  # the loser is looked at too, and counted once
    assert (again.known, again.still_quarantined, again.quarantined) == (1, 1, [])
    raw.check(folder)


# --- files that are gone, or other ones by now -----------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["deleted", "cut", "rewritten"])
def test_a_neighbour_without_its_file_is_rebuilt(damage: str, raw: Raw, folder: Path, tmp_path: Path) -> None:
    networks: list[dict[str, list[str]]] = [
        {"1": ["a", "d"], "2": ["b"], "3": ["b", "c"]},
        {"1": ["a"], "3": ["b", "c"]},
        {"1": [], "2": ["a"], "3": []},
        {"1": ["d"], "2": [], "3": ["b", "c"]},
    ]
    files = [write(folder, number, app(network)) for number, network in enumerate(networks)]
    originals = tmp_path / "originals"
    shutil.copytree(folder, originals)
    load(strings([files[0], files[1], files[3]]), ONE)
    for file in (files[0], files[1], files[3]):
        if damage == "deleted":
            file.unlink()
        else:
            put(file, file.read_bytes()[:-3] if damage == "cut" else app({"9": ["q"]}))
    summary = load([str(files[2])], ONE)
    assert summary.new == 1
    raw.check(originals)


def test_a_neighbour_without_its_file_in_the_street(raw: Raw, folder: Path, tmp_path: Path) -> None:
    files = [
        write(folder, number, street(*each))
        for number, each in enumerate([({"1": ["7"]}, ["8", "9"]), ({"1": ["8"]}, ["7", "9"]), ({"1": ["7", "8"]}, [])])
    ]
    shutil.copytree(folder, tmp_path / "originals")
    load(strings([files[0], files[2]]), ONE)
    files[0].unlink()
    files[2].unlink()
    load([str(files[1])], ONE)
    raw.check(tmp_path / "originals")


def test_a_file_that_vanishes_while_it_is_read_breaks_no_chain(
    raw: Raw, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [write(folder, number, app({"1": [f"b{number}"]})) for number in range(6)]
    border = str(files[2])
    inner, reads = landing_zone.read, []

    def read(file: LandingFile, max_bytes: int) -> bytes:
        content = inner(file, max_bytes)
        reads.append(file.path)
        if file.path == border:
            files[2].unlink()  # after the first of the two that read it
        return content

    with monkeypatch.context() as patch:
        patch.setattr(ingestion.loading.load, "SPAN", 3)
        patch.setattr(extraction, "read", read)
        with pytest.raises(VelibError, match="changed while they were read"):
            load([str(folder)], ONE)
        assert reads.count(border) == 1
    assert raw.counting() == []
    load([str(folder)], ONE)
    raw.check(folder)


def test_one_path_that_is_written_again_every_minute(raw: Raw, folder: Path) -> None:
    """Its name has no time, its content has: each content is a snapshot of its own."""
    for number in (0, 1, 3, 2):
        put(folder / "status.json", gbfs({"1": number, "2": 5}, minute(number)))
        put(folder / "kept.json", gbfs({"1": number, "2": 5}, minute(number)))
        shutil.copy2(folder / "kept.json", folder / f"kept{number}.json")
        load([str(folder / "status.json")], ONE)
    (folder / "status.json").unlink()
    (folder / "kept.json").unlink()
    raw.check(folder)
    assert raw.quarantine() == {}


def test_a_file_rewritten_between_two_looks_gets_its_own_time(
    raw: Raw, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder / "status.json", gbfs({"1": 0}, minute(0)))
    inner = ingestion.loading.load.inspect
    looked: list[int] = []

    def look(*arguments: Any) -> Any:
        found = inner(*arguments)
        if len(looked) < 2:  # for the time, and for the feed
            looked.append(put(folder / "status.json", gbfs({"1": 1}, minute(1))).stat().st_size)
        return found

    monkeypatch.setattr(ingestion.loading.load, "inspect", look)
    load([str(folder)], ONE)
    assert [at for _, at, _ in raw.counting()] == [minute(1)]
    raw.check(folder)


# --- feeds -----------------------------------------------------------------------------------------------------------


def opendata(bikes: int) -> bytes:
    return json.dumps([{"stationcode": "1", "name": "x", "numbikesavailable": bikes, "is_renting": "OUI"}]).encode()


def information(text: str) -> bytes:
    return json.dumps({"data": {"stations": [{"station_id": "1", "name": text, "lat": 1, "lon": 2}]}}).encode()


def test_mixed_feeds_in_one_folder(raw: Raw, folder: Path) -> None:
    for number in range(3):
        write(folder, number, app({"1": [f"b{number}"]}), "app")
        write(folder, number, street({"1": [f"{number}"]}, ["9"]), "nextbike")
        write(folder, number, opendata(number), "opendata", zipped=True)
        write(folder, number, gbfs({"1": number}, minute(0)), "status")
        write(folder, number, information(f"n{number}"), "information")
        write(folder, number, b"{", f"bad{number}")
    summary = load([str(folder)], ONE)
    assert (summary.files, summary.new, len(summary.quarantined), summary.duplicates) == (18, 15, 3, 0)
    assert len(summary.load_ids) == 1
    feeds = {feed for feed, _, _ in raw.counting()}
    assert feeds == {"velib_app", "nextbike", "velib_opendata", "gbfs", "gbfs_information"}
    raw.check(folder)
    again = load([str(folder)], ONE)
    assert (again.new, again.known, again.still_quarantined) == (0, 15, 3)


def test_a_folder_names_the_feed_of_its_files(raw: Raw, folder: Path) -> None:
    for number in range(3):
        write(folder / "feed=caf%C3%A9" / "date=2026-06-02", number, app({"1": [f"a{number}"]}))
        write(folder / "feed=b", number, app({"1": [f"b{number}"]}) if number < 2 else opendata(number))
        write(folder / "feed=", number, app({"1": [f"c{number}"]}))
    write(folder / "feed=b", 0, b"[", "bad")
    summary = load([str(folder)], ONE)
    assert (summary.new, len(summary.quarantined)) == (9, 1)
    assert [(feed, at) for feed, at, _ in raw.counting()] == [
        (feed, minute(number)) for feed in ("b", "café", "velib_app") for number in range(3)
    ]
    assert raw.rows(
        "select feed, count(*) from raw.snapshots where previous_snapshot_at is null group by 1 order by 1"
    ) == [
        ("b", 1),
        ("café", 1),
        ("velib_app", 1),
    ]
    assert raw.rows("select feed from raw.quarantined_files") == [("b",)]
    assert (
        load([str(folder)], LoadOptions(workers=1, feed="over all")).known == 9
    )  # loaded is loaded, whatever it is called
    write(folder / "feed=b", 5, app({"1": ["a"]}))
    load([str(folder)], LoadOptions(workers=1, feed="over all"))
    assert [feed for feed, at, _ in raw.counting() if at == minute(5)] == ["over all"]


def test_a_feed_that_changes_its_format(raw: Raw, folder: Path) -> None:
    """A neighbour that is written again for a late file keeps its own format, whether its file is there or not."""
    forms = [opendata(0), app({"1": ["a"]}), opendata(2), app({"1": ["b"]}), app({"1": ["b"], "2": []}), opendata(5)]
    files = [write(folder / "feed=x", number, payload) for number, payload in enumerate(forms)]
    formats = {number: "velib_opendata" if number in (0, 2, 5) else "velib_app" for number in range(6)}
    load(strings([files[1], files[4], files[5]]), ONE)
    load(strings([files[0]]), ONE)
    files[4].rename(folder / "away")
    load(strings([files[3], files[2]]), ONE)
    (folder / "away").rename(files[4])
    found = raw.rows(
        f"select s.snapshot_at, s.format from raw.snapshots s join ({SNAPSHOTS}) c using (change_set_id) order by 1"
    )
    assert [name for _, name in found] == list(formats.values())
    raw.check(folder)


@pytest.mark.parametrize("wins", [0, 1])
def test_two_formats_of_one_feed_claim_a_capture_time(wins: int, raw: Raw, folder: Path) -> None:
    """Whichever counts: the other is in quarantine, and neither sends the load round and round for the other's sake."""
    payloads = [app({"1": ["a"]}), opendata(1)]
    for padded in range(100):
        payloads[1] = opendata(1) + b" " * padded
        if ranked(*payloads)[0] is payloads[wins]:
            break
    for number, payload in enumerate(payloads):
        write(folder / "feed=x", 0, payload, f"f{number}")
    write(folder / "feed=x", 1, app({"1": []}))
    assert load([str(folder)], ONE).new == 2
    assert raw.quarantine() == {tiny.name(0, f"f{1 - wins}"): "conflicting_capture_time"}
    raw.check(folder)
    put(folder / "feed=x" / tiny.name(0, f"f{wins}"), app({"1": ["c"], "2": ["d"]}))
    load([str(folder)], ONE)
    raw.check(folder)
    assert load([str(folder)], ONE).new == 0


def test_the_folder_is_lost_between_two_spans(raw: Raw, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk is unmounted under a load: nothing before the next span can be read, and the search for its neighbour ends."""
    monkeypatch.setattr("ingestion.loading.load.SPAN", 4)
    monkeypatch.setattr("ingestion.capture.extraction.MAX_STEPS_BACK", 3)
    for number in range(20):
        write(folder, number, app({"1": [f"b{number}"]}))
    inner = ingestion.loading.load.extract_span

    def unmounted(*arguments: Any) -> Any:
        result = inner(*arguments)
        if folder.exists():
            folder.rename(folder.with_name("elsewhere"))
        return result

    with monkeypatch.context() as patch:
        patch.setattr(ingestion.loading.load, "extract_span", unmounted)
        with pytest.raises(VelibError, match="files changed while they were read"):
            load([str(folder)], ONE)
    assert raw.counting() == []
    folder.with_name("elsewhere").rename(folder)
    assert load([str(folder)], ONE).new == 20
    raw.check(folder)


def test_a_forced_feed_and_a_forced_format(raw: Raw, folder: Path) -> None:
    write(folder, 0, app({"1": ["a"]}))
    write(folder, 1, opendata(1))
    summary = load([str(folder)], LoadOptions(workers=1, feed="mine", format_name="velib_app"))
    assert [each.reason for each in summary.quarantined] == ["missing_field"]
    assert raw.counting() == [("mine", minute(0), tiny.name(0))]
    # Without the format the second is what it is, in the feed it is said to be in, after what another format read.
    summary = load([str(folder)], LoadOptions(workers=1, feed="mine"))
    assert (summary.new, summary.known) == (1, 1)
    assert [feed for feed, _, _ in raw.counting()] == ["mine", "mine"]
    assert raw.rows("select format, previous_snapshot_at from raw.snapshots order by snapshot_at") == [
        ("velib_app", None),
        ("velib_opendata", minute(0)),
    ]


def test_a_forced_format_keeps_the_feeds_apart(raw: Raw, folder: Path) -> None:
    write(folder, 0, gbfs({"1": 1}, minute(0)), "status")
    write(folder, 0, information("x"), "information")
    load([str(folder)], LoadOptions(workers=1, format_name="gbfs"))
    assert {feed for feed, _, _ in raw.counting()} == {"gbfs", "gbfs_information"}
    assert raw.quarantine() == {}


def test_times_in_the_content_and_zones_of_names(raw: Raw, folder: Path) -> None:
    put(folder / "b.json", gbfs({"1": 1}, minute(5)))
    put(folder / "a.json", gbfs({"1": 2}, minute(7)))
    put(folder / "20260602_080600_UTC.json", gbfs({"1": 3}, minute(9)))  # a name counts before the content
    put(folder / "20260602_100800.json", gbfs({"1": 4}, minute(9)))  # Paris time
    load([str(folder)], ONE)
    assert [(at, name) for _, at, name in raw.counting()] == [
        (minute(5), "b.json"),
        (minute(6), "20260602_080600_UTC.json"),
        (minute(7), "a.json"),
        (minute(8), "20260602_100800.json"),
    ]
    raw.check(folder)


def test_hostile_text_arrives_as_text(raw: Raw, folder: Path) -> None:
    hostile = "'; drop table raw.snapshots; -- \x1b[31m <script>\t\n\\N \\. %s {} \U0001f6b2"
    write(
        folder, 0, app([station("1'--", [hostile.replace("/", "")], name=hostile)]), "'; drop schema raw cascade; --%s"
    )
    load([str(folder)], ONE)
    assert raw.rows("select station_code, name from raw.station_attribute_changes") == [("1'--", hostile)]
    assert raw.rows("select bike_id from raw.bike_changes") == [(hostile,)]
    raw.check(folder)


def test_the_first_and_the_last_second_of_the_calendar(raw: Raw, folder: Path) -> None:
    """PostgreSQL would show the last one in Paris as a day of year 10000, which Python has not."""
    (name,) = raw.rows("select current_database()")[0]
    raw.execute(f"alter database {name} set timezone = 'Europe/Paris'")
    for each in ("99991231_235959_UTC", "00010101_000000_UTC", "20260602_080000_UTC"):
        put(folder / f"{each}.json", app({"1": [each]}))
    load([str(folder)], ONE)
    put(folder / "20260602_080001_UTC.json", app({"1": ["x"]}))
    assert load([str(folder)], ONE).new == 1


# --- the database's address, the working folder ----------------------------------------------------------------------


def test_an_address_is_left_to_libpq(raw: Raw, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = psycopg2.extensions.parse_dsn(raw.url)
    host, port, user, password, name = (known[each] for each in ("host", "port", "user", "password", "dbname"))
    monkeypatch.setenv("PGPASSWORD", password)
    addresses = [
        f"postgresql://{user}@{host}:{port}/{name}",
        f"postgresql:///{name}?host={host}&port={port}&user={user}&password={password}&connect_timeout=9",
    ]
    for number, address in enumerate(addresses):
        write(folder, number, app({"1": [f"b{number}"]}))
        monkeypatch.setenv(settings.DATABASE_URL, address)
        assert load([str(folder)], ONE).new == 1
    raw.check(folder)


def test_working_folders_of_the_living_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.HOME, str(tmp_path))
    dead = tmp_path / "dlt" / "1-dead"  # process 1 lives, but perhaps in another container
    (dead / "inside").mkdir(parents=True)
    with work_folder() as first:
        assert not dead.exists()
        with work_folder() as second:
            assert first.is_dir()
            assert second.is_dir()
            assert first != second
    assert list((tmp_path / "dlt").iterdir()) == []


# --- what is said of it ----------------------------------------------------------------------------------------------


def test_status_and_progress_of_a_real_load(raw: Raw, folder: Path) -> None:
    for number in (0, 1, 2, 62, 63):
        write(folder, number, app({"1": [f"b{number}"], "2": []}))
    write(folder, 1, app({"1": ["b1"], "2": []}), "copy")
    write(folder, 3, b"{", "bad")
    listed: list[int] = []
    settled: list[int] = []
    load([str(folder)], LoadOptions(workers=1, batch_files=3), listed.append, settled.append)
    assert (listed, sum(settled)) == ([7], 7)
    again: list[int] = []
    load([str(folder)], ONE, on_progress=again.append)
    assert sum(again) == 7

    # As a killed load leaves it: rows, and no complete load that they belong to.
    raw.execute("insert into raw.loads values ('dead', now(), 999)")
    raw.execute(
        "create temp table dead as select * from raw.snapshots limit 1; update dead set _dlt_load_id = 'dead',"
        "change_set_id = 999, snapshot_at = '2030-01-01Z'; insert into raw.snapshots select * from dead"
    )
    found = warehouse_status(raw.connection)
    (feed,) = found.feeds
    assert (feed.snapshots, feed.first_at, feed.newest_at, feed.stations, feed.bikes) == (
        5,
        minute(0),
        minute(63),
        2,
        1,
    )
    assert (feed.cadence, feed.gap_count) == (timedelta(minutes=1), 1)
    assert [(gap.from_at, gap.to_at) for gap in feed.gaps] == [(minute(2), minute(62))]
    assert found.quarantine_counts == {"invalid_json": 1}
    assert (found.duplicates, found.dead_loads, found.loading_since, found.not_built) == (1, 1, None, None)
    # A load that has not begun to write, or `velib clean`, holds the lock: the dead one is no less dead. Then one writes.
    with contextlib.closing(connect_to(raw.url, "velib tests")) as connection, connection.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(%s)", (raw_schema.LOAD_LOCK,))
        found = warehouse_status(raw.connection)
        assert (found.dead_loads, found.loading_since) == (1, None)
        raw.execute("insert into raw.loads values ('begun', clock_timestamp(), 1000)")
        found = warehouse_status(raw.connection)
        assert (found.dead_loads, found.loading_since is None) == (1, False)
    # The server gives the lock back a moment after its session has gone.
    assert processes.wait_until(lambda: warehouse_status(raw.connection).dead_loads == 2, 10)


def test_a_late_file_fills_a_gap(raw: Raw, folder: Path) -> None:
    """Its successor's row says anew what was before it; the old row, of a gap, counts no more."""
    for number in (0, 1, 100, 101):
        write(folder, number, app({"1": ["a"]}))
    load([str(folder)], ONE)
    assert [feed.gap_count for feed in warehouse_status(raw.connection).feeds] == [1]
    write(folder, 60, app({"1": ["b"]}))
    load([str(folder)], ONE)
    (feed,) = warehouse_status(raw.connection).feeds
    assert [(gap.from_at, gap.to_at) for gap in feed.gaps] == [(minute(1), minute(60))]
    write(folder, 30, app({"1": ["c"]}))
    load([str(folder)], ONE)
    (feed,) = warehouse_status(raw.connection).feeds
    assert (feed.snapshots, feed.gap_count, feed.gaps) == (6, 0, ())


def test_a_load_can_be_interrupted_while_it_waits(raw: Raw, folder: Path) -> None:
    write(folder, 0, app({"1": ["a"]}))
    with contextlib.closing(connect_to(raw.url, "velib tests")) as connection, connection.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(%s)", (raw_schema.LOAD_LOCK,))
        waiting = Velib("load", str(folder))
        assert waiting.process.stderr is not None
        assert "another load is running" in waiting.process.stderr.readline()
        os.kill(waiting.process.pid, signal.SIGINT)
        assert waiting.process.wait(30) != 0
    assert raw.counting() == []


def test_the_session_that_holds_the_lock_may_be_idle(raw: Raw, folder: Path) -> None:
    """It is, while dlt writes over others; where the server ends idle sessions, not this one."""
    with contextlib.closing(connect_to(raw.url, "velib tests")) as connection:
        connection.autocommit = True
        connection.cursor().execute("set idle_session_timeout = '100ms'")
        with catalog.exclusive(connection):
            time.sleep(0.5)
            catalog.still_exclusive(connection)


def test_a_newer_layout_is_refused(raw: Raw, folder: Path) -> None:
    write(folder, 0, app({"1": ["a"]}))
    load([str(folder)], ONE)
    write(folder, 1, app({"1": ["b"]}))
    raw.execute("update raw.layout set version = version + 1")
    for verb in (
        lambda: load([str(folder)], ONE),
        lambda: warehouse_status(raw.connection),
        lambda: clean(raw.connection),
    ):
        with pytest.raises(
            VelibError, match=r"a newer version of this project wrote the database .* update the project"
        ):
            verb()
    assert raw.written() == 1


def test_status_of_an_empty_database(raw: Raw) -> None:
    found = warehouse_status(raw.connection)
    assert (found.feeds, found.quarantine_counts, found.last_load_at) == ((), {}, None)


def test_collectors_in_one_tree_are_said_to_be_several_feeds(raw: Raw, folder: Path) -> None:
    for collector in ("paris", "mirror"):
        (folder / collector).mkdir()
    for number in range(12):
        put(folder / "paris" / tiny.name(number), app({"1": [f"b{number}"]}))
        put(folder / "mirror" / tiny.name(number), app({"1": [f"c{number}"]}))
    done = load([str(folder)], ONE)
    assert [(each.feed, each.conflicts) for each in done.mixed] == [("velib_app", 12)]
    said = [line.said for line in judge(look(raw.connection)) if "several feeds" in line.said]
    assert said == [f"velib_app: {done.mixed[0].said}"]
    assert "paris/r_#" in said[0]
    assert "mirror/r_#" in said[0]
    raw.execute("drop schema raw cascade")
    for collector in ("paris", "mirror"):
        (folder / collector).rename(folder / f"feed={collector}")
    again = load([str(folder)], ONE)
    assert (again.new, again.mixed) == (24, [])
