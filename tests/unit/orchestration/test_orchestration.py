"""The code location: it loads out of nothing, its graph is the pinned one, and its sensor starts what it should, once."""

import json
import signal
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from asset_graph import SNAPSHOT
from click.testing import CliRunner
from dagster_dbt.asset_utils import _SELECTION_ARGS_THRESHOLD

from ingestion.capture.extraction import Quarantined
from ingestion.landing.files import LandingFile
from ingestion.landing.landing_zone import list_files
from ingestion.loading.load import LoadSummary
from orchestration import commands
from orchestration.defs.sensors import landing_files
from orchestration.lib.archive import first_day, paths_of_days
from orchestration.lib.collecting import Ticked, tick
from orchestration.lib.dbt_arguments import build_arguments
from orchestration.lib.dbt_manifest import load_manifest, newest_change, with_homes_for_singular_tests
from orchestration.lib.feed_checks import CHECKS
from orchestration.lib.landing_cursor import RETRY_SECONDS, RETRY_SECONDS_MAX, Cursor, Outcome, decide
from orchestration.lib.landing_zone import LandingZone, summarise
from orchestration.lib.load_report import SHOWN_FILES, ProgressLog, metadata_by_table, quarantine_check
from orchestration.lib.plots import bars
from orchestration.lib.quiet_folders import divide
from orchestration.lib.runs import RUN_KEY_TAG, WRITES
from velib.cli.main import velib
from velib.core import settings
from velib.core.errors import VelibError

