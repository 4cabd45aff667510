"""What all tests share: an environment without the developer's own settings, and a real PostgreSQL that never outlives us.

`fresh_database` is what most tests want: an empty database of their own, set as VELIB_DATABASE_URL.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from velib.core import settings
from velib.postgres.connections import connect_to
from velib.postgres.server import Server

# What a shell without job control starts in the background ignores Ctrl-C, and so would all that the tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_DATABASE = "test"

# Waits until the test process is gone, however it went (a closed pipe cannot be faked or forgotten), then stops every server below
# the folder and removes it.
_WATCHDOG = """
import shutil, sys
from pathlib import Path
from velib.postgres.server import Server
root = Path(sys.argv[1])
sys.stdin.buffer.read()
for data in [*root.glob("*/postgres"), *root.glob("*/*/postgres"), *root.glob("*/*/*/postgres")]:
    try:
        Server(data.parent).stop()
    except Exception as error:
        print(f"watchdog: {data}: {error}", file=sys.stderr)
shutil.rmtree(root, ignore_errors=True)
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones first: the quick ones then fill the gaps between the processes at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def session_root() -> Iterator[Path]:
    """A short-named folder for this process's servers; whatever runs in it is stopped at the end, or when we are killed."""
    root = Path(tempfile.mkdtemp(prefix="velib-"))
    root.chmod(0o711)  # as root, the server's user has to pass through
    watchdog = subprocess.Popen(
        [sys.executable, "-c", _WATCHDOG, str(root)],
        stdin=subprocess.PIPE,
        cwd=settings.project_root(),
        env={name: value for name, value in os.environ.items() if not name.startswith("VELIB_")},
        start_new_session=True,  # a Ctrl-C is for the tests, not for the one who cleans up after them
    )
    try:
        yield root
    finally:
        assert watchdog.stdin is not None
        watchdog.stdin.close()
        watchdog.wait(timeout=120)
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, session_root: Path) -> None:
    """No test sees the developer's warehouse, or leaves one behind in the project."""
    for name in [name for name in os.environ if name.startswith("VELIB_") and name != "VELIB_SHARED_DATA"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(settings.HOME, str(session_root / "unused"))


@pytest.fixture
def new_home(session_root: Path) -> Iterator[Callable[[], Path]]:
    """Makes names of homes; their servers are stopped after the test."""
    homes: list[Path] = []

    def make() -> Path:
        homes.append(session_root / f"h{uuid.uuid4().hex[:8]}")
        return homes[-1]

    yield make
    for home in homes:
        Server(home).stop()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_home(session_root: Path) -> Path:
    """A home with a running server, one for each test process. Tests that break servers make their own: `new_home`."""
    home = session_root / "shared"
    Server(home).start()
    return home


@pytest.fixture
def fresh_database(postgres_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a new empty database, which is also VELIB_DATABASE_URL. Dropped afterwards.

    The URL is the same for all tests of a process: with another one dbt would parse the whole project again.
    """
    server = Server(postgres_home)
    server.start()
    administrator = server.url(database="postgres")
    _execute(administrator, f"drop database if exists {_DATABASE} with (force)")
    _execute(administrator, f"create database {_DATABASE}")
    url = server.url(database=_DATABASE)
    monkeypatch.setenv(settings.DATABASE_URL, url)
    yield url
    _execute(administrator, f"drop database {_DATABASE} with (force)")


@pytest.fixture
def velib_build(fresh_database: str, session_root: Path) -> Callable[..., None]:
    """`velib build ARGUMENTS` on the fresh database, with dbt's own files in one home for all tests of a process."""

    def build(*arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "velib.cli.main", "build", *arguments],
            cwd=settings.project_root(),
            env={**os.environ, settings.HOME: str(session_root / "builds"), settings.DATABASE_URL: fresh_database},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, f"velib build: {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"

    return build


def _execute(url: str, statement: str) -> None:
    with contextlib.closing(connect_to(url, "velib tests")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
