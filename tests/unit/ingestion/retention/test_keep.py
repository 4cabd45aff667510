"""Compacting: whatever it dies of, and wherever, each file is there at every moment, and a repeat finishes it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ingestion.landing.landing_zone import list_files, read
from ingestion.retention.compacting import Kept, LocalZone, Loose, compact, zone_at
from velib.cli import main as cli
from velib.core import settings
from velib.core.errors import VelibError

FOREVER = datetime(2100, 1, 1, tzinfo=UTC)
STAMP = 1_780_000_000_123_456_789


def fill(root: Path, hours: Iterable[int] = (7, 8), minutes: int = 4) -> dict[str, bytes]:
    contents = {}
    for hour in hours:
        for minute in range(minutes):
            name = f"feed=f/date=2026-06-02/hour={hour:02}/f_20260602T{hour:02}{minute:02}00Z.json.gz"
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode())
            os.utime(path, ns=(STAMP, STAMP + minute))
            contents[str(path)] = name.encode()
    return contents


def found(root: Path) -> dict[str, bytes]:
    return {file.path: read(file, 1000) for file in list_files([str(root)])}


def known(root: Path) -> list[tuple[str, int, int | None]]:
    return [file[:3] for file in list_files([str(root)])]


def on_disk(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def test_one_container_an_hour(tmp_path: Path) -> None:
    contents = fill(tmp_path)
    before = known(tmp_path)
    would = compact(zone_at(str(tmp_path)), FOREVER, dry_run=True)
    assert known(tmp_path) == before
    done = compact(zone_at(str(tmp_path)), FOREVER, dry_run=False)
    assert would == done == Kept(hours=2, files=8, bytes=sum(map(len, contents.values())))
    assert on_disk(tmp_path) == ["20260602T07.snapshots.zip", "20260602T08.snapshots.zip"]
    assert known(tmp_path) == before
    assert found(tmp_path) == contents
    assert compact(zone_at(str(tmp_path)), FOREVER, dry_run=False) == Kept()


def test_what_is_left_alone(tmp_path: Path) -> None:
    fill(tmp_path)
    fill(tmp_path, [9], minutes=1)
    zone = zone_at(str(tmp_path))
    assert (
        compact(zone, datetime(2026, 6, 2, 21, tzinfo=UTC), dry_run=False) == Kept()
    )  # somewhere it is 7 o'clock only now
    kept = compact(zone, datetime(2026, 6, 2, 21, 30, tzinfo=UTC), dry_run=False)
    assert (kept.hours, kept.files) == (1, 4)
    for name in (
        "latest.json",
        ".hidden_20260602T080000Z.json",
        "f_20260602T080000Z.json.tmp",
        "f_99999999T080000Z.json",
    ):
        (tmp_path / name).write_bytes(b"[]")
    os.symlink(tmp_path / "latest.json", tmp_path / "f_20260602T080000Z.json")
    kept = compact(zone, FOREVER, dry_run=False)
    assert (kept.hours, kept.files, kept.left) == (1, 4, 0)
    assert len(on_disk(tmp_path)) == 2 + 1 + 5


def test_a_file_that_comes_late_joins_the_others(tmp_path: Path) -> None:
    contents = fill(tmp_path)
    zone = zone_at(str(tmp_path))
    compact(zone, FOREVER, dry_run=False)
    contents |= fill(tmp_path, [8], minutes=6)
    rewritten = next(path for path in contents if path.endswith("T080200Z.json.gz"))
    Path(rewritten).write_bytes(b"other")
    contents[rewritten] = b"other"
    before = known(tmp_path)
    compact(zone, FOREVER, dry_run=False)
    assert on_disk(tmp_path) == ["20260602T07.snapshots.zip", "20260602T08.snapshots.zip"]
    assert found(tmp_path) == contents
    assert known(tmp_path) == before


class _Dying(LocalZone):
    """Dies before its n-th act."""

    def __init__(self, root: str, act: int) -> None:
        super().__init__(root)
        self.act = act

    def _live(self) -> None:
        self.act -= 1
        if self.act < 0:
            raise KeyboardInterrupt

    def look(self, path: str) -> Loose | None:
        self._live()
        return super().look(path)

    def read(self, path: str) -> bytes:
        self._live()
        return super().read(path)

    def write(self, path: str, pieces: Iterable[bytes], like: Loose) -> None:
        def some() -> Iterable[bytes]:
            for piece in pieces:
                self._live()
                yield piece

        super().write(path, some(), like)
        self._live()

    def remove(self, path: str) -> None:
        self._live()
        super().remove(path)
        self._live()


def test_it_may_die_anywhere(tmp_path: Path) -> None:
    deaths = 0
    for act in range(200):
        root = tmp_path / str(act)
        contents = fill(root, minutes=2)
        try:
            compact(_Dying(str(root), act), FOREVER, dry_run=False)
        except KeyboardInterrupt:
            deaths += 1
            assert found(root) == contents, act
            assert not [name for name in on_disk(root) if name.endswith(".tmp")]
            compact(zone_at(str(root)), FOREVER, dry_run=False)
        assert found(root) == contents, act
        assert len(on_disk(root)) == 2, act
        if deaths <= act:
            break
    assert deaths > 20


class _Meddled(LocalZone):
    """Somebody else is at work: what they do comes just before an act."""

    def __init__(self, root: str, act: str, meddle: Any) -> None:
        super().__init__(root)
        self.act, self.meddle = act, meddle

    def read(self, path: str) -> bytes:
        if self.act == "read":
            self.meddle()
        return super().read(path)

    def write(self, path: str, pieces: Iterable[bytes], like: Loose) -> None:
        super().write(path, pieces, like)
        if self.act == "written":
            self.meddle()


@pytest.mark.parametrize("act", ["read", "written"])
def test_what_is_rewritten_meanwhile_stays(tmp_path: Path, act: str) -> None:
    contents = fill(tmp_path, [8])
    path = next(iter(contents))
    kept = compact(_Meddled(str(tmp_path), act, lambda: Path(path).write_bytes(b"another")), FOREVER, dry_run=False)
    assert kept.left >= 1
    assert found(tmp_path) == contents | {path: b"another"}


def test_a_file_that_goes_meanwhile_stops_nothing(tmp_path: Path) -> None:
    contents = fill(tmp_path)
    path = next(iter(contents))
    compact(_Meddled(str(tmp_path), "read", lambda: Path(path).unlink(missing_ok=True)), FOREVER, dry_run=False)
    del contents[path]
    assert found(tmp_path) == contents


def test_no_container_of_ours_is_not_touched(tmp_path: Path) -> None:
    contents = fill(tmp_path, [8])
    other = Path(next(iter(contents))).parent / "20260602T08.snapshots.zip"
    other.write_bytes(b"something else")
    kept = compact(zone_at(str(tmp_path)), FOREVER, dry_run=False)
    assert (kept.files, kept.left) == (0, 4)
    assert other.read_bytes() == b"something else"
    assert all(Path(path).read_bytes() == content for path, content in contents.items())


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli.velib, ["keep", *arguments], prog_name="velib")


def test_the_verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.HOME, str(tmp_path / "home"))
    contents = fill(tmp_path / "home" / "landing")
    result = run("--compact", "1d", "--dry-run")
    assert result.output == "8 files (0.0 MB) of 2 hours would go into containers\n", result.output
    assert len(on_disk(tmp_path / "home" / "landing")) == 8
    assert run("--compact", "1d").output == "8 files (0.0 MB) of 2 hours went into containers\n"
    assert found(tmp_path / "home" / "landing") == contents
    assert run("--compact", "36500d").output == "0 files (0.0 MB) of 0 hours went into containers\n"
    for wrong in ((), ("--compact", "soon"), ("--compact", "0d"), ("--prune-raw", "12h")):
        result = run(*wrong)
        assert (result.exit_code, result.output.count("\n")) == (2, 1), result.output
    result = run("--compact", "1d", str(tmp_path / "nowhere"))
    assert (result.exit_code, result.output) == (1, f"error: no such folder: {tmp_path / 'nowhere'}\n")
    with pytest.raises(VelibError, match="kept in folders"):
        zone_at("memory://zone")