# Whoever looks for a database while the code is loaded is caught here.
_OFFLINE = """
import runpy, socket, sys
def refuse(*arguments): raise AssertionError(f"a connection while the code is loaded: {arguments}")
socket.socket.connect = socket.create_connection = refuse
sys.argv = [sys.argv[1]]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


# --- the code location -----------------------------------------------------------------------------------------------


def test_it_loads_without_database_and_credentials_and_has_the_pinned_graph(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "-c", _OFFLINE, str(SNAPSHOT.parent.parent / "asset_graph.py")],
        cwd=settings.project_root(),
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), settings.HOME: str(home), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert not home.exists(), "loading the code leaves nothing behind and starts nothing"
    assert "Warning" not in done.stderr, done.stderr[-4000:]
    found, pinned = json.loads(done.stdout), json.loads(SNAPSHOT.read_text())
    changed = [
        name for name in found["assets"] | pinned["assets"] if found["assets"].get(name) != pinned["assets"].get(name)
    ]
    hint = "if it is meant to be: python tests/unit/orchestration/asset_graph.py --write"
    assert not changed, f"the asset graph is another at {', '.join(changed)}; {hint}"
    assert found == pinned, f"jobs, schedules or sensors are others; {hint}"


def test_the_pinned_graph_is_one_joined_graph() -> None:
    assets: dict[str, Any] = json.loads(SNAPSHOT.read_text())["assets"]
    assert {each["group"] for each in assets.values()} == {
        "landing",
        "raw",
        "staging",
        "intermediate",
        "mart",
        "compat",
    }
    for name, asset in assets.items():
        assert set(asset["deps"]) <= set(assets), f"{name} stands on something outside the graph"

    def stands_on_landing(name: str) -> bool:
        return name == "landing/snapshots" or any(stands_on_landing(each) for each in assets[name]["deps"])

    for name in ("mart/fct_trips", "mart/fct_station_status", "mart/dim_bike", "mart/dim_station", "compat/v_trajets"):
        assert stands_on_landing(name), f"{name} is not joined to the landing zone"


# --- dbt -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ["build", "--exclude-resource-type", "unit_test"]),
        ({"full_refresh": True}, ["build", "--exclude-resource-type", "unit_test", "--full-refresh"]),
    ],
)
def test_the_command_line_of_dbt(asked: dict[str, bool], expected: list[str]) -> None:
    assert build_arguments(**asked) == expected


def test_the_jobs_leave_out_and_run_the_full_data_tests() -> None:
    from orchestration.definitions import defs

    def selected(job: str) -> tuple[set[dg.AssetKey], set[dg.AssetCheckKey]]:
        layer = defs.resolve_job_def(job).asset_layer
        return set(layer.selected_asset_keys), set(layer.asset_graph.asset_check_keys)

    tests = [node for node in load_manifest()[1]["nodes"].values() if node["resource_type"] == "test"]
    full = {node["name"] for node in tests if "full" in node["tags"]}
    others = {node["name"] for node in tests} - full
    assert full
    assert others
    graph = defs.get_repository_def().asset_graph
    assets, checks = selected("load_and_build")
    apart = {name: dg.AssetKey(name.split("/")) for name in ("raw/dead_rows", "raw/archive", "landing/poll")}
    assert assets >= graph.materializable_asset_keys - set(apart.values())
    assert not assets & set(apart.values())
    assert selected("clean")[0] == {apart["raw/dead_rows"]}
    assert selected("backfill")[0] == {apart["raw/archive"]}
    assert selected("poll_load_and_build") == (assets | {apart["landing/poll"]}, checks)
    assert {key.name for key in checks} == others | {"quarantine_not_growing", *CHECKS}
    assets, all_checks = selected("full_data_tests")
    assert assets == set()
    assert {key.name for key in all_checks} == full | others

    # dagster-dbt names each of them on dbt's command line. Beyond 200 it would copy the project to /tmp, run dbt there, and
    # leave the copy behind: then `Dbt.stream` has to select in fewer words, as `velib build` does.
    assert max(len(graph.materializable_asset_keys) + len(checks), len(all_checks)) <= _SELECTION_ARGS_THRESHOLD


def test_the_cleaning_does_not_queue_up() -> None:
    from orchestration.defs.jobs import hourly_clean

    with dg.instance_for_test() as instance:
        context = dg.build_schedule_context(instance)
        assert isinstance(hourly_clean(context), dg.RunRequest)
        instance.add_run(dg.DagsterRun(job_name="clean", status=dg.DagsterRunStatus.STARTED))
        assert isinstance(hourly_clean(context), dg.SkipReason), "one that waits for a load is enough"


def test_the_full_data_tests_wait_until_something_is_built() -> None:
    from orchestration.defs.jobs import daily_full_data_tests

    with dg.instance_for_test() as instance:
        context = dg.build_schedule_context(instance)
        assert isinstance(daily_full_data_tests(context), dg.SkipReason)
        instance.add_run(dg.DagsterRun(job_name="load_and_build", status=dg.DagsterRunStatus.SUCCESS))
        assert isinstance(daily_full_data_tests(context), dg.RunRequest)


def test_all_data_tests_run_once_soon_after_the_first_build_wherever_that_was() -> None:
    from orchestration.defs.jobs import BUILT, daily_full_data_tests, first_full_data_tests

    with dg.instance_for_test() as instance:
        context = dg.build_schedule_context(instance)
        assert isinstance(first_full_data_tests(context), dg.SkipReason)
        instance.report_runless_asset_event(dg.AssetMaterialization(BUILT))
        assert isinstance(first_full_data_tests(context), dg.RunRequest)
        assert isinstance(daily_full_data_tests(context), dg.RunRequest)
        instance.add_run(dg.DagsterRun(job_name="full_data_tests", status=dg.DagsterRunStatus.FAILURE))
        assert isinstance(first_full_data_tests(context), dg.SkipReason), "what fails is not tried all day"


def test_no_two_runs_write_at_a_time_and_the_live_feed_goes_first() -> None:
    from dagster._core.instance.config import dagster_instance_config

    from orchestration.definitions import defs

    tags = {job.name: job.tags for job in defs.get_repository_def().get_all_jobs() if not job.name.startswith("__")}
    assert all(int(each["dagster/max_runtime"]) >= 3600 for each in tags.values())
    assert WRITES not in tags.pop("forget"), "what does not touch the warehouse waits for nobody"
    assert all(each[WRITES] for each in tags.values())
    priority = {name: int(each["dagster/priority"]) for name, each in tags.items()}
    assert priority["backfill"] == min(priority.values())
    assert priority["load_and_build"] == priority["poll_load_and_build"] == max(priority.values())

    with tempfile.TemporaryDirectory() as home:
        config, _ = dagster_instance_config(str(commands.prepare_home(Path(home))))
        limits = {"key": WRITES, "limit": 1}
        assert config["concurrency"]["runs"]["tag_concurrency_limits"] == [limits]
        compose = (settings.project_root() / "deploy" / "dagster" / "dagster.yaml").read_text()
        assert yaml.safe_load(compose)["run_coordinator"]["config"]["tag_concurrency_limits"] == [limits]


def test_a_singular_test_of_several_models_is_a_check_of_the_first() -> None:
    def test_node(**more: Any) -> dict[str, Any]:
        return {"resource_type": "test", "config": {}, "refs": [{"name": "fct_trips"}, {"name": "dim_bike"}], **more}

    elsewhere = {"meta": {"dagster": {"ref": {"name": "dim_bike"}}}}
    nodes = with_homes_for_singular_tests(
        {
            "nodes": {
                "singular": test_node(),
                "placed": test_node(config=elsewhere),
                "generic": test_node(attached_node="model.velib.dim_bike"),
                "model": test_node(resource_type="model"),
            }
        }
    )["nodes"]
    assert nodes["singular"]["config"]["meta"] == {"dagster": {"ref": {"name": "fct_trips"}}}
    assert nodes["placed"]["config"]["meta"] == {"dagster": {"ref": {"name": "dim_bike"}}}
    assert nodes["generic"]["config"] == nodes["model"]["config"] == {}


def test_a_removed_model_makes_the_manifest_old(tmp_path: Path) -> None:
    (tmp_path / "dbt_project.yml").touch()
    model = tmp_path / "models" / "mart" / "fct.sql"
    model.parent.mkdir(parents=True)
    model.touch()
    before = newest_change(tmp_path)
    (tmp_path / "target").mkdir()
    assert newest_change(tmp_path) == before, "what dbt writes is no change of the project"
    model.unlink()
    assert newest_change(tmp_path) > before


# --- the landing zone ------------------------------------------------------------------------------------------------


def test_where_the_landing_zone_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(settings.HOME, str(tmp_path / "home"))
    assert LandingZone().paths() == [str(tmp_path / "home" / "landing")]
    assert LandingZone().scan().files == 0, "an empty landing zone is none to complain about"
    monkeypatch.setenv("VELIB_LANDING", f"{tmp_path}/a, s3://bucket/b/,")
    assert LandingZone().paths() == [f"{tmp_path}/a", "s3://bucket/b/"]


def test_only_folders_without_snapshots_are_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("empty/.hidden.json", "empty/notes.txt", "full/day/s_20260602_000000.json.gz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    paths = [str(tmp_path / name) for name in ("empty", "full", "missing")]
    nowhere = {
        "ENDPOINT_URL": "http://127.0.0.1:1",
        "ACCESS_KEY_ID": "a",
        "SECRET_ACCESS_KEY": "b",
        "MAX_ATTEMPTS": "1",
    }
    for name, value in nowhere.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("VELIB_LANDING", ",".join([*paths, "s3://bucket/x"]))
    assert LandingZone().paths_with_files() == [*paths[1:], "s3://bucket/x"], (
        "what is missing, or out of reach, is for the loader to name"
    )


def test_every_change_of_the_files_shows_in_the_fingerprint() -> None:
    a, b = LandingFile("/a.json", 1, 10), LandingFile("/b.json", 2, 20)
    states = [[], [a], [a, b], [a, b._replace(size=3)], [a, b._replace(modified_ns=5)], [a, b._replace(path="/c.json")]]
    assert len({summarise(each).fingerprint for each in states}) == len(states)
    assert summarise([a, b]) == summarise([a, b])
    assert (summarise([a, b]).newest_path, summarise([a, b]).bytes) == ("/b.json", 3)


def put(path: Path) -> Path:
    """As collectors write: under another name first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.tmp")
    partial.write_text("[]")
    partial.rename(path)
    return path


