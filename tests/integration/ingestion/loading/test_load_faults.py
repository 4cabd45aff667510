"""A load that dies, in each of its phases and in each way: the next one needs no help, and raw says what the files say.

The phases are made exact by a stall: a lock that the test holds on a table, or a stop at a function's call.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from faults.database import Database
from faults.disks import mounted, quietly
from faults.processes import Outcome, Velib, done, ended, run
from raw import ONE, Raw, simulated, strings
from tiny import app, put, write

from ingestion.loading import catalog
from ingestion.loading.load import load
from ingestion.retention.cleaning import clean
from velib.core import settings
from velib.core.errors import VelibError
from velib.monitoring.status import warehouse_status
from velib.postgres import processes
from velib.postgres.server import Server


class Stall(NamedTuple):
    """Where a load stands still: at a table that is locked, or at a function.

    `dead_loads`: how many the database knows of after a kill there.
    """

    table: str | None = None
    pause: tuple[str, int, str] | None = None
    dead_loads: tuple[int, ...] = (1,)


# In the order in which a load comes by.
PHASES = {
    "before it is noted": Stall("raw.loads", dead_loads=(0, 1)),  # the server may carry the statement out yet,
    "extraction, first span": Stall(pause=("before", 1, "ingestion.loading.load:from_ipc"), dead_loads=(0,)),
    "extraction, second span": Stall(pause=("after", 5, "ingestion.loading.load:from_ipc")),
    "before normalisation": Stall(pause=("before", 1, "dlt.normalize.normalize:Normalize.run")),
    "in normalisation": Stall(pause=("after", 1, "dlt.normalize.normalize:w_normalize_files")),
    "after normalisation": Stall(pause=("before", 1, "dlt.load.load:Load.load_single_package")),
    "copy of snapshots": Stall("raw.snapshots"),
    "copy of station_change_sets": Stall("raw.station_change_sets"),
    "copy of station_attribute_changes": Stall("raw.station_attribute_changes"),
    "copy of bike_change_sets": Stall("raw.bike_change_sets"),
    "after the copies": Stall(pause=("before", 1, "dlt.load.load:Load.complete_package")),
    "dlt's marker": Stall("raw._dlt_loads"),
    "before completion": Stall(pause=("before", 1, "ingestion.loading.catalog:complete_load")),
    "notes of outcomes": Stall("raw.quarantined_files"),
    "before the last commit": Stall(pause=("after", 1, "ingestion.loading.catalog:record_outcomes")),
}


def archive(folder: Path) -> list[Path]:
    """Thirty snapshots, and of the files that are none one of each kind: broken, duplicate, conflicting."""
    files = simulated(folder)
    files[11].write_bytes(files[11].read_bytes()[:400])
    put(folder / f"again_{files[13].name}", files[13].read_bytes())
    put(folder / f"other_{files[14].name}", files[15].read_bytes())
    return files


@contextlib.contextmanager
def stalled(stall: Stall, database: Database, *arguments: str) -> Iterator[Velib]:
    """`velib load` standing still in a phase."""
    with contextlib.ExitStack() as stack:
        if stall.table is None:
            yield Velib("load", *arguments, pause=stall.pause).wait_for_pause()
            return
        stack.enter_context(database.locked(stall.table))
        table = stall.table
        yield Velib("load", *arguments).wait_for(lambda: database.awaited(table))


@pytest.mark.parametrize("phase", PHASES)
def test_a_load_killed_in_each_phase(phase: str, raw: Raw, folder: Path) -> None:
    files = archive(folder)
    load(strings(files[4:9]), ONE)  # so that all tables are there
    stall, database = PHASES[phase], Database(raw.url)
    in_extraction = phase.startswith("extraction")
    with stalled(stall, database, str(folder), "--workers", "2" if in_extraction else "1") as dying:
        assert len(dying.session()) > 2 or not in_extraction
        dying.kill_alone()
        # Nobody kills the workers: they end by themselves.
        assert ended(dying.session)
    raw.check(*files[4:9])
    found = warehouse_status(raw.connection)
    assert found.loading_since is None
    assert found.dead_loads in stall.dead_loads

    summary = load([str(folder)], ONE)
    assert (summary.new, summary.known, summary.duplicates, len(summary.quarantined)) == (24, 5, 1, 2)
    raw.check(folder)
    assert sorted(raw.quarantine().values()) == ["conflicting_capture_time", "truncated_gzip"]
    assert list((settings.velib_home() / "dlt").iterdir()) == []
    clean(raw.connection)
    raw.check(folder)
    assert not raw.rows(f"select from raw.snapshots s where not {catalog.COMPLETE}")
    for table in ("station_changes", "station_attribute_changes", "bike_changes"):
        orphans = f"select from raw.{table} where change_set_id not in (select change_set_id from raw.snapshots)"
        assert not raw.rows(orphans), table
    assert warehouse_status(raw.connection).dead_loads == 0


def test_the_batches_before_a_kill_stand(raw: Raw, folder: Path) -> None:
    files = simulated(folder)
    stall = Stall(pause=("before", 3, "ingestion.loading.load:load_tables"))
    with stalled(stall, Database(raw.url), str(folder), "--batch", "10", "--workers", "1") as dying:
        dying.kill()
    raw.check(*files[:20])
    assert load([str(folder)], ONE).new == 10
    raw.check(folder)


@pytest.mark.parametrize(
    "phase",
    [
        "extraction, first span",
        "in normalisation",
        "copy of bike_change_sets",
        "dlt's marker",
        "before completion",
        "notes of outcomes",
    ],
)
def test_all_connections_cut_in_each_phase(phase: str, raw: Raw, folder: Path) -> None:
    files = archive(folder)
    load(strings(files[4:9]), ONE)
    database = Database(raw.url)
    with stalled(PHASES[phase], database, str(folder), "--workers", "1") as dying:
        assert database.cut()
        dying.go_on()
        found = dying.outcome()
    assert found.error.startswith("error: the database "), found
    assert any(word in found.error for word in ("terminat", "closed", "lost", "connection")), found
    assert ended(dying.session)
    raw.check(*files[4:9])
    assert load([str(folder)], ONE).new == 24
    raw.check(folder)


def test_a_load_whose_lock_is_cut_never_counts_beside_another(raw: Raw, folder: Path, tmp_path: Path) -> None:
    """The connection with the lock is cut while dlt writes over its own; another load begins and is complete first."""
    for number in (0, 9):
        write(folder, number, app({"1": [f"b{number}"]}))
    load([str(folder)], ONE)
    write(folder, 3, app({"1": ["x"]}))
    late = write(tmp_path / "late", 6, app({"1": ["y"]}))
    database = Database(raw.url)
    with stalled(PHASES["before completion"], database, str(folder)) as overtaken:
        assert database.cut("velib load")
        load([str(late)], ONE)
        found = overtaken.go_on().outcome()
    assert found.error.startswith("error: the database failed"), found
    assert warehouse_status(raw.connection).dead_loads == 1
    raw.check(late, *folder.glob("*_080000_*"), *folder.glob("*_080900_*"))
    assert load([str(folder)], ONE).new == 1
    raw.check(folder, late)


# --- the server stops ------------------------------------------------------------------------------------------------


def fast(server: Server) -> None:
    server.stop()


def immediately(server: Server) -> None:
    _signal(server, signal.SIGQUIT)


def killed(server: Server) -> None:
    _signal(server, signal.SIGKILL)


def _signal(server: Server, number: signal.Signals) -> None:
    pid = server.status().pid
    assert pid is not None
    os.kill(pid, number)
    assert processes.wait_until(lambda: server.status().pid is None, 30)


@pytest.mark.parametrize("way", [fast, immediately, killed])
def test_a_server_that_stops_in_the_middle(
    way: Callable[[Server], None],
    new_home: Callable[[], Path],
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
) -> None:
    home = new_home()
    monkeypatch.setenv(settings.HOME, str(home))
    server = Server(home)
    database = Database(server.start())
    files = simulated(folder)
    load(strings(files[4:9]), ONE)
    with contextlib.suppress(Exception), stalled(PHASES["copy of bike_change_sets"], database, str(folder)) as dying:
        way(server)
    # The lock went with the server.
    found = dying.outcome()
    assert found.error.startswith("error: the database "), found
    assert "run it again" in found.error or "load again" in found.error, found
    done("load", str(folder))
    raw = Raw(server.url())
    raw.check(folder)
    assert warehouse_status(raw.connection).dead_loads == 1
    raw.connection.close()


# --- a full disk -----------------------------------------------------------------------------------------------------


class Disk:
    """A small file system of its own, with a file that takes up room."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ballast = folder / "ballast"

    def leave(self, room: int) -> None:
        """Fill it, so that so many bytes are free."""
        with self.ballast.open("ab") as file, contextlib.suppress(OSError):
            about = os.statvfs(self.folder)
            os.posix_fallocate(file.fileno(), 0, file.tell() + max(1, about.f_bavail * about.f_frsize - room))

    def make_room(self) -> None:
        self.ballast.unlink()


