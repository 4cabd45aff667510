"""What follows a tick: load and build as processes, here stood in for by ones that note what they were asked."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from velib.collecting import following
from velib.collecting.backlog import Backlog
from velib.collecting.events import Events
from velib.collecting.following import Followed, Following
from velib.collecting.landing import Landing
from velib.collecting.poll import Poller
from velib.collecting.redaction import Redactor, Secret
from velib.core import settings
from velib.monitoring.alerts import failures

# `velib` as it is called: notes its verb and arguments, says and does what the variable of its verb's name holds.
STAND_IN = """
import json, os, sys
with open(os.environ["NOTES"], "a") as notes:
    notes.write(json.dumps([sys.argv[1:], sorted(each for each in os.environ if each.startswith("SECRET"))]) + "\\n")
print(sys.argv[1], "says: done", flush=True)
exec(os.environ.get("DO_" + sys.argv[1].upper(), ""))
"""
# The process that forks, of which each fork is such a stand-in.
WARM = f"""
import sys
from velib.cli import fork_server
def stand_in(arguments, imported):
    sys.argv = ["velib", *arguments]
    exec({STAND_IN!r}, {{}})
fork_server._verb, fork_server._prepare = stand_in, lambda *_: True
fork_server.main()
"""
HOUR = "feed=a/date=2026-06-02/hour=08"


class Followings:
    """A following with its landing zone, and what its children noted."""

    def __init__(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        self.notes, self.caplog = folder / "notes", caplog
        self.landing = Landing(str(folder / "landing"))
        self.backlog = Backlog(folder / "backlog.json", [])
        self.events = Events(logger=logging.getLogger("test.poll"))
        self.following = self.make()

    def make(self, build: bool = True, afterwards: Callable[[], object] | None = None) -> Following:
        command = (sys.executable, "-S", "-c", STAND_IN)
        return Following(self.landing, self.backlog, self.events, build, command, ["SECRET_TOKEN"], afterwards)

    def repeat(self) -> None:
        self.following.repeat((sys.executable, "-P", "-c", WARM))

    def land(self, folder: str, name: str = "a.json.gz") -> None:
        self.backlog.add(folder)
        self.landing.write(f"{folder}/{name}", b"")

    def asked(self) -> list[list[str]]:
        """What the children were asked since the last time."""
        import json

        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        self.notes.write_text("")
        assert all(secrets == ["SECRET_OTHER"] for _, secrets in map(json.loads, lines))
        return [arguments for arguments, _ in map(json.loads, lines)]

    def said(self) -> list[str]:
        lines = [f"{record.levelname.lower()} {record.getMessage()}" for record in self.caplog.records]
        self.caplog.clear()
        return lines


@pytest.fixture
def it(tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Followings:
    caplog.set_level(logging.DEBUG, "test.poll")
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    monkeypatch.setenv("SECRET_TOKEN", "t0psecret")
    monkeypatch.setenv("SECRET_OTHER", "theirs")
    monkeypatch.setenv(settings.HOME, str(tmp_path / "home"))
    return Followings(tmp_path, caplog)


def test_only_what_is_new_is_loaded(it: Followings) -> None:
    it.land(HOUR)
    assert it.following.run() == Followed(0, 0)
    assert it.asked() == [["load", str(Path(it.landing.root) / HOUR)], ["build"]]
    assert it.said() == ['info event=load said="load says: done"', 'info event=build said="build says: done"']
    assert it.following.run() == Followed()  # nothing new: nothing to do
    assert it.asked() == []


def test_a_folder_that_nothing_came_into_is_left_out(it: Followings) -> None:
    it.backlog.add(HOUR)
    it.backlog.built()
    assert it.following.run() == Followed()
    assert it.asked() == []


def test_alerts_end_each_pass_whatever_came_of_it(it: Followings, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    following = it.make(afterwards=lambda: seen.append([asked[0] for asked in it.asked()]))
    it.land(HOUR)
    following.run()
    following.run()  # nothing new: a feed may be silent
    it.land(HOUR, "b.json.gz")
    monkeypatch.setenv("DO_LOAD", "sys.exit(1)")
    following.run()
    assert seen == [["load", "build"], [], ["load"]]
    following.end()
    following.run()
    assert len(seen) == 3


def test_without_a_build(it: Followings) -> None:
    it.land(HOUR)
    assert it.make(build=False).run() == Followed(0, None)
    assert it.asked() == [["load", str(Path(it.landing.root) / HOUR)]]
    assert it.following.run() == Followed(None, 0)  # the build is still owed


def test_a_load_that_fails_is_done_again(it: Followings, monkeypatch: pytest.MonkeyPatch) -> None:
    it.land(HOUR)
    monkeypatch.setenv("DO_LOAD", "print('error: no database'); sys.exit(1)")
    assert it.following.run().exit_code == 1
    assert [asked[0] for asked in it.asked()] == ["load"]
    assert it.said() == ['error event=load_failed said="load says: done / error: no database" exit_code=1']
    monkeypatch.delenv("DO_LOAD")
    it.land(HOUR.replace("08", "09"))
    assert it.following.run().exit_code == 0
    assert it.asked()[0][1:] == [
        str(Path(it.landing.root) / HOUR),
        str(Path(it.landing.root) / HOUR.replace("08", "09")),
    ]


def test_what_failed_is_noted_for_the_alerts_until_it_does_not(it: Followings, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing() -> dict[str, str]:
        return {each.verb: each.why for each in failures.standing(datetime.now(UTC))}

    it.events.redactor = Redactor([Secret("token", "t0psecret")])
    it.land(HOUR)
    monkeypatch.setenv("DO_LOAD", "print('error: no t0psecret'); sys.exit(1)")
    it.following.run()
    assert failing() == {"load": "no [secret]"}
    monkeypatch.setenv("DO_LOAD", "sys.exit(3)")
    monkeypatch.setenv("DO_BUILD", "os.kill(os.getpid(), 9)")
    it.following.run()
    assert failing() == {"build": "build was killed by signal 9 (out of memory?)"}
    monkeypatch.delenv("DO_BUILD")
    it.following.run()
    assert failing() == {}


def test_quarantined_files_are_no_failure(it: Followings, monkeypatch: pytest.MonkeyPatch) -> None:
    it.land(HOUR)
    monkeypatch.setenv("DO_LOAD", "sys.exit(3)")
    followed = it.following.run()
    assert (followed, followed.exit_code) == (Followed(3, 0), 3)
    assert it.said()[0].startswith("warning event=load ")


def test_a_build_that_fails_is_done_again(it: Followings, monkeypatch: pytest.MonkeyPatch) -> None:
    it.land(HOUR)
    monkeypatch.setenv("DO_BUILD", "sys.exit(1)")
    assert it.following.run() == Followed(0, 1)
    assert Backlog(it.backlog.path, []).is_built is False  # another process would know too
    monkeypatch.delenv("DO_BUILD")
    assert it.following.run() == Followed(None, 0)


def test_a_child_that_was_killed(it: Followings, monkeypatch: pytest.MonkeyPatch) -> None:
    it.land(HOUR)
    monkeypatch.setenv("DO_LOAD", "os.kill(os.getpid(), 9)")
    assert it.following.run().exit_code == 1
    killed = "load says: done / load was killed by signal 9 (out of memory?)"
    assert it.said() == [f'error event=load_failed said="{killed}" exit_code=-9']
    assert list(it.backlog.take()) == [HOUR]


def test_passes_that_follow_one_another(it: Followings, monkeypatch: pytest.MonkeyPatch) -> None:
    """In forks, which differ in nothing; and tested now and then, or until the tests pass."""
    monkeypatch.setenv("DO_BUILD", "sys.exit(os.path.exists(os.environ['NOTES'] + '.bad'))")
    bad = it.notes.with_suffix(".bad")
    bad.touch()
    it.repeat()
    asked = []
    for number in range(4):
        it.land(HOUR, f"{number}.json.gz")
        assert it.following.run() == Followed(0, int(bad.exists()))
        asked += [asked for asked in it.asked() if asked[0] == "build"]
        bad.unlink(missing_ok=True)
        if number == 2:
            monkeypatch.setattr(following, "TESTS_EVERY", 0.0)
    assert asked == [["build"], ["build"], ["build", "--no-tests"], ["build"]]
    assert it.said()[:2] == [
        'info event=load said="load says: done"',
        'error event=build_failed said="build says: done" exit_code=1',
    ]
    it.following.end()
    it.land(HOUR, "late.json.gz")
    assert it.following.run().exit_code == 1, "nothing is started after the end"


def until(holds: Callable[[], bool]) -> None:
    """Wait for what another process does."""
    for _ in range(2000):
        if holds():
            return
        time.sleep(0.005)
    raise AssertionError("it did not happen")


def test_alerts_do_not_wait_for_a_pass_that_takes_long(it: Followings, monkeypatch: pytest.MonkeyPatch) -> None:
    go = it.notes.with_suffix(".go")
    monkeypatch.setenv("DO_LOAD", f"import time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)")
    alerts: list[str] = []
    watching = it.make(afterwards=lambda: alerts.append("evaluated"))
    poller = Poller((), it.notes.parent, it.landing, it.backlog, None, it.events, None, following=watching)  # type: ignore[arg-type]
    it.land(HOUR)
    poller.follow()
    until(lambda: bool(it.notes.exists() and it.notes.read_text()))
    assert alerts == []
    poller.follow()
    until(lambda: alerts == ["evaluated"])
    assert it.said()[0].startswith("info event=load_skipped ")
    go.touch()
    until(lambda: alerts == ["evaluated"] * 2)


@pytest.mark.parametrize("stubborn", [False, True])
@pytest.mark.parametrize("warm", [False, True])
def test_the_end_takes_all_that_was_started(
    it: Followings, monkeypatch: pytest.MonkeyPatch, stubborn: bool, warm: bool
) -> None:
    """Also what the child has started itself, as build has dbt; also when it does not listen."""
    if stubborn:
        monkeypatch.setattr(following, "_ENDINGS", ((signal.SIGINT, 0.1), (signal.SIGKILL, 5.0)))
    ignore = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN);" if stubborn else "pass;"
    both = f"{ignore} import subprocess, time; child = subprocess.Popen(['sleep', '100']);"
    monkeypatch.setenv(
        "DO_LOAD", f"{both} open(os.environ['NOTES'] + '.pid', 'w').write(f'{{child.pid}}\\n'); time.sleep(99)"
    )
    it.land(HOUR)
    if warm:
        it.repeat()
    results: list[Followed] = []
    thread = threading.Thread(target=lambda: results.append(it.following.run()))
    thread.start()
    pid = it.notes.with_suffix(".pid")
    until(lambda: pid.exists() and pid.read_text().endswith("\n"))
    it.following.end()
    thread.join(10)
    assert results[0].exit_code == 1
    # The letters after the first say the process's priority too.
    state = subprocess.run(["ps", "-o", "state=", "-p", pid.read_text().strip()], capture_output=True, text=True).stdout
    assert state.strip() in ("", "Z"), state
    assert it.said()[-1].startswith("info event=load_interrupted")
    assert list(it.backlog.take()) == [HOUR]
    assert it.following.run() == Followed(1)  # and nothing more is started
    assert len(it.asked()) == 1
    assert os.getpgid(0) == os.getpgrp()
