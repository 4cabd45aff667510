"""The landing zone: what is listed, and what reading a file can meet."""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import os
import pickle
import struct
import subprocess
import sys
import tempfile
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest

from ingestion.landing.decompression import MAX_MEMBERS
from ingestion.landing.files import MAX_PATH_BYTES, LandingFile, UnreadableFile
from ingestion.landing.landing_zone import list_files, no_longer_closed, read
from ingestion.landing.links import Links
from velib.core.errors import VelibError

MEGABYTE = 1 << 20
TEXT = b'[{"station":{"code":"1"}}]' * 1000


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"[]")


def listed(folder: Path, *paths: str) -> list[str]:
    return [os.path.relpath(file.path, folder) for file in list_files([str(folder / path) for path in paths])]


def test_a_folder_is_read_recursively_and_sorted(tmp_path: Path) -> None:
    make(tmp_path, "b/2.json", "b/1.json.gz", "a.json", "c/d/e/3.json", "z.csv", "truth/movements.parquet", "x.gz")
    make(tmp_path, ".hidden.json", ".git/x.json", "4.json.tmp", "5.json.gz.part", "6.tmp")
    assert listed(tmp_path, ".") == ["a.json", "b/1.json.gz", "b/2.json", "c/d/e/3.json"]
    assert listed(tmp_path, "b") == ["b/1.json.gz", "b/2.json"]


def test_what_is_known_of_a_file(tmp_path: Path) -> None:
    make(tmp_path, "a.json")
    os.utime(tmp_path / "a.json", ns=(1, 123_456_789))
    expected = [LandingFile(str(tmp_path / "a.json"), 2, 123_456_789)]
    assert list_files([str(tmp_path)]) == list_files([str(tmp_path / "a.json")]) == expected
    assert list_files([f"file://{tmp_path}"]) == list_files([str(tmp_path / "*.json")]) == expected


def test_paths_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "in/a.json")
    monkeypatch.chdir(tmp_path)
    for path in ("in", "./in/", "in/a.json", "in/*", "**/*.json", "in/../in"):
        assert [file.path for file in list_files([path])] == [str(tmp_path / "in" / "a.json")], path


def test_globs(tmp_path: Path) -> None:
    make(tmp_path, "a1.json", "a2.json.gz", "b.json", "d1/x.json", "d2/x.json", "d2/x.csv", "a3.json.tmp")
    assert listed(tmp_path, "a*") == ["a1.json", "a2.json.gz"]
    assert listed(tmp_path, "a?.json") == ["a1.json"]
    assert listed(tmp_path, "d*") == ["d1/x.json", "d2/x.json"]
    assert listed(tmp_path, "**/x.json") == ["d1/x.json", "d2/x.json"]
    assert listed(tmp_path, "d2/*.csv") == ["d2/x.csv"]


def test_a_name_with_brackets_is_a_name_first(tmp_path: Path) -> None:
    make(tmp_path, "[1].json", "1.json")
    assert listed(tmp_path, "[1].json") == ["[1].json"]


def test_a_named_file_may_be_called_anything(tmp_path: Path) -> None:
    make(tmp_path, "snapshot.txt", ".hidden")
    assert listed(tmp_path, "snapshot.txt", ".hidden") == [".hidden", "snapshot.txt"]


def test_each_file_once(tmp_path: Path) -> None:
    make(tmp_path, "a.json", "b.json")
    assert listed(tmp_path, ".", "a.json", "*.json") == ["a.json", "b.json"]


@pytest.mark.parametrize("path", ["missing", "missing/*.json", "empty", "a.json/x", "\0"])
def test_what_matches_nothing_is_named(tmp_path: Path, path: str) -> None:
    make(tmp_path, "a.json", "empty/readme.txt")
    with pytest.raises(VelibError) as caught:
        list_files([str(tmp_path / "a.json"), str(tmp_path) + "/" + path])
    assert path in str(caught.value)


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(VelibError, match="neither a file nor a folder"):
        list_files([str(tmp_path / "pipe.json")])
    with pytest.raises(VelibError, match="nothing to read"):
        list_files([str(tmp_path)])
    with pytest.raises(UnreadableFile, match="not a regular file"):
        read(LandingFile(str(tmp_path / "pipe.json"), 0, None), MEGABYTE)


def test_links_are_followed_but_not_in_circles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "elsewhere/a.json", "in/b.json")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "self").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "dangling.json").symlink_to(tmp_path / "in" / "nowhere")
    (tmp_path / "in" / "c.json").symlink_to(tmp_path / "in" / "b.json")
    assert listed(tmp_path, "in") == ["in/b.json", "in/c.json", "in/dangling.json"]
    monkeypatch.setenv("VELIB_FOLLOW_LINKS", "1")
    assert listed(tmp_path, "in")[:4] == ["in/b.json", "in/c.json", "in/dangling.json", "in/link/a.json"]