def test_past_days_are_not_listed_and_what_changes_in_them_is_seen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    today = date(2026, 6, 30)
    old = put(tmp_path / "feed=a/date=2026-06-01/hour=08/a_20260601T080000Z.json")
    put(tmp_path / "feed=a/date=2026-06-30/hour=08/a_20260630T080000Z.json")
    put(tmp_path / "other/o_20260601_080000.json")
    put(tmp_path / "loose_20260601_080000.json")
    put(tmp_path / ".unfinished/a_20260630T080100Z.json")
    (tmp_path / "feed=empty" / "date=2026-06-30").mkdir(parents=True)
    (tmp_path / "notes.txt").touch()

    def state() -> str:
        found = divide([str(tmp_path)], today)
        return summarise(list_files(found.to_list), found.quiet).fingerprint

    found = divide([str(tmp_path), "s3://bucket/x"], today)
    names = [path.removeprefix(f"{tmp_path}/") for path in found.to_list]
    assert names == ["feed=a/date=2026-06-30", "loose_20260601_080000.json", "other", "s3://bucket/x"]
    assert [Path(path).name for path, _ in found.quiet] == ["date=2026-06-01", "hour=08"]
    assert divide([str(tmp_path / "other")], today).to_list == [str(tmp_path / "other")]

    states = [state()]
    assert state() == states[0]
    for change in (
        lambda: put(old.with_name("a_20260601T080100Z.json")),
        lambda: put(tmp_path / "feed=a/date=2026-06-01/hour=09/a_20260601T090000Z.json"),
        lambda: put(tmp_path / "feed=a/date=2026-06-02/hour=09/a_20260602T090000Z.json"),
        lambda: put(tmp_path / "feed=a/date=2026-06-30/hour=08/a_20260630T080200Z.json"),
        lambda: put(tmp_path / "feed=b/date=2026-06-01/hour=08/b_20260601T080000Z.json"),
        lambda: put(old),
        old.unlink,
    ):
        change()
        states.append(state())
    assert len(set(states)) == len(states)


