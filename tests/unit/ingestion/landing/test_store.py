"""Which store a path belongs to, and what each of them promises alike."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest

from ingestion.landing.bucket import BucketStore
from ingestion.landing.files import LandingFile, UnreadableFile
from ingestion.landing.folder import FolderStore
from ingestion.landing.landing_zone import exists, is_empty_folder, no_longer_closed, read
from ingestion.landing.remote import RemoteStore
from ingestion.landing.store import store_of
from velib.collecting.landing import open_landing
from velib.core.errors import VelibError


@pytest.mark.parametrize(
    ("path", "store"),
    [
        ("/in/a.json", FolderStore),
        ("in/*.json", FolderStore),
        ("file:///in", FolderStore),
        ("s3://bucket/in", BucketStore),
        ("gs://bucket/in", RemoteStore),
        ("memory://in", RemoteStore),
    ],
)
def test_a_path_says_which_one(path: str, store: type) -> None:
    assert type(store_of(path)) is store


def test_a_file_at_a_url_is_there_or_not() -> None:
    """One that is said to be gone is no rival of another any more: what is loaded would depend on the order."""
    memory = fsspec.filesystem("memory")
    memory.pipe("/there/a_20260602T080000Z.json", b"[]")
    try:
        assert exists("memory:///there/a_20260602T080000Z.json")
        assert not exists("memory:///there/b_20260602T080000Z.json")
        assert not exists("nonsense://there/a_20260602T080000Z.json")
    finally:
        memory.rm("/there", recursive=True)


def test_containers_are_read_in_folders_and_buckets_only() -> None:
    with pytest.raises(UnreadableFile, match="containers are read in folders here and in s3:// only"):
        read(LandingFile("memory:///in/20260602T08.snapshots.zip", 1, None), 100)
    assert no_longer_closed(["memory:///in/20260602T08.snapshots.zip"], ["memory:///in"])


def test_nobody_writes_to_any_other_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be a folder called gs: in the working folder."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VelibError, match="written to folders here and to s3://, not to gs://bucket/in"):
        open_landing("gs://bucket/in")
    assert not list(tmp_path.iterdir())


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "a.json").touch()
    assert is_empty_folder(str(tmp_path))
    assert is_empty_folder(f"file://{tmp_path}")
    assert not is_empty_folder(str(tmp_path / "nothing"))
    assert not is_empty_folder("memory:///nothing")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.json").touch()
    assert not is_empty_folder(str(tmp_path))