def test_links_that_lead_out_are_refused(tmp_path: Path) -> None:
    """Of files, folders and containers, in folders and in patterns."""
    make(tmp_path, "out/secret.json", "out/deep/a.json", "in/b.json", "in/d/c.json")
    (tmp_path / "out" / "20260602T08.snapshots.zip").write_bytes(b"PK")
    (tmp_path / "in" / "file.json").symlink_to(tmp_path / "out" / "secret.json")
    (tmp_path / "in" / "d" / "folder").symlink_to(tmp_path / "out" / "deep")
    (tmp_path / "in" / "20260602T08.snapshots.zip").symlink_to(tmp_path / "out" / "20260602T08.snapshots.zip")
    (tmp_path / "in" / "other.json").symlink_to(tmp_path / "in" / "b.json")
    (tmp_path / "in" / "lost.json").symlink_to(tmp_path / "out" / "nowhere")
    (tmp_path / "beside").symlink_to(tmp_path / "in")
    inside = ["in/b.json", "in/d/c.json", "in/other.json"]
    lead_out = {"in/file.json", "in/d/folder", "in/20260602T08.snapshots.zip", "in/lost.json"}
    for paths in (["in"], ["in/**"], ["in/*", "in/d"]):
        links = Links([str(tmp_path / each) for each in paths], follow=False)
        found = list_files([str(tmp_path / each) for each in paths], links)
        assert [str(Path(file.path).relative_to(tmp_path)) for file in found] == inside, paths
        assert {str(Path(path).relative_to(tmp_path)) for path in links.refused} - {"in/d/folder/a.json"} == lead_out, (
            paths
        )
    # The zone is all that is named, a link that is named is taken for what it is, and what leads from one part to the other stays.
    assert listed(tmp_path, "in/file.json") == ["in/file.json"]
    assert listed(tmp_path, "beside") == [each.replace("in/", "beside/", 1) for each in inside]
    both = [str(tmp_path / "in"), str(tmp_path / "out")]
    links = Links(both, follow=False)
    assert any(file.path.endswith("in/d/folder/a.json") for file in list_files(both, links))
    assert not links.refused
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "a.json").symlink_to(tmp_path / "in" / "b.json")
    with pytest.raises(VelibError, match="links that lead out of the landing zone, which are not followed"):
        list_files([str(tmp_path / "only")])


def test_a_link_to_nowhere_is_listed_and_unreadable(tmp_path: Path) -> None:
    """A file was meant: that it is not here must not go unnoticed, nor stop the others."""
    make(tmp_path, "a.json")
    (tmp_path / "lost.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "round.json").symlink_to(tmp_path / "round.json")
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    (tmp_path / "round").symlink_to(tmp_path / "round")
    for path in (".", "*.json"):
        assert listed(tmp_path, path) == ["a.json", "lost.json", "round.json"]
    for file in list_files([str(tmp_path)])[1:]:
        with pytest.raises(UnreadableFile) as caught:
            read(file, MEGABYTE)
        assert caught.value.reason == "unreadable"


@pytest.mark.parametrize(
    ("name", "shown", "words"),
    [
        (b"\xff.json", "\\xff.json", "not UTF-8"),
        (b"caf\xe9/\xc3\xa9.json", "caf\\xe9/é.json", "not UTF-8"),
        (b"/".join([b"d" * 250] * 8) + b"/x.json", "…", "longer than 2,000 bytes"),
    ],
    ids=["a file", "a folder", "too long"],
)
def test_a_path_the_database_cannot_keep(tmp_path: Path, name: bytes, shown: str, words: str) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as opened:
        opened.write(b"[]")
    make(tmp_path, "good.json")
    found = list_files([str(tmp_path)])
    assert len(found) == 2
    [bad] = [file for file in found if not file.path.endswith("good.json")]
    assert shown in bad.path
    assert len(bad.path.encode()) <= MAX_PATH_BYTES
    with pytest.raises(UnreadableFile, match=words) as caught:
        read(bad, MEGABYTE)
    assert caught.value.reason == "unusable_path"


def test_object_storage_goes_through_fsspec() -> None:
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for name in ("a.json", "sub/b.json.gz", "sub/c.csv", ".hidden/d.json", "e.json.part"):
        memory.pipe(f"/zone/{name}", gzip.compress(TEXT))
    try:
        files = list_files(["memory://zone"])
        assert [file.path for file in files] == ["memory:///zone/a.json", "memory:///zone/sub/b.json.gz"]
        assert files[0].modified_ns
        assert read(files[1], MEGABYTE) == TEXT
        assert [file.path for file in list_files(["memory://zone/*.json"])] == ["memory:///zone/a.json"]
        assert len(list_files(["memory://zone/a.json"])) == 1
        for path in ("memory://zone/none", "memory://zone/x*", "nonsense://zone"):
            with pytest.raises(VelibError, match="zone"):
                list_files([path])
        memory.rm("/zone/a.json")
        with pytest.raises(UnreadableFile) as caught:
            read(files[0], MEGABYTE)
        assert caught.value.reason == "unreadable"
    finally:
        memory.rm("/zone", recursive=True)


def test_fsspec_is_not_imported_for_local_files(tmp_path: Path) -> None:
    """It costs more than listing a thousand files."""
    make(tmp_path, "a.json")
    code = f"""
import sys
from ingestion.landing.landing_zone import list_files, read
read(list_files([{str(tmp_path)!r}])[0], 100)
assert "fsspec" not in sys.modules
"""
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )


