"""What `velib load` and `velib status` say, and how they exit. The loading itself is stood in for."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tiny import minute

import ingestion.loading.load
import velib.monitoring.health
import velib.postgres.database
from ingestion import commands
from ingestion.capture.extraction import Quarantined
from ingestion.landing.files import LandingFile
from ingestion.loading.load import LoadOptions, LoadSummary
from velib.cli import main as cli
from velib.core.errors import VelibError
from velib.monitoring.commands import status
from velib.monitoring.health import Seen
from velib.monitoring.status import FeedStatus, Gap, LastBuild, QuarantinedFile, WarehouseStatus

ESCAPE = "\x1b]0;owned\x07\x1b[31m"
BAD = Quarantined(LandingFile(f"/in/{ESCAPE}.json", 0, None), "", "empty_file", f"the file\nis {ESCAPE} empty")


class Loading:
    """Stands in for `ingestion.loading.load.load` and keeps what it was called with."""

    def __init__(self, summary: LoadSummary, act: Callable[..., None] = lambda *_: None) -> None:
        self.summary, self.act = summary, act
        self.paths: Any = None
        self.options = LoadOptions()

    def __call__(self, paths: Any, options: LoadOptions, *callbacks: Callable[..., None]) -> LoadSummary:
        self.paths, self.options = paths, options
        self.act(*callbacks)
        return self.summary


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setattr(cli, "_verbs", lambda: {"load": _Verb(commands.load), "status": _Verb(status)})

    def invoke(*arguments: str, loading: Any = None) -> Result:
        monkeypatch.setattr(ingestion.loading.load, "load", loading or Loading(LoadSummary()))
        return CliRunner().invoke(cli.velib, list(arguments), prog_name="velib")

    return invoke


class _Verb:
    def __init__(self, command: Any) -> None:
        self.command = command

    def load(self) -> Any:
        return self.command


# --- load ------------------------------------------------------------------------------------------------------------


def test_the_summary(run: Callable[..., Result]) -> None:
    summary = LoadSummary(files=1500, new=1000, known=400, duplicates=98, changes=12345, seconds=10.0)
    result = run("load", "folder", loading=Loading(summary))
    assert result.exit_code == 0
    assert result.stdout == (
        "1,500 files: 1,000 new, 498 skipped, 0 quarantined; 12,345 changes in 10.0 s, 10.0 ms a snapshot\n"
    )


def test_the_summary_of_nothing_new(run: Callable[..., Result]) -> None:
    result = run("load", "x", loading=Loading(LoadSummary(files=3, known=2, still_quarantined=1, seconds=0.26)))
    assert result.exit_code == 0
    assert result.stdout == "3 files: 0 new, 2 skipped, 0 quarantined (and 1 from before); 0 changes in 0.3 s\n"


def test_quarantined_files_make_it_exit_with_3(run: Callable[..., Result]) -> None:
    result = run("load", "x", loading=Loading(LoadSummary(files=12, quarantined=[BAD] * 12)))
    assert result.exit_code == 3
    assert "12 files: 0 new, 0 skipped, 12 quarantined" in result.stdout
    lines = result.stderr.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("quarantined /in/")
    assert ": empty_file: the file" in lines[0]
    assert lines[1:] == [
        "  … and 11 more: empty_file",
        "all of them: `velib status --details`, and raw.quarantined_files",
    ]


def test_a_rare_reason_does_not_drown(run: Callable[..., Result]) -> None:
    rare = [replace(BAD, reason="too_large", detail="too large"), replace(BAD, reason="too_deep", detail="too deep")]
    result = run("load", "x", loading=Loading(LoadSummary(quarantined=[BAD] * 800 + rare)))
    lines = result.stderr.splitlines()
    assert [line.rsplit(": ", 2)[-2] for line in lines if line.startswith("quarantined ")] == [
        "empty_file",
        "too_large",
        "too_deep",
    ]
    assert len(lines) == 5
    few = run("load", "x", loading=Loading(LoadSummary(quarantined=[BAD] * 3 + rare)))
    assert len(few.stderr.splitlines()) == 5


def test_links_that_are_refused_are_counted(run: Callable[..., Result]) -> None:
    result = run("load", "x", loading=Loading(LoadSummary(files=2, new=2, refused_links=["/in/a.json", "/in/b"])))
    assert result.exit_code == 0
    assert "0 quarantined, 2 links refused;" in result.stdout
    assert result.stderr.splitlines() == [
        "links that lead out of the landing zone, which are not followed without --follow-links: /in/a.json and 1 more"
    ]


def test_escapes_in_names_are_not_obeyed(run: Callable[..., Result]) -> None:
    result = run("load", "x", loading=Loading(LoadSummary(quarantined=[BAD])))
    assert "\N{REPLACEMENT CHARACTER}[31m.json" in result.output
    assert not {"\x1b", "\x07"} & set(result.output)

    def fail(*_: Any) -> LoadSummary:
        raise VelibError(f"no such file or folder: {ESCAPE}")

    result = run("load", "x", loading=fail)
    assert result.exit_code == 1
    assert not {"\x1b", "\x07"} & set(result.output)
    assert result.stderr.startswith("error: no such file or folder: \N{REPLACEMENT CHARACTER}")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("x", "--batch", "0"),
        ("x", "--max-mb", "-1"),
        ("x", "--workers", "0"),
        ("x", "--workers", "two"),
        ("x", "--time-zone", "Mars/Olympus"),
        ("x", "--time-zone", "../../etc/passwd"),
        ("x", "--time-zone", ""),
        ("x", "--feed", ""),
        ("x", "--feed", " "),
        ("x", "--feed", "a\nb"),
        ("x", "--no-such"),
    ],
)
def test_wrong_usage(run: Callable[..., Result], arguments: tuple[str, ...]) -> None:
    result = run("load", *arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert not isinstance(result.exception, ValueError)


def test_an_unknown_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_verbs", lambda: {"load": _Verb(commands.load)})
    result = CliRunner().invoke(cli.velib, ["load", "x", "--format", "gtfs"])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: unknown format gtfs: one of velib_app, velib_opendata, gbfs, nextbike")


def test_a_pattern_without_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_verbs", lambda: {"load": _Verb(commands.load)})
    result = CliRunner().invoke(cli.velib, ["load", "x", "--name-time", "%Y%m%d"])
    assert result.exit_code == 2
    assert result.stderr == (
        "error: no time can be read by --name-time %Y%m%d: a day and an hour are needed, for instance %Y%m%d_%H%M%S\n"
    )


def test_nothing_to_load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cli, "_verbs", lambda: {"load": _Verb(commands.load)})
    missing, empty = tmp_path / "missing", tmp_path / "empty"
    empty.mkdir()
    for path, words in ((missing, "no such file or folder"), (empty, "nothing to read at")):
        result = CliRunner().invoke(cli.velib, ["load", str(path)])
        assert result.exit_code == 1
        assert result.stderr.startswith(f"error: {words}")


def test_options_reach_the_load(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    loading = Loading(LoadSummary())
    arguments = ["--feed", "mine", "--format", "gbfs", "--max-mb", "3", "--batch", "7", "--workers", "1"]
    run("load", "a", "b", *arguments, "--time-zone", "Asia/Tokyo", loading=loading)
    assert tuple(loading.paths) == ("a", "b")
    options = loading.options
    assert (options.feed, options.format_name, options.time_zone.key) == ("mine", "gbfs", "Asia/Tokyo")
    assert (options.max_bytes, options.batch_files, options.workers) == (3 * 1024 * 1024, 7, 1)
    monkeypatch.setenv("VELIB_TIME_ZONE", "America/Lima")
    run("load", "a", loading=loading)
    assert loading.options.time_zone.key == "America/Lima"
    assert loading.options.name_time is None
    run("load", "a", "--name-time", "%d%m%Y_%H%M", loading=loading)
    assert loading.options.name_time == "%d%m%Y_%H%M"
    monkeypatch.setenv("VELIB_NAME_TIME", "%Y/%j/%H%M")
    run("load", "a", loading=loading)
    assert loading.options.name_time == LoadOptions().name_time == "%Y/%j/%H%M"
    assert LoadOptions().time_zone.key == "America/Lima"


def test_lines_in_a_log(run: Callable[..., Result]) -> None:
    def act(listed: Callable[[int], None], progress: Callable[[int], None], wait: Callable[[], None]) -> None:
        listed(4500)
        wait()
        for _ in range(45):
            progress(100)

    result = run("load", "x", loading=Loading(LoadSummary(), act))
    assert result.stderr.splitlines() == [
        "another load is running: waiting for it …",
        "2,000 of 4,500 files",
        "4,000 of 4,500 files",
    ]


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with commands._Progress() as progress:
        progress.listed(5000)
        progress.advance(4000)
        assert progress._bar is not None
        assert progress._bar.tasks[0].completed == 4000
    assert "of 5,000 files" not in capsys.readouterr().err


# --- status ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def status_of(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> Callable[[WarehouseStatus], list[str]]:
    class Connection:
        def close(self) -> None:
            pass

    monkeypatch.setattr(velib.postgres.database, "connect", lambda *_, **__: Connection())

    def show(found: WarehouseStatus) -> list[str]:
        monkeypatch.setattr(velib.monitoring.health, "look", lambda *_: Seen(minute(720), found, free_bytes=10**10))
        result = run("status", "--details")
        assert result.exit_code in (0, 1), result.output
        first, _, details = result.stdout.partition("\n\n")
        assert len(first.splitlines()) <= 10
        return details.splitlines()

    return show


GAP = timedelta(minutes=45)
BUILT = LastBuild(minute(690), minute(691), has_succeeded=True, is_under_way=False)


def test_status_of_nothing(status_of: Callable[[WarehouseStatus], list[str]]) -> None:
    assert status_of(WarehouseStatus((), {}, (), 0, None, 0, None, None, None, 0, gap=GAP)) == [
        "no snapshots yet: load some with `velib load PATH`, or try `velib demo`",
        "quarantine     empty",
    ]


def test_status(status_of: Callable[[WarehouseStatus], list[str]]) -> None:
    feed = FeedStatus(
        feed=f"f{ESCAPE}",
        snapshots=1234,
        first_at=minute(0),
        newest_at=minute(600),
        stations=3,
        bikes=2000,
        cadence=timedelta(seconds=60),
        gap_count=7,
        gaps=(Gap(minute(0), minute(300)), Gap(minute(400), minute(450))),
    )
    bad = QuarantinedFile(f"/in/{ESCAPE}", "empty_file", f"is {ESCAPE}", minute(0))
    shown = "\N{REPLACEMENT CHARACTER}]0;owned\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[31m"
    found = WarehouseStatus(
        (feed,),
        {"empty_file": 12, "too_large": 1},
        (bad,),
        4,
        minute(710),
        1,
        minute(700),
        12,
        BUILT,
        12_300_000,
        gap=GAP,
    )
    assert status_of(found) == [
        f"feed           f{shown}: 1,234 snapshots since 2026-06-02 08:00:00 UTC, every 1 min",
        "  newest       2026-06-02 18:00:00 UTC: 3 stations, 2,000 bikes",
        "  gaps         7, the latest 2: 2026-06-02 08:00:00 UTC for 5 h; 2026-06-02 14:40:00 UTC for 50 min",
        "last load      2026-06-02 19:40:00 UTC, database 12 MB",
        "duplicates     4 files with the content of a loaded one",
        "loading        since 2026-06-02 19:50:00 UTC",
        "dead loads     1 did not come to an end: their rows count for nothing, `velib clean` removes them",
        "marts          12 snapshots behind: `velib build`",
        "quarantine     13 files",
        "  empty_file                      12",
        "  too_large                        1",
        f"  /in/{shown}: empty_file: is {shown}",
        "  … and 12 more in raw.quarantined_files",
    ]


def test_the_exit_code_of_status_and_what_machines_read(
    run: Callable[..., Result], status_of: Callable[[WarehouseStatus], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = FeedStatus(f"f{ESCAPE}", 2, minute(0), minute(600), 1, 1, None, 0, (), newest_loaded_at=minute(601))
    found = WarehouseStatus((feed,), {}, (), 0, None, 0, minute(601), 0, BUILT, 0, gap=GAP)
    well, silent = (Seen(minute(at), found, free_bytes=10**10) for at in (610, 700))

    monkeypatch.setattr(velib.monitoring.health, "look", lambda *_: well)
    assert run("status").exit_code == 0
    assert "\x1b" not in run("status").stdout
    monkeypatch.setattr(velib.monitoring.health, "look", lambda *_: silent)
    said = run("status")
    assert said.exit_code == 1
    assert [line[:2] for line in said.stdout.splitlines()].count("!!") == 1

    told = run("status", "--json")
    assert told.exit_code == 1
    parsed = json.loads(told.stdout)
    assert parsed["is_well"] is False
    assert [each["what"] for each in parsed["checks"] if not each["is_well"]] == ["feed"]
    assert parsed["feeds"][0]["newest_age_seconds"] == 100 * 60
