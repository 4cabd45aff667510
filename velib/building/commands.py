"""`velib build`: dbt on the warehouse, with a progress bar instead of its log, and one closing line."""

import json
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from velib.building import dbt_process
from velib.core import settings
from velib.core.errors import VelibError

_TAIL = 40
# How a model or a test can end, in dbt's words.
_GOOD = ("success", "pass", "warn")
_BAD = ("error", "fail", "skipped", "partial success", "runtime error")


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--full-refresh", is_flag=True, help="Build every table from scratch.")
@click.option("--select", "-s", multiple=True, metavar="MODEL", help="Only these models (dbt's selection syntax).")
@click.option("--full", is_flag=True, help="Run the data tests tagged `full` too: they read the whole history.")
@click.option("--no-tests", is_flag=True, help="Run no data tests.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def build(full_refresh: bool, select: Sequence[str], full: bool, no_tests: bool, arguments: Sequence[str]) -> None:
    """Build the marts from what was loaded, and test them. What stands as the last build made it is left alone.

    Runs `dbt build`; ARGUMENTS are passed on to it, for instance --vars '{…}'.
    """
    from velib.postgres import dbt_profile
    from velib.postgres.database import database_url

    if not (settings.dbt_project() / "dbt_project.yml").exists():
        raise VelibError(f"no dbt project in {settings.dbt_project()}")
    database_url()
    profiles = dbt_profile.require()

    extra = [*arguments]
    if full_refresh:
        extra.append("--full-refresh")
    for selection in select:
        extra += ["--select", *selection.split()]
    if not full:
        extra += ["--exclude", "tag:full"]
    if no_tests:
        extra += ["--resource-type", "model", "--resource-type", "seed"]
    scope: tuple[str, ...] = ()
    if not select and not arguments:  # what those come to, only dbt knows
        scope = (dbt_process.OF_EVERYTHING if full_refresh or full else dbt_process.OF_CHANGES,)
        if no_tests:
            scope += (dbt_process.UNTESTED,)
    run = _run(_command(scope, extra), profiles)
    if run.code != 0 and (failure := _in_one_line(run)):
        raise VelibError(failure)
    _close(run)
    if run.code != 0:
        raise SystemExit(2 if any(line.startswith("Usage: dbt") for line in run.problems) else 1)


@dataclass
class _Run:
    """What became of a run of dbt: its exit code, its complaints, how each model, seed and test ended, how long it took."""

    code: int = 0
    problems: list[str] = field(default_factory=list)
    results: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def _in_one_line(run: _Run) -> str | None:
    """Why the run failed, where neither the models nor the data have to do with it."""
    said = "\n".join(run.problems)
    if refusal := dbt_process.refusal(said):
        return refusal
    if run.code < 0:
        return f"dbt was killed by signal {-run.code} (out of memory?); what it had built counts, run it again for the rest"
    if found := dbt_process.DATABASE_FAILED.search(said):
        return f"the database failed: {found[0].strip()}; what was built counts, run it again for the rest"
    if found := dbt_process.REFUSED_BY_THE_SYSTEM.search(said):
        return f"dbt cannot go on: {found[1].strip()}; what was built counts, run it again for the rest"
    return None


def _command(scope: Sequence[str], extra: Sequence[str]) -> list[str]:
    folder = dbt_process.folder()
    return [
        *(*dbt_process.command(*scope), "--log-format", "json", "--log-level", "info", "build"),
        # Its log of every statement and its manifest, which nothing here reads, would cost a quarter of a short build's time.
        *("--log-format-file", "text", "--log-level-file", "info", "--no-write-json"),
        # Unit tests test the SQL, not the data: `make test` runs them. An exposure does nothing.
        *("--exclude-resource-type", "unit_test", "--exclude-resource-type", "exposure"),
        *("--target-path", str(folder / "target"), "--log-path", str(folder / "logs")),
        *extra,
    ]


def _run(command: Sequence[str], profiles: Path) -> _Run:
    """Run dbt with a progress bar."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    run = _Run()
    started = time.monotonic()
    waited = False
    tail: deque[str] = deque(maxlen=_TAIL)
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    environment = settings.child_environment({"DBT_PROFILES_DIR": str(profiles)})
    process = dbt_process.start(command, environment)
    assert process.stdout is not None
    with process, Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading the models", total=None)
        for event in _events(process.stdout):
            message, level, data = event["message"], event["level"], event["data"]
            if message == dbt_process.WAITING:
                progress.console.print(message)
                waited = True
                continue
            if waited:
                started, waited = time.monotonic(), False
            if event["is_of_macros"]:
                progress.console.print(message, highlight=False, soft_wrap=True)
            tail.append(message)
            if (ended := _ended(data.get("node_info") or {})) is not None:
                run.results[ended[0]] = ended[1]
            if level == "error" or (level == "warn" and "index" in data) or dbt_process.refusal(message):
                run.problems.append(message)
            if isinstance(data.get("index"), int) and isinstance(data.get("total"), int):
                progress.update(
                    task, total=data["total"], completed=data["index"] - 1, description="building and testing"
                )
    assert process.returncode is not None
    run.code, run.seconds = process.returncode, time.monotonic() - started
    if run.code != 0 and not run.problems:
        run.problems = list(tail)
    return run


def _events(lines: Iterator[str] | Any) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            event = json.loads(line)
            info = event["info"]
            yield {
                "message": info.get("msg") or "",
                "level": info.get("level") or "info",
                "data": event.get("data") or {},
                "is_of_macros": info.get("name") in ("JinjaLogInfo", "JinjaLogWarning"),
            }
        except (ValueError, KeyError, TypeError):
            text = line.rstrip()  # a traceback, or a library's warning
            if text:
                yield {"message": text, "level": "info", "data": {}, "is_of_macros": False}


def _ended(node: dict[str, Any]) -> tuple[str, str] | None:
    """A model, seed or test that has come to its end, and how; None for all else that dbt says of a node."""
    if node.get("resource_type") in ("model", "seed", "test") and node.get("node_status") in (*_GOOD, *_BAD):
        return str(node["unique_id"]), str(node["node_status"])
    return None


def _close(run: _Run) -> None:
    for problem in run.problems:
        if problem.strip():
            click.echo(problem.rstrip(), err=True)
    counts: Counter[tuple[str, bool]] = Counter()
    for unique_id, status in run.results.items():
        counts["tests" if unique_id.startswith("test.") else "models", status in _GOOD] += 1
    failed = counts["models", False] + counts["tests", False]
    parts = [f"{counts['models', True]} models and seeds built", f"{counts['tests', True]} tests passed"]
    if failed:
        parts.append(f"{failed} failed or skipped")
    click.echo(f"{'built' if run.code == 0 else 'build failed'}: {', '.join(parts)}, {run.seconds:.1f} s")
    if run.code != 0:
        click.echo(f"dbt's log: {dbt_process.folder() / 'logs' / 'dbt.log'}", err=True)
