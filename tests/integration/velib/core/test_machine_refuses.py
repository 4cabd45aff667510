"""What the machine refuses is one line: no room, no inodes, a home or a checkout that is read-only or another user's.

And what it gives is taken: a home may have any name that a path can have.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from faults.disks import as_somebody_else, mounted, seen_read_only
from faults.processes import Outcome, done, run
from raw import Raw, simulated
from tiny import app, write

import ingestion.loading.load
from ingestion.loading.load import LoadOptions, load
from velib.core import settings
from velib.core.errors import VelibError
from velib.postgres.server import Server


@pytest.fixture
def home(new_home: Callable[[], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    found = new_home()
    monkeypatch.setenv(settings.HOME, str(found))
    return found


@pytest.fixture
def archive(folder: Path) -> Path:
    for number in range(3):
        write(folder, number, app({"1": [f"b{number}"], "2": ["c"]}))
    return folder


def behind(words: Sequence[str], *arguments: str) -> Outcome:
    """`velib ARGUMENTS` behind the words of another command."""
    command = [*words, sys.executable, "-m", "velib.cli.main", *arguments]
    found = subprocess.run(command, capture_output=True, text=True, cwd=settings.project_root(), timeout=300)
    return Outcome(found.returncode, found.stdout, found.stderr)


VERBS = (("status",), ("clean",), ("build",), ("db", "start"), ("db", "url"))


def test_a_home_on_a_read_only_disk(home: Path, archive: Path) -> None:
    with mounted(home, "ro,mode=711"):
        for verb in (*VERBS, ("load", str(archive))):
            found = run(*verb)
            assert found.error == f"error: cannot use {home}: Read-only file system ({home}/postgres.lock)", verb


def test_a_read_only_home_with_a_database_elsewhere(fresh_database: str, home: Path, archive: Path) -> None:
    with mounted(home, "ro,mode=711"):
        found = run("load", str(archive))
        assert found.error == (
            f"error: cannot write to {home}/dlt: Read-only file system; nothing of this batch counts, load again"
        )
        assert "Read-only file system" in run("build").error


@pytest.mark.parametrize("options", ["size=20m", "size=200m,nr_inodes=100", "size=200m,nr_inodes=3", "size=8k"])
def test_no_room_for_a_database(options: str, home: Path, archive: Path) -> None:
    """No room for its bytes, or for its files: while it is made, and before."""
    with mounted(home, f"{options},mode=711"):
        found = run("load", str(archive))
        assert found.error.startswith(
            ("error: PostgreSQL could not make a database in ", f"error: cannot use {home}: ")
        )
        assert "No space left on device" in found.error
        assert not (home / "postgres").exists(), "nothing that looks like a database"


def test_no_inodes_are_left(home: Path, archive: Path) -> None:
    with mounted(home, "size=200m,nr_inodes=3000,mode=711"):
        server = Server(home)
        server.start()
        done("load", str(archive))
        used_up = home / "files"
        used_up.mkdir()
        with contextlib.suppress(OSError):
            for number in range(3000):
                (used_up / str(number)).touch()
        write(archive, 7, app({"1": ["z"]}))
        found = run("load", str(archive))
        assert "No space left on device" in found.error
        assert "load again" in found.error
        assert "No space left on device" in run("build").error
        for file in used_up.iterdir():
            file.unlink()
        done("load", str(archive))
        raw = Raw(server.url())
        raw.check(archive)
        raw.connection.close()
        server.stop()


def test_a_home_that_root_made_and_another_user_comes_to(home: Path, archive: Path) -> None:
    other = as_somebody_else()
    home.mkdir(mode=0o711)
    done("load", str(archive))
    for is_running in (True, False):
        for verb in (*VERBS, ("load", str(archive))):
            found = behind(other, *verb)
            assert found.error.startswith(f"error: cannot use {home}: Permission denied"), verb
        Server(home).stop()
        assert behind(other, "db", "status").out.startswith("not running") or is_running


def test_a_home_in_which_root_has_loaded_and_built(fresh_database: str, home: Path, archive: Path) -> None:
    """The home is another user's, the folders that root's runs made in it are root's."""
    other = as_somebody_else()
    home.mkdir()
    (home / "dlt").mkdir()
    (home / "dbt").mkdir()
    found = behind(other, "load", str(archive))
    assert found.error.startswith(f"error: cannot write to {home}/dlt: Permission denied")
    assert "Permission denied" in behind(other, "build").error


def test_another_user_builds_from_a_checkout_that_is_not_theirs(home: Path, archive: Path) -> None:
    """A service user's checkout is root's, or lies in a read-only image: nothing is written to it, and nothing has to be."""
    words = seen_read_only(settings.dbt_project())
    found = behind(words, "load", str(archive))
    assert found.code == 0, found
    built = behind(words, "build", "--no-tests", "--select", "+int_feeds")
    assert built.code == 0, built
    assert (home / "dbt" / "profiles.yml").stat().st_mode & 0o777 == 0o600
    server = Server(home)
    raw = Raw(server.url())
    assert raw.rows("select feed from intermediate.int_feeds") == [("velib_app",)]
    raw.connection.close()


@pytest.mark.parametrize("name", ["100% of 20%s", "a 'b' \"c\" \\d", "Bücher;#$HOME?[x]*{{y}}"])
def test_a_home_of_any_name(name: str, home: Path, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = home / name / "-h"
    home.mkdir(parents=True)
    monkeypatch.setenv(settings.HOME, str(home))
    server = Server(home)
    try:
        done("load", str(archive))
        assert f"{home}" in done("db", "status").out
        done("build", "--no-tests", "--select", "+int_feeds")
        raw = Raw(server.url())
        raw.check(archive)
        assert raw.rows("select feed from intermediate.int_feeds") == [("velib_app",)]
        raw.connection.close()
    finally:
        server.stop()


@pytest.mark.parametrize("value", ["/tmp/a\nb", "/tmp/a\tb", "/tmp/a\udcff"])
def test_a_home_of_no_name_that_can_be_written_down(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.HOME, value)
    found = run("db", "status")
    assert (found.code, found.err) == (
        2,
        "error: VELIB_HOME must be a path in UTF-8, without line breaks or other control characters\n",
    )


def _die_at_the_fifth(slots: object, begin: int, *rest: object) -> object:
    if begin >= 4:
        os._exit(9)
    from ingestion.capture.extraction import extract_span

    return extract_span(slots, begin, *rest)  # type: ignore[arg-type]


def test_a_worker_that_is_killed_while_another_span_is_written(
    raw: Raw, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool is found broken when the next span is handed in, not when one is waited for."""
    simulated(folder)
    monkeypatch.setattr(ingestion.loading.load, "SPAN", 1)
    monkeypatch.setattr(ingestion.loading.load, "extract_span", _die_at_the_fifth)
    with pytest.raises(VelibError, match="a process that read files was killed"):
        load([str(folder)], LoadOptions(workers=2), on_progress=lambda files: time.sleep(2 if files else 0))
    assert raw.counting() == []