@pytest.mark.parametrize("day", range(25, 32))
def test_a_day_is_over_when_it_is_so_everywhere_and_for_who_writes_late(day: int, tmp_path: Path) -> None:
    put(tmp_path / f"feed=a/date=2026-05-{day}/hour=08/a.json")
    found = divide([str(tmp_path)], date(2026, 5, 31))
    assert bool(found.quiet) == (day < 29), "on its day, and for two days after it, its files are listed"


def test_the_files_of_a_day_of_an_archive(tmp_path: Path) -> None:
    wanted = [
        put(tmp_path / "feed=a/date=2026-06-01/hour=08/x.json").parent.parent,
        put(tmp_path / "flat/response_20260601_080000_CEST.json.gz"),
        put(tmp_path / "r_20260602T080000Z.json"),
    ]
    put(tmp_path / "feed=a/date=2026-06-03/hour=08/a_20260601T080000Z.json")
    put(tmp_path / "r_1202606010_080000.json")
    put(tmp_path / "r_20260601_080000.txt")
    (tmp_path / "feed=b/date=2026-06-01").mkdir(parents=True)
    assert paths_of_days([str(tmp_path)], ["2026-06-01", "2026-06-02"]) == sorted(map(str, wanted))
    for nowhere in ("s3://bucket/x", str(tmp_path / "none")):
        with pytest.raises(VelibError, match="loaded by day from a folder"):
            paths_of_days([nowhere], ["2026-06-01"])


def test_an_archive_begins_with_its_first_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestration.defs import raw

    monkeypatch.setenv("VELIB_ARCHIVE", f"{tmp_path}/a,{tmp_path}/b,{tmp_path}/none,s3://bucket/x")
    assert raw._days() is None, "without files there is nothing that `Materialize all` could ask for"
    put(tmp_path / "b/flat/r_20260103_080000.json")
    put(tmp_path / "b/flat/r_99999999_080000.json")
    put(tmp_path / "b/flat/r_20250101_080000.txt")
    days = raw._days()
    assert days is not None
    assert days.get_first_partition_key() == "2026-01-03"
    put(tmp_path / "a/feed=f/date=2025-12-31/hour=08/f_20240101T080000Z.json")
    assert first_day([str(tmp_path)]) == "2025-12-31"


def test_a_check_that_builds_leave_out_says_when_it_runs() -> None:
    from orchestration.defs import dbt

    nightly = {spec.key for spec in dbt.models.check_specs if (spec.description or "").startswith("Runs at night")}
    assert nightly == set(dbt.full_data_tests)


# --- the sensor ------------------------------------------------------------------------------------------------------


class Daemon:
    """As Dagster's daemon: keeps the cursor, and notes what a run came to."""

    def __init__(self) -> None:
        self.instance = dg.DagsterInstance.ephemeral()
        self.cursor: str | None = None

    def tick(self) -> dg.SensorResult | dg.SkipReason:
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"landing_zone": LandingZone()}
        )
        result = landing_files(context)
        assert isinstance(result, dg.SensorResult | dg.SkipReason)
        if isinstance(result, dg.SensorResult):
            self.cursor = result.cursor
        return result

    def started(self) -> dg.RunRequest | None:
        result = self.tick()
        requests = result.run_requests if isinstance(result, dg.SensorResult) else None
        return requests[0] if requests else None

    def run(self, request: dg.RunRequest, status: dg.DagsterRunStatus) -> dg.DagsterRun:
        tags = {RUN_KEY_TAG: str(request.run_key)}
        run = dg.DagsterRun(job_name="load_and_build", status=status, tags=tags)
        return self.instance.add_run(run)


@pytest.fixture
def landing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "landing"
    folder.mkdir()
    monkeypatch.setenv("VELIB_LANDING", str(folder))
    return folder


