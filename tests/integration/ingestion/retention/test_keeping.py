"""Keeping: what is put into containers, deleted or pruned changes nothing in what is loaded, and nothing that is yet to come."""

from __future__ import annotations

import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from raw import ONE, Raw, simulated, strings
from tiny import app, minute, put, street, touch, write

from ingestion.landing import landing_zone
from ingestion.loading import catalog
from ingestion.loading.load import LoadOptions, load
from ingestion.retention.compacting import compact, delete, zone_at
from ingestion.retention.pruning import prune
from velib.core.errors import VelibError

NOW = datetime.now(UTC)


def test_after_compacting_nothing_is_new_and_a_fresh_load_gives_the_same(
    raw: Raw, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = simulated(folder)
    broken = files.pop(11)
    broken.write_bytes(broken.read_bytes()[:400])
    touch(broken)
    load([str(folder)], ONE)
    before, stood = (
        raw.counting(),
        raw.rows("select file, file_bytes, file_modified_ns, content_hash from raw.snapshots"),
    )
    kept = compact(zone_at(str(folder)), NOW, dry_run=False)
    assert (kept.files, kept.left) == (30, 0)
    assert not any(file.exists() for file in files)

    with monkeypatch.context() as patch:
        patch.setattr(landing_zone, "read", lambda *_: pytest.fail("what is known is read again"))
        again = load([str(folder)], ONE)
    assert (again.files, again.known, again.still_quarantined) == (30, 29, 1)
    raw.check(folder)
    raw.execute("drop schema raw cascade")
    assert load([str(folder)], LoadOptions(workers=2)).new == 29
    raw.check(folder)
    assert raw.counting() == before
    assert sorted(raw.rows("select file, file_bytes, file_modified_ns, content_hash from raw.snapshots")) == sorted(
        stood
    )
    assert raw.quarantine() == {broken.name: "truncated_gzip"}


def test_late_and_repaired_files_beside_a_container(raw: Raw, folder: Path) -> None:
    files = simulated(folder, snapshots=12)
    late, other = files[4], files[7]
    away = folder.parent / late.name
    shutil.move(late, away)
    whole = other.read_bytes()
    other.write_bytes(whole[:300])
    touch(other)
    load([str(folder)], ONE)
    compact(zone_at(str(folder)), NOW, dry_run=False)
    shutil.move(away, late)
    other.write_bytes(whole)
    touch(other)
    summary = load([str(folder)], ONE)
    assert (summary.new, summary.known, summary.quarantined) == (2, 10, [])
    raw.check(folder)
    compact(zone_at(str(folder)), NOW, dry_run=False)
    assert load([str(folder)], ONE).known == 12
    assert not list(folder.glob("*.json.gz"))
    raw.check(folder)


def test_only_what_is_loaded_is_deleted(raw: Raw, folder: Path) -> None:
    files = simulated(folder, snapshots=18)  # three hours
    hours = [file.name.split("_")[-2][:2] for file in files]
    first, second, third = (
        [file for file, of in zip(files, hours, strict=True) if of == hour] for hour in sorted({*hours})
    )
    copy = folder / f"copy_{files[1].name}"
    shutil.copy(files[1], copy)
    touch(copy)
    broken = second[2]
    broken.write_bytes(b"[]")
    touch(broken)
    load([str(folder)], ONE)
    compact(zone_at(str(folder)), NOW, dry_run=False)
    fresh = write(folder, 5, app({"1": ["a"]}))
    before = raw.counting()
    would = delete(zone_at(str(folder)), raw.connection, NOW, dry_run=True)
    assert len(landing_zone.list_files([str(folder)])) == 20
    done = delete(zone_at(str(folder)), raw.connection, NOW, dry_run=False)
    assert would == done
    # Of the second hour's container nothing goes, for the sake of one in quarantine; what was not loaded stays too.
    assert (done.files, done.left) == (len(first) + len(third) + 1, len(second) + 1)
    assert [file.path for file in landing_zone.list_files([str(folder)])] == sorted(strings([*second, fresh]))
    assert raw.counting() == before
    assert load([str(folder)], ONE).new == 1, "its neighbours' files are gone"


def test_what_stood_in_for_a_member_of_a_container_does_not_go_alone(raw: Raw, folder: Path) -> None:
    """The member would be there again, with a content that counts no more."""
    first, second = (write(folder, number, app({"1": [f"b{number}"]})) for number in (0, 1))
    load([str(folder)], ONE)
    compact(zone_at(str(folder)), NOW, dry_run=False)
    put(first, app({"1": ["rewritten"]}))
    put(second, app({"1": ["not loaded"]}))
    load([str(first)], ONE)
    before = raw.counting()
    done = delete(zone_at(str(folder)), raw.connection, NOW, dry_run=False)
    assert (done.files, done.left) == (0, 4)
    load([str(first)], ONE)
    assert raw.counting() == before
    load([str(folder)], ONE)
    before = raw.counting()
    done = delete(zone_at(str(folder)), raw.connection, NOW, dry_run=False)
    assert (done.files, done.left) == (4, 0)
    assert not list(folder.iterdir())
    assert raw.counting() == before


def test_a_container_with_something_else_in_it_is_not_deleted(raw: Raw, folder: Path) -> None:
    write(folder, 0, app({"1": ["b0"]}))
    write(folder, 1, app({"1": ["b1"]}))
    compact(zone_at(str(folder)), NOW, dry_run=False)
    [container] = folder.iterdir()
    with zipfile.ZipFile(container, "a") as archive:
        archive.writestr("notes.txt", "what became of station 1")
    load([str(folder)], ONE)
    assert delete(zone_at(str(folder)), raw.connection, NOW, dry_run=False).left == 3
    assert container.exists()


def test_a_container_that_was_broken_and_is_whole_is_no_longer_in_quarantine(raw: Raw, folder: Path) -> None:
    for number in (0, 1):
        write(folder, number, app({"1": [f"b{number}"]}))
    compact(zone_at(str(folder)), NOW, dry_run=False)
    [container] = folder.iterdir()
    whole = container.read_bytes()
    container.write_bytes(whole[:-100])
    load([str(folder)], ONE)
    assert raw.quarantine() == {container.name: "broken_container"}
    again = load([str(folder)], ONE)
    assert (again.quarantined, again.still_quarantined) == ([], 1)
    container.write_bytes(whole)
    assert load([str(folder)], ONE).new == 2
    assert raw.quarantine() == {}
    raw.check(folder)


def test_what_is_written_while_it_is_deleted_stays(raw: Raw, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [write(folder, number, app({"1": [f"b{number}"]})) for number in (0, 1)]
    load([str(folder)], ONE)
    known = catalog.known_files

    def meanwhile(*arguments: Any) -> Any:
        found = known(*arguments)
        put(files[0], app({"1": ["rewritten"]}))
        return found

    monkeypatch.setattr(catalog, "known_files", meanwhile)
    done = delete(zone_at(str(folder)), raw.connection, NOW, dry_run=False)
    assert (done.files, done.left) == (1, 1)
    assert [file.exists() for file in files] == [True, False]


def test_what_is_captured_where_change_sets_are_pruned_is_refused(raw: Raw, folder: Path) -> None:
    files = [write(folder, number, app({"1": [f"b{number}"]})) for number in (0, 2, 4)]
    load([str(folder)], ONE)
    before = raw.counting()
    with pytest.raises(VelibError, match="the marts are not built"):
        prune(raw.connection, NOW)
    raw.execute("insert into raw.prunings values ('velib_app', %s, now())", minute(2))
    write(folder, 1, app({"1": ["late"]}))
    write(folder, 2, app({"1": ["another"]}), prefix="s")
    write(folder, 2, app({"1": ["b2"]}), prefix="t")
    put(files[0], app({"1": ["rewritten"]}))
    write(folder, 3, app({"1": ["in time"]}))
    (folder / "other").mkdir()
    elsewhere = write(folder / "other", 1, street({"1": ["a"]}))
    summary = load([str(folder)], ONE)
    assert (summary.new, summary.known, summary.duplicates) == (2, 2, 1)
    assert raw.quarantine() == {
        "r_20260602_080000_UTC.json": "pruned",
        "r_20260602_080100_UTC.json": "pruned",
        "s_20260602_080200_UTC.json": "pruned",
    }
    assert "up to 2026-06-02 08:02:00 UTC are pruned" in summary.quarantined[0].detail
    late = {("nextbike", minute(1), elsewhere.name), ("velib_app", minute(3), "r_20260602_080300_UTC.json")}
    assert set(raw.counting()) == {*before, *late}
    again = load([str(folder)], ONE)
    assert (again.new, again.quarantined, again.still_quarantined) == (0, [], 3)


def _zip(folder: Path, members: dict[str, bytes]) -> Path:
    """As any zip program makes one: without a stamp that could be trusted."""
    container = folder / "20260602T08.snapshots.zip"
    with zipfile.ZipFile(container, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 6, 2, 10, 0, 0)), content)
    touch(container)
    return container


