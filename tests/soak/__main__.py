"""`make soak`: six hours of recordings in twelve minutes, everything failing on the way, and the mart as it ought to be.

make soak ARCHIVE=FOLDER              `velib poll --every 1m` loads and builds, and tells a running Dagster of it
make soak ARCHIVE=FOLDER BY=dagster   `velib poll --every 1m --no-load` collects; Dagster's sensor starts load and build
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import feed_server
from faults.database import Database, assert_same_mart

from benchmarks.bench.processes import tree
from ingestion.formats import detect
from ingestion.landing.landing_zone import list_files, read
from orchestration.commands import prepare_home
from soak import services
from soak.clock import Speed
from soak.feed import MINUTE, Replay
from soak.services import Service
from soak.timeline import HOURS, Event, timeline
from soak.watch import Watch, as_text, bytes_under
from velib.core import settings
from velib.postgres.database import database_url
from velib.postgres.server import Server

_LARGEST = 64 * 1024 * 1024
# Files of which the warehouse has told what became of them.
_ACCOUNTED = """
select (select count(*) from mart.fct_snapshots)
    + (select count(*) from raw.quarantined_files where resolved_at is null)
    + (select count(*) from raw.duplicate_files)
"""
# The process whose forks load and build.
_FORKING = "velib.cli.fork_server"
_SECRETS = {"SOAK_TOKEN": "token", "SOAK_BODY": "{}"}


def main() -> int:
    """Soak, compare, print what came of it. 0: the mart is that of the files."""
    options = _options()
    for name in [name for name in os.environ if name.startswith(("VELIB_", "DAGSTER_"))]:
        del os.environ[name]
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    folder.chmod(0o711)  # as root, the database's user has to pass through
    os.environ[settings.HOME] = str(folder / "home")
    with feed_server.serving() as server:
        soak = Soak(folder, server, options)
        try:
            soak.run()
            same = soak.compare()
        finally:
            soak.end()
            for home in ("home", "scratch"):
                Server(folder / home).stop()
    print("the mart is that of the files" if same else f"THE MART DIFFERS; everything is in {folder}")
    if same and not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if same else 1


class Soak:
    """One soak, in a folder of its own: `home`, the warehouse under test, `scratch`, the one to compare with, and the logs."""

    def __init__(self, folder: Path, feeds: feed_server.FeedServer, options: argparse.Namespace) -> None:
        self.folder, self.feeds, self.options = folder, feeds, options
        self.home = folder / "home"
        self.database = Server(self.home)
        self.clock = folder / "clock.json"
        self.hours: float = options.hours
        recordings = sorted(Path(file.path) for file in list_files([options.archive]))[: round(self.hours * 60)]
        self.replay = Replay(recordings, self.clock, seed=1)
        self.port = _free_port()
        dagster_home = self.home / "dagster"
        poll = ["poll", "--every", "1m", "--config", str(folder / "poll.toml")]
        told = {"DAGSTER_HOME": str(dagster_home)}
        if options.by == "dagster":
            poll, told = [*poll, "--no-load"], {}
        self.collector = Service(
            "collector",
            [sys.executable, "-m", "soak.collector", str(self.clock), *poll],
            settings.child_environment({**_SECRETS, **told, "PYTHONPATH": os.pathsep.join(sys.path)}),
            folder / "collector.log",
        )
        self.dagster = Service(
            "dagster",
            services.velib("ui", "--port", str(self.port)),
            settings.child_environment(),
            folder / "dagster.log",
        )

    def run(self) -> None:
        """From the first tick to the last build."""
        first = read(list_files([str(self.replay.recordings[0])])[0], _LARGEST)
        kind = detect(first).name
        self._configure(kind)
        self.database.start()
        self.home.joinpath("landing").mkdir()
        print(f"{len(self.replay.recordings)} recordings of {kind}, in {self.folder}", flush=True)
        self._start_dagster()
        seconds = self.hours * 3600 / self.options.speed
        now = time.time()
        # At the end both clocks show the same: what asks for the age of things then is right.
        speed = Speed(self.options.speed, now, now + seconds - self.hours * 3600)
        speed.write(self.clock)
        self.collector.start()
        watch = self._watch(seconds)
        watch.start()
        for event in timeline(self.hours):
            time.sleep(max(0.0, event.minute * MINUTE / speed.factor - (time.time() - now)))
            self._do(event)
        time.sleep(max(0.0, seconds - (time.time() - now)))
        watch.end()
        self._let_it_come_to_rest()
        print(f"collector ended with {self.collector.end()}, after {self.collector.starts} starts", flush=True)
        self.dagster.end()
        print(f"dagster: {self.dagster.starts} starts")
        print("asked: " + ", ".join(f"{name} {count}" for name, count in self.replay.answered.most_common()))
        print("said:  " + ", ".join(f"{name} {count}" for name, count in self._events().most_common()))
        print(as_text(watch.peaks))

    def compare(self) -> bool:
        """Whether the mart is the one that a new warehouse makes of the same files."""
        load, build = services.velib("load", str(self.home / "landing")), services.velib("build", "--full")
        print("load:  " + _last(services.run(load, allowed=(0, 3))))
        print("build: " + _last(services.run(build)))
        print(services.run(services.velib("status"), allowed=(0, 1)))
        here = _mart()
        os.environ[settings.HOME] = str(self.folder / "scratch")
        try:
            print("from scratch: " + _last(services.run(load, allowed=(0, 3))))
            services.run(build)
            there = _mart()
        finally:
            os.environ[settings.HOME] = str(self.home)
        print(", ".join(f"{table.removeprefix('mart.')} {len(rows):,}" for table, rows in there.items() if rows))
        try:
            assert_same_mart(here, there, "the one built from scratch")
        except AssertionError as difference:
            print(difference)
            return False
        return True

    def end(self) -> None:
        """Whatever happened, nothing of us goes on."""
        for service in (self.collector, self.dagster):
            with suppress(Exception):
                service.end()

    # --- before -----------------------------------------------------------------------------------------------------

    def _configure(self, kind: str) -> None:
        secrets = 'token_env = "SOAK_TOKEN"\nbody_env = "SOAK_BODY"\n' if kind == "velib_app" else ""
        url = self.feeds.at("/feed", self.replay)
        (self.folder / "poll.toml").write_text(f'[feeds.soak]\nkind = "{kind}"\nurl = "{url}"\n{secrets}')

    def _start_dagster(self) -> None:
        prepare_home(self.home / "dagster")
        if self.options.by == "poll":  # the sensor would see the same files
            stop = ["sensor", "stop", "landing_files", "-m", "orchestration.definitions"]
            services.run(
                [str(Path(sys.executable).with_name("dagster")), *stop],
                settings.child_environment({"DAGSTER_HOME": str(self.home / "dagster")}),
            )
        self.dagster.start()
        services.wait_until(self._dagster_answers, 120, "Dagster's web interface")

    def _dagster_answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    # --- meanwhile ----------------------------------------------------------------------------------------------------

    def _do(self, event: Event) -> None:
        print(f"{event.minute:5.0f} min  {event.what} {event.value}", flush=True)
        if event.what == "feed":
            self.replay.fault = event.value if isinstance(event.value, str) else None
        elif event.what == "set clock":
            speed = Speed.read(self.clock)
            assert isinstance(event.value, int)
            Speed(speed.factor, speed.began_at, speed.begins_at, speed.ahead + event.value).write(self.clock)
        elif event.what == "stop":
            self.database.stop()
        else:
            self._kill(str(event.value))

    def _kill(self, who: str) -> None:
        if who == "collector":
            self.collector.kill()
        elif who == "database":
            services.crash(self.database)
        elif who == "dagster":
            daemon = services.with_words(self.dagster.processes, "dagster._daemon")
            print(f"           {len(daemon)} processes of its daemon")
            services.kill(daemon)
        elif self.options.by == "dagster":
            services.kill(services.with_words(self.dagster.processes, "execute_run"))
        else:
            for warm in services.with_words(self.collector.processes, _FORKING)[:1]:
                services.kill(tree(warm)[1:])

    def _watch(self, seconds: float) -> Watch:
        def warm() -> list[int]:
            return [each for one in services.with_words(self.collector.processes, _FORKING)[:1] for each in tree(one)]

        def collector() -> list[int]:
            return sorted(set(self.collector.processes) - set(warm()))

        def database() -> Sequence[int]:
            pid = self.database.status().pid
            return tree(pid) if pid is not None else []

        home, landing, data = self.home, self.home / "landing", self.home / "postgres"
        return Watch(
            seconds,
            {
                "memory: collector": collector,
                "memory: its forks": warm,
                "memory: dagster": lambda: self.dagster.processes,
                "memory: database": database,
            },
            {
                "disk: landing zone": lambda: bytes_under(landing),
                "disk: tables": lambda: bytes_under(data / "base"),
                "disk: log": lambda: bytes_under(data / "pg_wal"),
                "disk: dagster": lambda: bytes_under(home / "dagster"),
                "disk: the rest": lambda: (
                    bytes_under(home) - bytes_under(landing, data / "base", data / "pg_wal", home / "dagster")
                ),
            },
        )

    def _let_it_come_to_rest(self) -> None:
        """Nothing comes any more: what was collected is loaded and built by those whose business it is, not by us."""
        self.replay.fault = "500"
        time.sleep(2 * MINUTE / self.options.speed)
        landed = sum(1 for _ in (self.home / "landing").rglob("*.json.gz"))
        print(f"{landed} snapshots landed, at {datetime.now(UTC):%H:%M:%S}", flush=True)

        def built() -> bool:
            with suppress(Exception), closing(Database(database_url())) as database:
                return bool(database.value(_ACCOUNTED) >= landed)
            return False

        services.wait_until(built, 300, "the last snapshot in the mart")

    def _events(self) -> Counter[str]:
        """What the collector has said, by the name of the event."""
        log = self.collector.log.read_text(encoding="utf-8", errors="replace")
        return Counter(re.findall(r"level=\w+ event=(\w+)", log))


def _last(said: str) -> str:
    return said.rpartition("\n")[2]


def _mart() -> dict[str, list[str]]:
    with closing(Database(database_url())) as database:
        return database.mart()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _options() -> Any:
    parser = argparse.ArgumentParser(prog="make soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("archive", help="a folder of recordings of one feed")
    parser.add_argument("--by", choices=["poll", "dagster"], default="poll", help="who starts load and build")
    parser.add_argument("--hours", type=float, default=HOURS)
    parser.add_argument("--speed", type=float, default=30.0)
    parser.add_argument("--keep", action="store_true", help="leave the folder there")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
