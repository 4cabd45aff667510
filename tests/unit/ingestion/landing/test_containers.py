"""Containers: what is put in comes out as it was, also by any zip program; and what only looks like one is refused."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from ingestion.landing import containers
from ingestion.landing.containers import (
    BrokenContainerError,
    Content,
    DamagedMemberError,
    Tail,
    cut,
    members,
    name_for,
    pack,
    place_of,
    room_for,
)
from ingestion.landing.files import LandingFile, UnreadableFile
from ingestion.landing.landing_zone import exists, list_files, read
from ingestion.landing.names import is_snapshot
from velib.core.errors import VelibError

NAMES = [f"f_20260602T08{minute:02}00Z.json" for minute in range(3)]
CONTENTS = [Content(name, name.encode() * 9, 1_780_000_000_123_456_789 + n) for n, name in enumerate(NAMES)]


def packed(contents: list[Content] = CONTENTS) -> bytes:
    return b"".join(pack(contents))


def put(folder: Path, contents: list[Content] = CONTENTS) -> Path:
    path = folder / "20260602T08.snapshots.zip"
    path.write_bytes(packed(contents))
    return path


def test_what_is_put_in_comes_out() -> None:
    data = packed()
    found = members(io.BytesIO(data), is_snapshot)
    assert [(each.name, each.modified_ns) for each in found] == [(each.name, each.modified_ns) for each in CONTENTS]
    for each, content in zip(found, CONTENTS, strict=True):
        room = data[each.offset : each.offset + room_for(each.name, each.size)]
        assert cut(room, each.name, each.size, each.checksum) == content.data
        damaged = room.replace(b"f_", b"F_").replace(b"F_", b"f_", 1)
        with pytest.raises(DamagedMemberError, match="checksum"):
            cut(damaged, each.name, each.size, each.checksum)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {each.name: each.data for each in CONTENTS}
    assert packed() == data  # nothing of the moment is in it


def test_the_end_tells_what_is_in_it() -> None:
    data = packed()
    assert members(Tail(data[-400:], len(data)), is_snapshot) == members(io.BytesIO(data), is_snapshot)  # type: ignore[arg-type]
    with pytest.raises(BrokenContainerError):
        members(Tail(data[-100:], len(data)), is_snapshot)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "container"),
    [
        ("velib_20260602T081500Z.json.gz", "20260602T08.snapshots.zip"),
        ("a_20260101_000000_b_20260602_235959_CEST.json", "20260602T23.snapshots.zip"),
        ("snapshot.json", None),
        ("120260602T081500.json", None),
        (".json", None),
    ],
)
def test_the_name_alone_says_which_one(name: str, container: str | None) -> None:
    assert name_for(name) == container
    assert place_of(f"/in/{name}") == (None if container is None else f"/in/{container}")
    assert place_of(f"s3://b/in/{name}") == (None if container is None else f"s3://b/in/{container}")


def test_listed_and_read_as_if_each_lay_beside_it(tmp_path: Path) -> None:
    container = put(tmp_path)
    files = list_files([str(tmp_path)])
    assert [(file.path, file.size, file.modified_ns) for file in files] == [
        (str(tmp_path / each.name), len(each.data), each.modified_ns) for each in CONTENTS
    ]
    assert [read(file, 1000) for file in files] == [each.data for each in CONTENTS]
    for path in ("*.json", "*T0801*", NAMES[1], "**/*", container.name, "*.zip"):
        wanted = [files[1]] if "1" in path else files
        assert list_files([str(tmp_path / path)]) == (files if path == container.name else wanted), path
    assert exists(str(tmp_path / NAMES[0]))
    assert not exists(str(tmp_path / NAMES[0].replace("T08", "T09")))
    with pytest.raises(VelibError, match="no such file"):
        list_files([str(tmp_path / NAMES[0].replace("Z", "UTC"))])


def test_a_file_of_its_own_counts_before_the_one_in_a_container(tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / NAMES[1]).write_bytes(b"[1]")
    files = list_files([str(tmp_path)])
    assert [file.path for file in files] == [str(tmp_path / name) for name in NAMES]
    assert [file.within is None for file in files] == [False, True, False]
    assert read(files[1], 1000) == b"[1]"


def test_a_file_that_has_moved_since_it_was_listed(tmp_path: Path) -> None:
    """Into a container, to another place in it, and out of it again."""
    for each in CONTENTS:
        (tmp_path / each.name).write_bytes(each.data)
    loose = list_files([str(tmp_path)])
    container = put(tmp_path)
    for each in CONTENTS:
        (tmp_path / each.name).unlink()
    within = list_files([str(tmp_path)])
    assert [read(file, 1000) for file in loose] == [each.data for each in CONTENTS]
    put(tmp_path, [Content("a_20260602T080000Z.json", b"[]", None), *CONTENTS])
    assert [read(file, 1000) for file in within] == [each.data for each in CONTENTS]
    container.unlink()
    for file in (*loose, *within):
        with pytest.raises(UnreadableFile) as caught:
            read(file, 1000)
        assert caught.value.reason == "unreadable"
    for each in CONTENTS:
        (tmp_path / each.name).write_bytes(each.data)
    assert [read(file, 1000) for file in within] == [each.data for each in CONTENTS]


def test_the_limit_holds_inside(tmp_path: Path) -> None:
    put(tmp_path)
    for file in [*list_files([str(tmp_path)]), LandingFile(str(tmp_path / NAMES[0]), 1, None)]:
        with pytest.raises(UnreadableFile) as caught:
            read(file, 20)
        assert caught.value.reason == "too_large"


def _compressed() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(NAMES[0], b"[]" * 1000)
    return sink.getvalue()


def _in_a_folder() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr(f"../{NAMES[0]}", b"[]")
    return sink.getvalue()


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", packed()[:-30], packed()[30:], _compressed(), _in_a_folder(), b"PK\x05\x06" + b"\xff" * 18],
    ids=["empty", "json", "cut", "headless", "compressed", "folders", "garbage"],
)
def test_what_only_looks_like_one_is_a_file_that_cannot_be_read(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / f"x{containers.SUFFIX}"
    path.write_bytes(data)
    (file,) = list_files([str(tmp_path)])
    assert file.path == str(path)
    with pytest.raises(UnreadableFile) as caught:
        read(file, 1000)
    assert caught.value.reason == "broken_container"