@pytest.fixture
def small_disk(new_home: Callable[[], Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """A home on a disk of its own, with room for an empty database and little else."""
    home = new_home()
    with mounted(home, "size=120m,mode=711"):
        monkeypatch.setenv(settings.HOME, str(home))
        try:
            yield Disk(home)
        finally:
            Server(home).stop()


def test_a_full_disk(small_disk: Disk, folder: Path) -> None:
    home = small_disk.folder
    server = Server(home)
    server.start()
    first = write(folder, 0, app({"1": ["a"]}))
    load([str(folder)], ONE)
    for number in range(1, 31):
        write(
            folder, number, app({str(code): [f"b{code}-{(number + n) % 40}" for n in range(8)] for code in range(400)})
        )

    small_disk.leave(0)
    found = run("load", str(folder))
    assert found.error == (
        f"error: cannot write to {home / 'dlt'}: No space left on device; nothing of this batch counts, load again"
    )

    small_disk.make_room()
    small_disk.leave(400_000)  # enough for what is extracted, not for the tables
    found = run("load", str(folder))
    assert "No space left on device" in found.error, found
    assert "load again" in found.error, found

    small_disk.leave(0)
    with contextlib.suppress(VelibError):
        _use_up_the_log(server)
    # A server that cannot write its log gives up, and cannot recover either.
    assert processes.wait_until(lambda: server.status().pid is None, 30)
    found = run("load", str(folder))
    assert found.error.startswith("error: PostgreSQL does not start: "), found
    assert "No space left on device" in found.error, found

    small_disk.make_room()
    raw = Raw(server.start())
    raw.check(first)
    done("load", str(folder))
    raw.check(folder)
    raw.connection.close()


def _use_up_the_log(server: Server) -> None:
    """Make the server begin new segments of its write-ahead log until it cannot."""
    with catalog.errors_in_one_line():
        database = Database(server.url())
        for _ in range(20):
            database.rows("select pg_logical_emit_message(false, 'full', 'disk'); select pg_switch_wal()")


# --- the landing folder ----------------------------------------------------------------------------------------------


def test_the_folder_goes_away_while_it_is_read(raw: Raw, folder: Path) -> None:
    files = simulated(folder)
    stall = Stall(pause=("before", 1, "ingestion.loading.load:extract_span"))
    with stalled(stall, Database(raw.url), str(folder), "--workers", "1") as reading:
        kept = folder.rename(folder.with_name("away"))
        found = reading.go_on().outcome()
    assert_nothing_was_loaded(found, raw, len(files))
    assert run("load", str(folder)).error == f"error: no such file or folder: {folder}"
    kept.rename(folder)
    assert load([str(folder)], ONE).new == len(files)
    assert raw.quarantine() == {}
    raw.check(folder)


def assert_nothing_was_loaded(found: Outcome, raw: Raw, files: int) -> None:
    assert found.code == 3, found
    assert f"{files} files: 0 new, 0 skipped, {files} quarantined" in found.out
    assert "Traceback" not in found.err
    assert set(raw.quarantine().values()) == {"unreadable"}


def test_a_file_that_vanishes_between_listing_and_reading(raw: Raw, folder: Path) -> None:
    files = simulated(folder)
    stall = Stall(pause=("before", 1, "ingestion.loading.load:extract_span"))
    with stalled(stall, Database(raw.url), str(folder), "--workers", "1") as reading:
        content = files[7].read_bytes()
        files[7].unlink()
        found = reading.go_on().outcome()
    assert found.code == 3, found
    assert raw.quarantine() == {files[7].name: "unreadable"}
    raw.check(folder)
    put(files[7], content)
    done("load", str(folder))
    assert raw.quarantine() == {}
    raw.check(folder)


def test_a_file_replaced_between_two_looks(raw: Raw, folder: Path) -> None:
    """The last file of the first worker's span is the second one's neighbour: both must have read the same."""
    files = simulated(folder)
    stall = Stall(pause=("after", 1, "ingestion.loading.load:from_ipc"))
    with stalled(stall, Database(raw.url), str(folder), "--workers", "2") as reading:
        put(files[14], files[20].read_bytes())
        found = reading.go_on().outcome()
    assert found.code == 0 or "files changed while they were read" in found.error, found
    done("load", str(folder))
    raw.check(folder)


@pytest.fixture
def read_only(folder: Path) -> Iterator[Callable[[], None]]:
    """Makes the folder a read-only file system: what binds root too."""
    mounted = False

    def mount() -> None:
        nonlocal mounted
        for options in (["--bind"], ["-o", "remount,ro,bind"]):
            refusal = quietly("mount", *options, *([str(folder)] * (2 if options == ["--bind"] else 1)))
            if refusal:
                pytest.skip(f"no read-only file system to be had: {refusal}")
            mounted = True

    yield mount
    if mounted:
        assert not quietly("umount", str(folder))


def test_a_read_only_landing_folder(read_only: Callable[[], None], raw: Raw, folder: Path) -> None:
    archive(folder)
    before = sorted(folder.iterdir())
    read_only()
    with pytest.raises(OSError, match="Read-only"):
        (folder / "x").touch()
    assert run("load", str(folder)).code == 3
    assert run("load", str(folder)).code == 0
    raw.check(folder)
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("what", ["a file", "a folder within", "the folder"])
def test_permission_denied(what: str, raw: Raw, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root is refused nothing: the load runs without the right to override permissions."""
    files = simulated(folder)
    inner = folder / "inner"
    inner.mkdir()
    write(inner, 700, app({"1": ["a"]}))
    closed = {"a file": files[3], "a folder within": inner, "the folder": folder}[what]
    before = closed.stat().st_mode
    closed.chmod(0)
    try:
        found = _run_without_override(str(folder))
    finally:
        closed.chmod(before)
    assert "Traceback" not in found.err, found
    if what == "the folder":
        assert found.error == f"error: cannot list {folder}: Permission denied", found
        assert raw.counting() == []
    else:
        assert found.code == 3, found
        assert raw.quarantine() == {closed.name: "unreadable"}
        assert len(raw.counting()) == len(files), "all but the one that is closed, or lies in the closed folder"
    load([str(folder)], ONE)
    raw.check(folder)
    assert raw.quarantine() == {}


def test_what_stays_closed_is_new_once(raw: Raw, folder: Path) -> None:
    """A folder such as a disk's lost+found never opens: the exit code is not to be 3 for ever."""
    files = simulated(folder)
    lost, gone, shut = folder / "lost+found", folder / "gone", folder / "shut"
    for each in (lost, gone, shut):
        each.mkdir()
        each.chmod(0)
    write(shut, 700, app({"1": ["a"]}))
    shut.chmod(0o644)
    files[3].chmod(0)
    out_of_reach = {each.name: "unreadable" for each in (lost, gone, files[3], *shut.iterdir())}
    first = _run_without_override(str(folder))
    assert (first.code, raw.quarantine()) == (3, out_of_reach), first
    again = _run_without_override(str(folder))
    assert (again.code, raw.quarantine()) == (0, out_of_reach), again
    assert "0 quarantined (and 4 from before)" in again.out
    # Opened, though it holds nothing, or deleted, a folder is over and done with.
    lost.chmod(0o755)
    gone.rmdir()
    left = _run_without_override(str(folder))
    assert (left.code, set(raw.quarantine())) == (0, set(out_of_reach) - {"lost+found", "gone"}), left
    lost.chmod(0)
    assert _run_without_override(str(folder)).code == 3, "closed anew, it is new"
    for each in (lost, shut):
        each.chmod(0o755)
    files[3].chmod(0o644)
    load([str(folder)], ONE)
    raw.check(folder)
    assert raw.quarantine() == {}


def _run_without_override(folder: str) -> Outcome:
    if os.geteuid() != 0:
        return run("load", folder)
    if shutil.which("setpriv") is None:
        pytest.skip("as root, and setpriv is not there")
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]
    command = [*drop, sys.executable, "-m", "velib.cli.main", "load", folder]
    found = subprocess.run(command, capture_output=True, text=True, cwd=settings.project_root(), timeout=120)
    if "setpriv" in found.stderr:
        pytest.skip(f"this machine lets root drop no rights: {found.stderr.strip()}")
    return Outcome(found.returncode, found.stdout, found.stderr)