def test_bad_members_of_an_unchanged_container_are_new_once(raw: Raw, folder: Path) -> None:
    good, bad, shape = (f"r_20260602_08{each:02}00_UTC.json" for each in range(3))
    gz = f"{shape}.gz"
    members = {good: app({"1": ["b0"]}), bad: b"root:x:0:0", shape: b"[{}]", gz: b"\x1f\x8b\x08"}
    _zip(folder, members)
    first = load([str(folder)], ONE)
    assert (first.new, len(first.quarantined)) == (1, 3)
    assert "root" not in str(raw.rows("select detail from raw.quarantined_files"))
    for _ in range(2):
        again = load([str(folder)], ONE)
        assert (again.new, again.known, again.quarantined, again.still_quarantined) == (0, 1, [], 3)
    # Another content is news, and so are other options; what is repaired is none.
    _zip(folder, {**members, bad: b"null", shape: app({"1": ["b2"]})})
    changed = load([str(folder)], ONE)
    assert (changed.new, [each.reason for each in changed.quarantined], changed.still_quarantined) == (
        1,
        ["unknown_format"],
        1,
    )
    otherwise = load([str(folder)], LoadOptions(workers=1, max_bytes=10_000))
    assert (len(otherwise.quarantined), otherwise.still_quarantined) == (2, 0)


