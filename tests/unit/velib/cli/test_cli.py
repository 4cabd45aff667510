"""The `velib` command itself: verbs are found, errors are one line, exit codes are kept. The verbs have their own tests."""

import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import EntryPoint

import click
import pytest
from click.testing import CliRunner

from velib.cli import main as cli
from velib.core.errors import UsageError, VelibError


def _command(action: Callable[[], None]) -> click.Command:
    @click.command(help="A verb of the test.")
    def verb() -> None:
        action()

    return verb


def _mendable() -> None:
    raise VelibError("first line\nsecond line")


def _misused() -> None:
    raise UsageError("not like this")


def _quarantined() -> None:
    raise SystemExit(3)


def _left() -> None:
    click.get_current_context().exit(3)


def _interrupted() -> None:
    raise KeyboardInterrupt


mendable, misused = _command(_mendable), _command(_misused)
quarantined, left, interrupted = _command(_quarantined), _command(_left), _command(_interrupted)


@pytest.fixture(autouse=True)
def verbs(monkeypatch: pytest.MonkeyPatch) -> None:
    here = __name__
    names = ["mendable", "misused", "quarantined", "left", "interrupted"]
    found = {name: EntryPoint(name, f"{here}:{name}", cli.GROUP) for name in names}
    found["missing"] = EntryPoint("missing", "no_such_package.commands:missing", cli.GROUP)
    monkeypatch.setattr(cli, "_verbs", lambda: found)
    monkeypatch.setitem(sys.modules, here, sys.modules[__name__])


def _run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli.velib, list(arguments), prog_name="velib")
    return result.exit_code, result.output


def test_an_error_is_one_line() -> None:
    assert _run("mendable") == (1, "error: first line second line\n")


@pytest.mark.parametrize(
    ("verb", "code"), [("misused", 2), ("quarantined", 3), ("left", 3), ("interrupted", 1), ("nonsense", 2)]
)
def test_exit_codes(verb: str, code: int) -> None:
    assert _run(verb)[0] == code


def test_a_verb_that_cannot_be_loaded_leaves_the_others_alone() -> None:
    code, output = _run("--help")
    assert code == 0
    assert "mendable" in output
    assert "missing" not in output
    code, output = _run("missing", "--whatever", "x")
    assert code == 1
    assert output.startswith("error: `velib missing` cannot be loaded: ")


def test_help_is_quick() -> None:
    """The real one, in its own process: no verb may import heavily just to be listed."""
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "velib.cli.main", "--help"], capture_output=True, text=True)
        best = min(best, time.perf_counter() - started)
        assert done.returncode == 0, done.stderr
        assert "db " in done.stdout
    assert best < 1.0  # 0.15 s on an idle core; the rest is for a busy machine


def test_every_listed_verb_has_help() -> None:
    code = "from velib.cli import main as cli; print(*cli._verbs())"
    names = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "db" in names
