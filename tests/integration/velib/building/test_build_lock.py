"""One build at a time a database, on a toy project whose one model waits at a gate: two homes, killed parents, plain dbt."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from toy_project import make_toy

from velib.building import dbt_process
from velib.core import settings
from velib.postgres import dbt_profile
from velib.postgres.connections import connect_to

pytestmark = pytest.mark.slow

PATIENCE = 120
# `velib` on the toy instead of the project.
VELIB = """
import pathlib, sys
from velib.core import settings
root = pathlib.Path(sys.argv.pop(1))
settings.project_root = lambda: root
from velib.cli.main import main
main()
"""


class Gate:
    """A lock on a table that the toy's model reads, and what the server knows of those who wait at it."""

    def __init__(self, url: str) -> None:
        self._lock, self._look = connect_to(url, "velib tests"), connect_to(url, "velib tests")
        self._look.autocommit = True
        self._ask("create table public.gate (passed integer)")

    def close(self) -> None:
        self._execute(self._lock, "lock table public.gate")

    def open(self) -> None:
        self._lock.commit()

    def someone_waits(self) -> bool:
        return bool(self._ask("select 1 from pg_locks where relation = 'public.gate'::regclass and not granted"))

    def candidates(self) -> int:
        """Processes that build, or wait for it."""
        return len(self._ask("select 1 from pg_stat_activity where application_name = 'velib build'"))

    def holder(self) -> int | None:
        return dbt_process.holder(self._look)

    def end(self) -> None:
        self._lock.close()
        self._look.close()

    def _ask(self, statement: str) -> list[Any]:
        return self._execute(self._look, statement)

    @staticmethod
    def _execute(connection: Any, statement: str) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []


@pytest.fixture
def gate(fresh_database: str) -> Iterator[Gate]:
    found = Gate(fresh_database)
    yield found
    found.end()


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gate: Gate) -> Path:
    files = {
        "macros/engine/guards.sql": next((settings.dbt_project() / "macros").rglob("guards.sql")).read_text(),
        "models/passage.sql": "select count(*) as passed from public.gate",
    }
    hook = 'on-run-start: ["{% if execute %}{% do refuse_beside_another_build() %}{% endif %} select 1"]\n'
    project = make_toy(tmp_path, monkeypatch, files, hook)
    dbt_profile.require()
    return project


@pytest.fixture
def start(toy: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a process in the toy's folder; none of them outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def make(*command: str, home: str = "home") -> subprocess.Popen[str]:
        environment = {settings.HOME: str(toy.parent / home), "DBT_PROFILES_DIR": str(toy)}
        started.append(
            subprocess.Popen(
                command,
                cwd=toy,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        )
        return started[-1]

    yield make
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.communicate()


def velib(toy: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-c", VELIB, str(toy.parent), *arguments]


def soon(condition: Callable[[], object]) -> bool:
    give_up = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.05)
    return True


def output(process: subprocess.Popen[str], code: int = 0) -> str:
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, said
    return said


def test_two_homes_on_one_database(gate: Gate, toy: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    gate.close()
    first = start(*dbt_process.command(), "run")
    assert soon(gate.someone_waits)
    pid = gate.holder()
    second = start(*velib(toy, "build"), home="other")
    assert second.stdout is not None
    assert second.stdout.readline() == f"{dbt_process.WAITING}\n"

    # Plain dbt looks, and does not wait.
    plain = start(str(Path(sys.executable).with_name("dbt")), "run", "--target-path", str(toy.parent / "plain"))
    assert f"refused: another build is running on this database (pid {pid}): wait for it to end" in output(plain, 2)

    first.kill()
    assert soon(lambda: gate.holder() not in (None, pid)), "the lock ends with dbt, however that ends"
    gate.open()
    said = output(second)
    assert said.startswith("built: 1 models and seeds built, 0 tests passed, "), "said once, and no more"
    assert gate.holder() is None


def test_what_a_killed_parent_leaves(gate: Gate, toy: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    gate.close()
    first = start(*velib(toy, "build"))
    assert soon(gate.someone_waits)
    pid = gate.holder()
    first.kill()  # its dbt lives on
    waiting = start(*velib(toy, "build"))
    first.wait()
    assert soon(lambda: gate.candidates() == 2)
    assert gate.holder() == pid
    other = start(*velib(toy, "build"), home="other")
    assert soon(lambda: gate.candidates() == 3)
    waiting.kill()
    other.kill()
    # Nobody wants these builds any more.
    assert soon(lambda: gate.candidates() == 1)
    last = start(*velib(toy, "build"))
    assert last.stdout is not None
    assert last.stdout.readline() == f"{dbt_process.WAITING}\n"
    assert gate.holder() == pid
    gate.open()
    assert output(last).startswith("built: 1 models and seeds built, ")