def test_a_bad_file_as_young_as_its_stamp_is_new_once(raw: Raw, folder: Path) -> None:
    (folder / "r_20260602_080000_UTC.json").write_bytes(
        b"{"
    )  # not kept with its stamp, which may be that of its next content
    assert len(load([str(folder)], ONE).quarantined) == 1
    again = load([str(folder)], ONE)
    assert (again.quarantined, again.still_quarantined) == ([], 1)


@pytest.mark.parametrize("by", ["another program", "velib keep"])
def test_a_damaged_member_costs_itself_alone(raw: Raw, folder: Path, by: str) -> None:
    names = [f"r_20260602_08{each:02}00_UTC.json" for each in range(3)]
    contents = {name: app({"1": [f"b{number}"]}) for number, name in enumerate(names)}
    if by == "velib keep":
        for name, content in contents.items():
            touch(put(folder / name, content))
        compact(zone_at(str(folder)), NOW, dry_run=False)
        [container] = folder.iterdir()
    else:
        container = _zip(folder, contents)
    whole = container.read_bytes()
    container.write_bytes(whole.replace(b'"b1"', b'"bX"'))
    done = load([str(folder)], ONE)
    assert (done.new, [each.reason for each in done.quarantined]) == (2, ["broken_member"])
    assert "does not have the checksum" in done.quarantined[0].detail
    again = load([str(folder)], ONE)
    assert (again.new, again.quarantined, again.still_quarantined) == (0, [], 1)
    # It is not put into a container once more as if it were whole.
    touch(put(folder / "r_20260602_083000_UTC.json", app({"1": ["b9"]})))
    assert compact(zone_at(str(folder)), NOW, dry_run=False).left == 1
    container.write_bytes(whole)
    assert load([str(folder)], ONE).new == 2
    assert raw.quarantine() == {}
    raw.check(folder)
