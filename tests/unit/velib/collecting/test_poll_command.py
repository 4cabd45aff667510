"""`velib poll` as it is called: its options, its exit codes, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny
from click.testing import CliRunner, Result
from feed_server import FeedServer, ok, serving, status

from velib.cli import main as cli
from velib.collecting.landing import default_root
from velib.core import settings
from velib.core.errors import UsageError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(settings.HOME, str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FeedServer]:
    for name in ("http_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving() as feeds:
        yield feeds


def configure(home: Path, **urls: str) -> None:
    tables = [f"[feeds.{name}]\nkind = 'nextbike'\nurl = '{url}'\n" for name, url in urls.items()]
    (home / "poll.toml").write_text("".join(tables))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.velib, ["poll", *arguments], prog_name="velib")


PAYLOAD = tiny.street({"1": ["a"]})


def test_once(home: Path, server: FeedServer) -> None:
    configure(home, a=server.at("/a", ok(PAYLOAD)), b=server.at("/b", ok(PAYLOAD)))
    result = run("--no-load")
    assert result.exit_code == 0, result.output
    assert len(list((home / "landing").rglob("*.json.gz"))) == 2
    lines = result.stderr.splitlines()
    assert len(lines) == 2
    assert all("level=INFO event=landed feed=" in line for line in lines)
    assert result.stdout == ""


def test_a_feed_that_failed_is_a_failure(home: Path, server: FeedServer) -> None:
    configure(home, a=server.at("/a", ok(PAYLOAD)), b=server.at("/b", status(404)))
    result = run("--no-load")
    assert result.exit_code == 1
    assert "level=WARNING event=failed feed=b reason=refused" in result.stderr
    assert run("--no-load", "--feed", "a").exit_code == 0


def test_where_files_go(home: Path, server: FeedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(home, a=server.at("/a", ok(PAYLOAD)))
    assert run("--no-load", "--landing", str(tmp_path / "there")).exit_code == 0
    assert len(list((tmp_path / "there").rglob("*.json.gz"))) == 1
    monkeypatch.setenv("VELIB_LANDING", f"file://{tmp_path}/elsewhere")
    assert default_root() == f"{tmp_path}/elsewhere"
    monkeypatch.setenv("VELIB_LANDING", "s3://bucket/a")
    assert default_root() == "s3://bucket/a"
    for several in ("/a,/b", "s3://bucket/a,s3://bucket/b", "s3://bucket/*", "gs://bucket/a", "/a/*.gz"):
        monkeypatch.setenv("VELIB_LANDING", several)
        with pytest.raises(UsageError, match="--landing"):
            default_root()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--every", "30s"),
        ("--every", "2d"),
        ("--every", "often"),
        ("--feed", "nobody"),
        ("--config", "/no/such/file"),
        ("--no-such",),
        ("--log-level", "loud"),
    ],
)
def test_wrong_usage(home: Path, arguments: tuple[str, ...]) -> None:
    configure(home, a="http://127.0.0.1:1/")
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output


def test_no_configuration(home: Path) -> None:
    result = run()
    assert result.exit_code == 2
    assert result.stderr.startswith("error: no feeds to collect: ")
    assert len(result.stderr.splitlines()) == 1


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "velib.cli.main", "poll", *arguments],
        cwd=settings.project_root(),
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )


def test_it_goes_on_until_it_is_stopped_and_is_alone(home: Path) -> None:
    configure(home, a="http://127.0.0.1:1/")
    with start("--every") as process:
        assert process.stderr is not None
        started = process.stderr.readline()
        assert "event=started feeds=a every=900 first=" in started
        result = run("--no-load")
        assert result.exit_code == 1
        assert "another velib poll is at work" in result.stderr
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
    assert process.returncode == 0, rest
    assert "event=ended" in rest
    assert "Traceback" not in rest


def test_an_interrupted_question(home: Path, server: FeedServer) -> None:
    """A server that says nothing keeps nobody from ending."""
    from feed_server import silent

    configure(home, a=server.at("/a", silent))
    with start("--no-load") as process:
        assert process.stderr is not None
        while not server.asked:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 1
    assert "Traceback" not in said
    assert not list((home / "landing").rglob("*.json*"))