def test_the_sensor_starts_on_new_files_and_not_twice(landing: Path) -> None:
    daemon = Daemon()
    assert daemon.started() is None, "no files yet"
    (landing / "s_20260602_000000.json").write_text("[]")
    (landing / "s_20260602_000100.json.tmp").write_text("[")
    result = daemon.tick()
    assert isinstance(result, dg.SensorResult)
    assert result.run_requests is not None
    [request] = result.run_requests
    [observed] = result.asset_events
    assert observed.asset_key == dg.AssetKey(["landing", "snapshots"])
    assert observed.metadata["files"].value == 1
    assert Cursor.read(daemon.cursor).loaded is None, "the cursor moves after success only"
    daemon.run(request, dg.DagsterRunStatus.SUCCESS)
    assert daemon.started() is None
    assert Cursor.read(daemon.cursor).loaded is not None
    assert daemon.started() is None

    (landing / "s_20260602_000100.json").write_text("[]")
    again = daemon.started()
    assert again is not None
    assert again.run_key != request.run_key


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
def test_the_sensor_waits_for_the_run_that_is_under_way(landing: Path, status: dg.DagsterRunStatus) -> None:
    daemon = Daemon()
    daemon.run(dg.RunRequest(run_key="by hand"), status)
    (landing / "s_20260602_000000.json").write_text("[]")
    assert isinstance(daemon.tick(), dg.SkipReason)
    assert daemon.cursor is None


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED])
def test_the_sensor_starts_again_after_a_failed_run(
    landing: Path, status: dg.DagsterRunStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = Daemon()
    (landing / "s_20260602_000000.json").write_text("[]")
    first = daemon.started()
    assert first is not None
    daemon.run(first, status)
    assert daemon.started() is None, "not at once: what failed is given a minute"
    monkeypatch.setattr("orchestration.lib.landing_cursor.RETRY_SECONDS", 0)
    second = daemon.started()
    assert second is not None
    assert second.run_key != first.run_key, "Dagster would not run the same key twice"
    daemon.run(second, dg.DagsterRunStatus.SUCCESS)
    assert daemon.started() is None
    assert Cursor.read(daemon.cursor).loaded is not None


def test_files_that_landed_during_a_failed_run_do_not_wait() -> None:
    failed = Cursor(loaded="old", tried="bad", attempts=5, run_key="k")
    decision = decide(failed, "new", True, Outcome("failed", ended_at=1000.0), now=1001.0)
    assert decision.start
    assert (decision.cursor.tried, decision.cursor.attempts, decision.cursor.loaded) == ("new", 1, "old")


def test_the_pauses_between_attempts_grow_to_an_hour() -> None:
    for attempts, pause in [(1, RETRY_SECONDS), (2, 2 * RETRY_SECONDS), (20, RETRY_SECONDS_MAX)]:
        cursor = Cursor(tried="x", attempts=attempts, run_key="k")
        ended = Outcome("failed", ended_at=1000.0)
        assert not decide(cursor, "x", True, ended, now=1000.0 + pause - 1).start
        assert decide(cursor, "x", True, ended, now=1000.0 + pause).start


def test_a_run_that_dagster_forgot_is_started_again() -> None:
    assert decide(Cursor(tried="x", attempts=1, run_key="k"), "x", True, Outcome("none"), now=0.0).start


def test_files_that_went_after_they_were_loaded_start_nothing_twice() -> None:
    emptied = decide(Cursor(loaded="x"), "empty", False, Outcome("none"), now=0.0)
    assert emptied.start, "whatever is another state is looked at once"
    done = decide(emptied.cursor, "empty", False, Outcome("succeeded"), now=1.0)
    assert not done.start


@pytest.mark.parametrize("text", ["", "now", "[]", "1", '{"x": 1}'])
def test_a_cursor_that_is_not_ours_counts_as_none(text: str) -> None:
    assert Cursor.read(text) == Cursor()


# --- what a load reports ---------------------------------------------------------------------------------------------


def _quarantined(count: int) -> list[Quarantined]:
    return [
        Quarantined(LandingFile(f"/{n}.json", 0, None), "", "empty_file", "the file is empty") for n in range(count)
    ]


def test_the_figures_of_a_load() -> None:
    summary = LoadSummary(
        files=10, new=6, known=3, quarantined=_quarantined(1), changes=500, seconds=0.3, load_ids=["1"]
    )
    figures = metadata_by_table(summary)
    assert figures["snapshots"]["rows_loaded"] == 6
    assert figures["snapshots"]["change_rows_loaded"] == 500
    assert figures["snapshots"]["ms_per_snapshot"] == 50
    assert figures["quarantined_files"]["files_quarantined"] == 1
    assert "ms_per_snapshot" not in metadata_by_table(LoadSummary())["snapshots"]


def test_new_files_in_quarantine_are_a_warning() -> None:
    assert quarantine_check(LoadSummary(still_quarantined=9)).passed
    few = quarantine_check(LoadSummary(quarantined=_quarantined(1)))
    many = quarantine_check(LoadSummary(quarantined=_quarantined(SHOWN_FILES + 1)))
    assert not few.passed
    assert few.severity == dg.AssetCheckSeverity.WARN
    assert few.metadata["files"].records[0].data["reason"] == "empty_file"
    assert len(many.metadata["first_files"].records) == SHOWN_FILES


def test_a_long_load_says_now_and_then_how_far_it_is() -> None:
    lines: list[str] = []
    now = [0.0]
    progress = ProgressLog(lines.append, lambda: now[0])
    progress.listed(5000)
    for seconds in (1, 11, 12, 30):
        now[0] = seconds
        progress.settled(1000)
    assert lines == ["5,000 files in the landing zone", "2,000 of 5,000 files", "4,000 of 5,000 files"]


def test_a_plot_has_a_bar_for_each_day_that_has_any() -> None:
    svg = bars([(date(2026, 6, 1), 10), (date(2026, 6, 3), 5)])
    assert svg.count("<rect") == 2
    assert 'height="120.0"><title>2026-06-01: 10' in svg
    assert 'height="60.0"><title>2026-06-03: 5' in svg
    assert "at most 10 a day" in svg


def test_a_tick_from_dagster() -> None:
    lines: list[str] = []
    say = "print('time=… level=info event=landed feed=a file=x bytes=12 entries=3'); print('event=failed feed=b')"
    found = tick(lines.append, [sys.executable, "-c", f"{say}; raise SystemExit(1)"])
    assert found == Ticked((("a", 12),), 1, "event=failed feed=b")
    assert found.failure is None, "a feed that does not answer is a gap, where others do"
    assert found.metadata() == {"files": 1, "bytes": 12, "feeds": "a", "is_complete": False}
    assert len(lines) == 2
    nothing = tick(lines.append, [sys.executable, "-c", "raise SystemExit('error: no feeds')"])
    assert nothing.failure == "error: no feeds"


# --- velib ui --------------------------------------------------------------------------------------------------------


def test_ui_hands_over_to_dagster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    handed: list[Any] = []
    monkeypatch.setenv(settings.HOME, str(tmp_path / "home"))
    monkeypatch.setenv(settings.DATABASE_URL, "postgresql://nobody@localhost/nothing")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands, "_is_free", lambda host, port: True)
    monkeypatch.setattr("os.execve", lambda *arguments: handed.extend(arguments))
    dispositions: list[Any] = []
    monkeypatch.setattr("signal.signal", lambda *arguments: dispositions.append(arguments))
    done = CliRunner().invoke(velib, ["ui", "--port", "3210"])
    assert done.exit_code == 0, done.output
    assert "http://127.0.0.1:3210" in done.output
    assert (signal.SIGINT, signal.SIG_DFL) in dispositions, "in the background a shell would have it ignored"
    _, arguments, environment = handed
    assert arguments[1:] == [
        *("dev", "--module-name", "orchestration.definitions"),
        *("--host", "127.0.0.1", "--port", "3210"),
    ]
    home = tmp_path / "home" / "dagster"
    assert environment["DAGSTER_HOME"] == str(home)
    assert "telemetry:\n  enabled: false" in (home / "dagster.yaml").read_text()
    (home / "dagster.yaml").write_text("# mine\n")
    CliRunner().invoke(velib, ["ui"])
    assert (home / "dagster.yaml").read_text() == "# mine\n"


def test_dagster_accepts_the_instance_file(tmp_path: Path) -> None:
    from dagster._core.instance.config import dagster_instance_config

    config, _ = dagster_instance_config(str(commands.prepare_home(tmp_path / "dagster")))
    assert config["telemetry"] == {"enabled": False}


def test_ui_says_when_its_port_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_is_free", lambda host, port: False)
    done = CliRunner().invoke(velib, ["ui", "--port", "3210"])
    assert done.exit_code == 1
    assert done.output == "error: port 3210 on 127.0.0.1 is taken: give another --port\n"