# --- reading ---


def file_of(folder: Path, data: bytes, name: str = "a.json") -> LandingFile:
    path = folder / name
    path.write_bytes(data)
    return LandingFile(str(path), len(data), None)


def member(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


@pytest.mark.parametrize(
    "data",
    [
        TEXT,
        member(TEXT),
        member(TEXT[:100]) + member(TEXT[100:]),
        member(b"") + member(TEXT),
        member(TEXT) + member(b""),
        b"".join(member(TEXT[i : i + 100]) for i in range(0, len(TEXT), 100)),
        member(TEXT) + b"\0" * 1000,
        gzip.compress(TEXT, 0),
    ],
    ids=["plain", "gzip", "two members", "empty first", "empty last", "many members", "zero padding", "stored"],
)
@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_read(tmp_path: Path, data: bytes, name: str) -> None:
    """Gzip is known by its bytes, not by its name."""
    assert read(file_of(tmp_path, data, name), MEGABYTE) == TEXT


def test_read_large_members(tmp_path: Path) -> None:
    noise = os.urandom(700_000)
    assert read(file_of(tmp_path, member(noise) + member(b"x") + member(noise)), 2 * MEGABYTE) == noise + b"x" + noise


def trailer(data: bytes, crc: int, size: int) -> bytes:
    return data[:-8] + struct.pack("<II", crc, size)


GZIPPED = member(TEXT)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty_file"),
        (member(b""), "empty_file"),
        (b"\x1f\x8b", "truncated_gzip"),
        (GZIPPED[:5], "truncated_gzip"),
        (GZIPPED[:-1], "truncated_gzip"),
        (GZIPPED[:-8], "truncated_gzip"),
        (GZIPPED[: len(GZIPPED) // 2], "truncated_gzip"),
        (GZIPPED + GZIPPED[:-1], "truncated_gzip"),
        (GZIPPED + b"\x1f", "truncated_gzip"),
        (GZIPPED + b"garbage", "broken_gzip"),
        (GZIPPED + b"\0\0garbage", "broken_gzip"),
        (b"\x1f\x8b" + b"\xff" * 100, "broken_gzip"),
        (b"\x1f\x8b\x08\x00" + b"\0" * 6 + b"\xff" * 100, "broken_gzip"),
        (trailer(GZIPPED, 0, len(TEXT)), "broken_gzip"),
        (trailer(GZIPPED, zlib.crc32(TEXT), len(TEXT) - 5), "broken_gzip"),
        (trailer(GZIPPED, zlib.crc32(TEXT), 0xFFFFFFFF), "broken_gzip"),
        (b"x" * (MEGABYTE + 1), "too_large"),
        (member(b"x" * (MEGABYTE + 1)), "too_large"),
        (member(b"x" * MEGABYTE) + member(b"x"), "too_large"),
        (member(b"x") * (MAX_MEMBERS + 1), "broken_gzip"),
        (bz2.compress(TEXT), "unsupported_compression"),
        (lzma.compress(TEXT), "unsupported_compression"),
        (member(lzma.compress(TEXT)), "unsupported_compression"),
    ],
)
def test_reasons(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFile) as caught:
        read(file_of(tmp_path, data), MEGABYTE)
    assert caught.value.reason == reason
    assert str(caught.value).isprintable()


def test_the_limit_itself_is_allowed(tmp_path: Path) -> None:
    data = b"x" * MEGABYTE
    assert read(file_of(tmp_path, data), MEGABYTE) == read(file_of(tmp_path, member(data)), MEGABYTE) == data


def test_a_bomb_costs_no_more_memory_than_the_limit(tmp_path: Path) -> None:
    bomb = file_of(tmp_path, trailer(member(b"\0" * (200 * MEGABYTE)), 0, 100))
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableFile) as caught:
            read(bomb, 4 * MEGABYTE)
        assert tracemalloc.get_traced_memory()[1] < 20 * MEGABYTE
    finally:
        tracemalloc.stop()
    assert caught.value.reason == "too_large"


