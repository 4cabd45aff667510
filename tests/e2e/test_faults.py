"""Builds that die in the middle, in each incremental model and in several ways: the next one makes the mart what it would be.

Everything here happens for real: a build is stalled by a lock that the test holds on the table it is to write, and dies there.
"""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import psycopg2
import pytest
import tiny
from faults.database import Database, assert_same_mart
from faults.processes import Velib, done, ended

from ingestion.loading.load import LoadOptions, load
from velib.core import settings
from velib.monitoring.status import warehouse_status
from velib.postgres import processes
from velib.postgres.server import Server

pytestmark = pytest.mark.slow

# Each model is killed. Each seed tries one of the other ways to die, too, on a model of its own: 0 to 4 are all of them.
SEED = int(os.environ.get("VELIB_SEED", "0"))
ONE = LoadOptions(workers=1)
# The data tests have their own tests; here the tables are compared.
BUILD = ("build", "--no-tests")


@pytest.fixture
def home(new_home: Callable[[], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A warehouse with a server of its own, which may be broken."""
    found = new_home()
    monkeypatch.setenv(settings.HOME, str(found))
    Server(found).start()
    return found


def archive(folder: Path, snapshots: int, seed: int) -> list[Path]:
    """A few stations and bikes in which every snapshot differs in everything: who is where, what stations are, who is listed."""
    rnd = random.Random(seed)
    codes, bikes = [str(1001 + n) for n in range(5)], [f"b{n}" for n in range(8)]
    files, at = [], 0
    for _ in range(snapshots):
        at += 90 if rnd.random() < 0.1 else rnd.choice([1, 1, 1, 2, 5])
        where = {bike: rnd.choice([*codes, None]) for bike in bikes}
        entries = [
            tiny.station(
                code,
                [f"{bike}/{rnd.randint(1, 3)}/disponible" for bike, place in where.items() if place == code],
                name=f"Station {code} {rnd.choice('ab')}",
                state=rnd.choice(["Operative", "Operative", "Close"]),
            )
            for code in codes
            if rnd.random() < 0.9
        ]
        files.append(tiny.write(folder, at, tiny.app(entries)))
    return files


def places(home: Path) -> list[str]:
    """Where a build writes: the tables of all incremental models, as dbt's manifest says; then a table that is swapped, the
    schemas' rights in on-run-start."""
    nodes = json.loads((home / "dbt" / "target" / "manifest.json").read_text())["nodes"].values()
    incremental = [
        f"{node['schema']}.{node['name']}" for node in nodes if node["config"].get("materialized") == "incremental"
    ]
    assert len(incremental) >= 9
    return [*sorted(incremental), "intermediate.int_trips_scope", "pg_catalog.pg_namespace"]


# --- the ways to die: each sees a build that waits for its lock, and says what is left to be seen of it ----------------


def killed_with_its_dbt(build: Velib, database: Database, server: Server) -> None:
    build.kill()


def dbt_killed(build: Velib, database: Database, server: Server) -> None:
    """As the kernel does when memory runs out."""
    for pid in build.session():
        if pid != build.process.pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    assert "dbt was killed by signal 9" in build.outcome().error


def cut(build: Velib, database: Database, server: Server) -> None:
    assert database.cut("dbt")
    assert build.outcome().error.startswith("error: the database failed: ")


def lock_cut(build: Velib, database: Database, server: Server) -> None:
    """Another build might begin: this one ends, though nothing has happened to its other connections."""
    assert database.cut("velib build")
    assert "the lock on builds was cut" in build.outcome().error


def server_stopped(build: Velib, database: Database, server: Server) -> None:
    server.stop()
    assert build.outcome().error.startswith("error: the database failed: ")


def server_crashed(build: Velib, database: Database, server: Server) -> None:
    _signal(server, signal.SIGQUIT)
    assert build.outcome().error.startswith("error: the database failed: ")


def postmaster_killed(build: Velib, database: Database, server: Server) -> None:
    """Its sessions live on until they look up from what they do; the next start sees them out."""
    _signal(server, signal.SIGKILL)
    database.close()
    server.start()
    assert build.outcome().error.startswith("error: the database failed: ")


def _signal(server: Server, number: signal.Signals) -> None:
    pid = server.status().pid
    assert pid is not None
    os.kill(pid, number)
    assert processes.wait_until(lambda: server.status().pid is None, 30)


KILLS = [killed_with_its_dbt, dbt_killed]
OTHER_WAYS = [cut, lock_cut, server_stopped, server_crashed, postmaster_killed]


def test_a_build_that_dies_is_made_up_for(home: Path, tmp_path: Path) -> None:
    files = archive(tmp_path / "in", 50, seed=7)
    random.Random(7).shuffle(files)
    load([str(file) for file in files[:10]], ONE)
    later = iter(files[10:])
    done(*BUILD, "--write-json")
    server = Server(home)
    everywhere = places(home)[SEED % 2 :: 2]  # every second one: a build and its death take five seconds
    deaths = [(place, KILLS[(number + SEED) % 2]) for number, place in enumerate(everywhere)]
    chance = random.Random(SEED)
    deaths.append((chance.choice(everywhere), OTHER_WAYS[SEED % len(OTHER_WAYS)]))
    for place, way in deaths:
        load([str(next(later)), str(next(later))], ONE)
        build_and_die(place, way, server)
        with closing(Database(server.start())) as database:
            found = warehouse_status(database.connection)
        unbuilt, unfinished = found.not_built, found.last_build is not None and not found.last_build.has_succeeded
        assert unbuilt or unfinished, f"{place}, {way.__name__}: the status says nothing of it"
    load([str(file) for file in later], ONE)

    # The last one lives on without its parent; the next waits for it.
    with closing(Database(server.url())) as database:
        with database.locked("intermediate.int_trips"):
            orphan = Velib(*BUILD).wait_for(lambda: database.awaited("intermediate.int_trips"))
            orphan.kill_alone()
            following = Velib(*BUILD)
            assert following.process.stderr is not None
            assert "waiting for another build" in following.process.stderr.readline()
        outcome = following.outcome()
        assert outcome.code == 0, outcome
        assert ended(orphan.session)
        by_bits = database.mart()
        found = warehouse_status(database.connection)
        assert (found.not_built, found.last_build and found.last_build.has_succeeded) == (0, True)
        assert all(rows for table, rows in by_bits.items() if ".kpi_" not in table and table != "mart.fct_corrections")
        assert len(by_bits["mart.fct_trips"]) > 50

        database.rows("drop schema raw, staging, intermediate, mart, compat cascade")
        load([str(tmp_path / "in")], ONE)
        done(*BUILD)
        assert_same_mart(by_bits, database.mart(), f"one load and one build (VELIB_SEED={SEED})")


def build_and_die(place: str, way: Callable[[Velib, Database, Server], None], server: Server) -> None:
    database = Database(server.url())
    # Where the server dies, the lock and our connections die with it.
    with suppress(psycopg2.Error), closing(database), database.locked(place):
        build = Velib(*BUILD).wait_for(lambda: database.awaited(place))
        way(build, database, server)
    assert ended(build.session)
