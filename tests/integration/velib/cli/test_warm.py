"""Verbs in forks of a process that is kept warm, on a toy dbt project: what differs is where they come from, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from toy_project import make_toy

from velib.cli.fork_server import Verb, Warm
from velib.core import settings
from velib.postgres import dbt_profile

pytestmark = pytest.mark.slow

# As `python -m velib.cli.fork_server`, on the toy instead of the project; it notes each fork that needs no dbt of its own.
SERVER = """
import os, pathlib, sys
from velib.building import dbt_process
from velib.cli import fork_server
from velib.core import settings
root = pathlib.Path(sys.argv.pop(1))
settings.project_root = lambda: root
class Forked(dbt_process.Forked):
    def __init__(self, *arguments):
        with open(root / "forks", "a") as notes:
            print(os.getppid(), file=notes)
        super().__init__(*arguments)
dbt_process.Forked = Forked
fork_server.main()
"""
PATIENCE = 60


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_database: str) -> Path:
    files = {
        "models/bikes.sql": "select 1 as bike_id from (select pg_sleep({{ env_var('NAP', '0') }})) as nap",
        "tests/light.sql": "select * from {{ ref('bikes') }} where bike_id <> 1",
    }
    make_toy(tmp_path, monkeypatch, files)
    dbt_profile.require()
    return tmp_path


@pytest.fixture
def warm(root: Path) -> Iterator[Warm]:
    found = Warm(settings.child_environment(), [sys.executable, "-P", "-c", SERVER, str(root)])
    yield found
    found.end()


def ran(warm: Warm, *arguments: str) -> tuple[int, str]:
    verb = warm.start(arguments)
    assert verb is not None
    said, _ = verb.communicate()
    return verb.returncode, said


def forks(root: Path) -> list[int]:
    notes = root / "forks"
    return [int(line) for line in notes.read_text().split()] if notes.exists() else []


def test_builds_in_forks(root: Path, warm: Warm) -> None:
    code, said = ran(warm, "build")
    assert code == 0, said
    assert said.startswith("built: 1 models and seeds built, 1 tests passed, "), said
    assert forks(root) == [], "the first build makes for itself what the others find"

    code, said = ran(warm, "build")
    assert code == 0, said
    assert said.startswith("built: 1 models and seeds built, 1 tests passed, "), said
    [server] = forks(root)

    # What is refused says so in the same one line, and a usage error is one.
    assert ran(warm, "build", "--no-such-option")[0] == 2
    assert ran(warm, "nonsense")[0] == 2

    # Another project: no fork builds what is no more, and the next process is of the new one.
    (root / "dbt_project" / "models" / "bikes.sql").write_text("select 2 as bike_id")
    code, said = ran(warm, "build")
    assert (code, "Failure in test light" in said) == (1, True), said
    assert set(forks(root)) == {server}
    before = warm._server
    assert ran(warm, "--version")[0] == 0
    assert warm._server is not before


def test_a_process_that_is_killed_is_started_again(root: Path, warm: Warm) -> None:
    assert ran(warm, "--version")[0] == 0
    assert warm._server is not None
    warm._server.kill()
    warm._server.wait()
    assert ran(warm, "--version")[0] == 0


def test_one_that_cannot_be_started_is_none() -> None:
    assert Warm({}, [sys.executable, "-c", ""]).start(["--version"]) is None
    assert Warm({}, ["/nowhere"]).start(["--version"]) is None


def test_a_verb_is_ended_with_all_that_it_has_started(warm: Warm) -> None:
    warm._environment["NAP"] = "60"
    verb = warm.start(["build"])
    assert isinstance(verb, Verb)
    waiting = threading.Thread(target=verb.communicate)
    waiting.start()
    assert until(lambda: len(group(verb.pid)) > 1)
    assert verb.poll() is None
    os.killpg(verb.pid, signal.SIGKILL)
    assert verb.wait(PATIENCE) == -signal.SIGKILL
    waiting.join(PATIENCE)
    assert until(lambda: not group(verb.pid))


DEAF = """
from velib.core.forking import Forked
def say_much():
    for _ in range(100_000):
        print("x" * 100, flush=True)
forked = Forked(say_much)
forked.stdout.readline()
forked.stdout.close()
print(forked.wait())
"""


def test_a_fork_hears_that_nobody_listens() -> None:
    """Or dbt would wait for ever, and hold the lock on builds, once whoever had started it was killed."""
    done = subprocess.run([sys.executable, "-P", "-c", DEAF], capture_output=True, text=True, timeout=PATIENCE)
    assert done.stdout == "1\n", done.stderr


def group(leader: int) -> list[int]:
    """The processes of a process group."""
    said = subprocess.run(["ps", "-e", "-o", "pid=,pgid=,state="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in said.splitlines()]
    return [int(pid) for pid, pgid, state in rows if int(pgid) == leader and state != "Z"]


def until(condition: Callable[[], object]) -> bool:
    give_up = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.05)
    return True