def test_a_sparse_gigabyte_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "big.json"
    with open(path, "wb") as opened:
        opened.truncate(1 << 30)
    with pytest.raises(UnreadableFile, match="the limit is 1,048,576 bytes"):
        read(LandingFile(str(path), 1 << 30, None), MEGABYTE)


def test_vanished_or_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.json", tmp_path):
        with pytest.raises(UnreadableFile) as caught:
            read(LandingFile(str(path), 1, None), MEGABYTE)
        assert caught.value.reason == "unreadable"


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")])
def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    """Simulated: the tests may run as root, who may read everything."""
    file = file_of(tmp_path, b"[]")

    def refuse(*arguments: object) -> int:
        raise error

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(UnreadableFile) as caught:
        read(file, MEGABYTE)
    assert (caught.value.reason, str(caught.value)) == ("unreadable", error.strerror)


_AS_NOBODY = """
import os, sys
from ingestion.landing.files import UnreadableFile
from ingestion.landing.landing_zone import list_files, read
if os.geteuid() == 0:
    os.setuid(65534)
for file in list_files([sys.argv[1]]):
    name = file.path.removeprefix(sys.argv[1] + "/")
    try:
        print(name, read(file, 1000))
    except UnreadableFile as error:
        print(name, error.reason, error.detail)
"""


def test_no_permission_for_one_file_and_one_folder() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o755)
        make(folder, "a.json", "b.json", "lost+found/c.json", "no entry/d.json", "no entry/e.csv", "no entry/f/g.json")
        (folder / "b.json").chmod(0)
        (folder / "lost+found").chmod(0)
        (folder / "no entry").chmod(0o644)
        done = subprocess.run(
            [sys.executable, "-c", _AS_NOBODY, place],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for name in ("lost+found", "no entry"):
            (folder / name).chmod(0o755)
    assert done.stdout.splitlines() == [
        "a.json b'[]'",
        "b.json unreadable Permission denied",
        "lost+found/ unreadable Permission denied",
        "no entry/d.json unreadable Permission denied",
        "no entry/f/ unreadable Permission denied",
    ]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_file_that_says_nothing_of_itself_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Simulated, as above. A file that has gone meanwhile is none."""
    make(tmp_path, "a.json", "b.json", "gone.json")
    about = os.stat

    def stat(path: Any, **options: Any) -> os.stat_result:
        if str(path).endswith("b.json"):
            raise OSError(number, os.strerror(number))
        if str(path).endswith("gone.json"):
            raise FileNotFoundError(errno.ENOENT, "gone")
        return about(path, **options)

    monkeypatch.setattr(os, "stat", stat)
    found = list_files([str(tmp_path)])
    assert [os.path.basename(file.path) for file in found] == ["a.json", "b.json"]
    assert found[1] == LandingFile(str(tmp_path / "b.json"), 0, None)


def test_folders_that_are_no_longer_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "in/open/a.json", "in/closed/a.json", "in/file", "other/a.json")
    listing = os.listdir

    def list_folder(path: str) -> list[str]:
        if path.endswith("closed/"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return listing(path)

    monkeypatch.setattr(os, "listdir", list_folder)
    names = ["in/open/", "in/closed/", "in/file/", "in/gone/", "in2/gone/", "other/", "unmounted/x/"]
    folders = [f"{tmp_path}/{name}" for name in names]

    def opened(*paths: str) -> list[str]:
        return [folder.removeprefix(f"{tmp_path}/") for folder in no_longer_closed(folders, paths)]

    expected = ["in/open/", "in/file/", "in/gone/"]
    assert opened(f"{tmp_path}/in") == opened(f"file://{tmp_path}/in/") == expected
    assert opened(f"{tmp_path}/in/*/a.json", f"{tmp_path}/other/a.json", "s3://x") == expected
    assert opened("s3://x") == []
    monkeypatch.chdir(tmp_path)
    assert opened("in", "other") == [*expected, "other/"]


def test_an_error_survives_the_way_between_processes() -> None:
    copy = pickle.loads(pickle.dumps(UnreadableFile("too_large", "too large")))
    assert (copy.reason, str(copy)) == ("too_large", "too large")
