"""`velib build`: dbt on the warehouse, with a progress bar instead of its log, and one closing line."""

import json
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from warehouse import files, settings
from warehouse.errors import VelibError

_TAIL = 40


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--full-refresh", is_flag=True, help="Build every table from scratch.")
@click.option("--select", "-s", multiple=True, metavar="MODEL", help="Only these models (dbt's selection syntax).")
@click.option("--full", is_flag=True, help="Run the data tests tagged `full` too: they read the whole history.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def build(full_refresh: bool, select: Sequence[str], full: bool, arguments: Sequence[str]) -> None:
    """Build the marts from what was loaded, and test them.

    Runs `dbt build`; ARGUMENTS are passed on to it, for instance --vars '{…}'.
    """
    from warehouse import dbt_profile
    from warehouse.database import database_url

    if not (settings.dbt_project() / "dbt_project.yml").exists():
        raise VelibError(f"no dbt project in {settings.dbt_project()}")
    database_url()
    dbt_profile.require()

    extra = [*arguments]
    if full_refresh:
        extra.append("--full-refresh")
    for selection in select:
        extra += ["--select", *selection.split()]
    if not full:
        extra += ["--exclude", "tag:full"]
    _folder().mkdir(parents=True, exist_ok=True)
    # One build at a time. dbt inherits the lock: should we be killed and dbt live on, the next build waits for it.
    with files.locked(_folder() / "lock", lambda: click.echo("waiting for another build to end …", err=True)) as lock:
        _results_file().unlink(missing_ok=True)
        started = time.monotonic()
        code, problems = _run(_command(extra), lock)
        _close(code, problems, _results(), time.monotonic() - started)
    if code != 0:
        raise SystemExit(2 if any(line.startswith("Usage: dbt") for line in problems) else 1)


def _command(extra: Sequence[str]) -> list[str]:
    return [
        *(_dbt(), "--log-format", "json", "--log-level", "info", "build"),
        *("--exclude-resource-type", "unit_test"),  # they test the SQL, not the data: `make test` runs them
        *("--target-path", str(_folder() / "target"), "--log-path", str(_folder() / "logs")),
        *extra,
    ]


def _dbt() -> str:
    beside = Path(sys.executable).parent / "dbt"
    if not beside.exists():
        raise VelibError("dbt is not installed: run `make install`")
    return str(beside)


def _folder() -> Path:
    """dbt's own files, one set a warehouse: two warehouses may be built at the same time."""
    return settings.velib_home() / "dbt"


def _run(command: Sequence[str], lock: int) -> tuple[int, list[str]]:
    """Run dbt with a progress bar; its exit code and what it had to complain about."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    problems: list[str] = []
    tail: deque[str] = deque(maxlen=_TAIL)
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    process = subprocess.Popen(
        command,
        cwd=settings.dbt_project(),
        env=settings.child_environment({"DBT_PROFILES_DIR": str(settings.dbt_project())}),
        pass_fds=(lock,),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    assert process.stdout is not None
    with process, Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading the models", total=None)
        for event in _events(process.stdout):
            message, level, data = event["message"], event["level"], event["data"]
            tail.append(message)
            if level == "error" or (level == "warn" and "index" in data):
                problems.append(message)
            if isinstance(data.get("index"), int) and isinstance(data.get("total"), int):
                progress.update(
                    task, total=data["total"], completed=data["index"] - 1, description="building and testing"
                )
    if process.returncode != 0 and not problems:
        problems = list(tail)
    return process.returncode, problems


def _events(lines: Iterator[str] | Any) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            event = json.loads(line)
            info = event["info"]
            yield {
                "message": info.get("msg") or "",
                "level": info.get("level") or "info",
                "data": event.get("data") or {},
            }
        except (ValueError, KeyError, TypeError):
            text = line.rstrip()  # a traceback, or a library's warning
            if text:
                yield {"message": text, "level": "info", "data": {}}


def _results_file() -> Path:
    return _folder() / "target" / "run_results.json"


def _results() -> list[dict[str, Any]]:
    if not _results_file().exists():
        return []  # dbt did not get so far
    return list(json.loads(_results_file().read_text())["results"])


def _close(code: int, problems: Sequence[str], results: Sequence[dict[str, Any]], seconds: float) -> None:
    for problem in problems:
        if problem.strip():
            click.echo(problem.rstrip(), err=True)
    counts: Counter[tuple[str, bool]] = Counter()
    for result in results:
        kind = result["unique_id"].partition(".")[0]
        if kind not in ("model", "seed", "test"):
            continue  # an exposure does nothing, and dbt says so
        counts["tests" if kind == "test" else "models", result["status"] in ("success", "pass", "warn")] += 1
    failed = counts["models", False] + counts["tests", False]
    parts = [f"{counts['models', True]} models and seeds built", f"{counts['tests', True]} tests passed"]
    if failed:
        parts.append(f"{failed} failed or skipped")
    click.echo(f"{'built' if code == 0 else 'build failed'}: {', '.join(parts)}, {seconds:.1f} s")
    if code != 0:
        click.echo(f"dbt's whole log: {_folder() / 'logs' / 'dbt.log'}", err=True)
