"""The embedded server under what happens to servers: several starts at once, kill -9, taken ports, root and not root."""

import contextlib
import os
import pwd
import secrets  # noqa: F401  # test_an_ordinary_user: its child can import nothing more where Python lies under /root
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest

from velib.core import settings
from velib.core.errors import VelibError
from velib.postgres import account, home_files, processes
from velib.postgres.connections import connect_to
from velib.postgres.database import database_url
from velib.postgres.home_files import READER
from velib.postgres.server import Server

ROOT = os.geteuid() == 0
NewHome = Callable[[], Path]


def ask(url: str, query: str) -> object:
    connection = connect_to(url, "velib tests")
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None
    finally:
        connection.close()


def pid_of(home: Path) -> int:
    pid = Server(home).status().pid
    assert pid is not None
    return pid


def kill_everything(home: Path) -> None:
    for pid in processes.left_over(home / "postgres"):
        with contextlib.suppress(ProcessLookupError):  # a worker of the server may end by itself
            os.kill(pid, signal.SIGKILL)
    assert processes.wait_until(lambda: not processes.left_over(home / "postgres"), 10)


def occupy(port: int) -> socket.socket:
    """Another program on the port."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    return listener


# -- a server that is only looked at: the shared one ---------------------------------------------------------------------


def test_the_server_is_as_promised(postgres_home: Path) -> None:
    url = Server(postgres_home).start()
    assert str(ask(url, "show server_version")).startswith("18.")
    assert ask(url, "show timezone") == "UTC"
    assert ask(url, "show fsync") == "on"
    assert ask(url, "show data_checksums") == "on"
    assert ask(url, "show listen_addresses") == "127.0.0.1"
    assert ask(url, "show jit") == "off"
    assert ask(url, "select current_database() || current_user") == "velibvelib"
    assert (
        ask(
            url,
            "select pg_encoding_to_char(encoding) || ' ' || datlocale from pg_database where datname = 'velib'",
        )
        == "UTF8 C.UTF-8"
    )


def test_a_running_server_is_found_at_once(postgres_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.HOME, str(postgres_home))
    database_url()
    best = float("inf")
    for _ in range(20):
        started = time.perf_counter()
        database_url()
        best = min(best, time.perf_counter() - started)
    assert best < 0.03


def test_secrets_are_the_owners_alone(postgres_home: Path) -> None:
    for name in ("postgres.password", "postgres.reader.password", "postgres.log"):
        assert (postgres_home / name).stat().st_mode & 0o077 == 0, name
    passwords = {(postgres_home / name).read_text() for name in ("postgres.password", "postgres.reader.password")}
    assert len(passwords) == 2
    log = (postgres_home / "postgres.log").read_text()
    assert not any(password.strip() in log for password in passwords)


def test_a_wrong_password_is_refused(postgres_home: Path) -> None:
    server = Server(postgres_home)
    right = server.url()
    secret = right.split(":")[2].split("@")[0]
    for wrong in (right.replace(secret, "wrong"), right.replace(f":{secret}", "")):
        with pytest.raises(VelibError, match="cannot connect") as caught:
            connect_to(wrong)
        assert secret not in str(caught.value)


def test_the_reader_gets_in_and_into_nothing(postgres_home: Path) -> None:
    server = Server(postgres_home)
    ask(server.url(), "create table if not exists public.secret as select 1 as x")
    reader = server.url(role=READER)
    assert ask(reader, "select current_user") == READER
    refused = [
        "select * from public.secret",
        "create table public.t (x int)",
        "create schema s",
        "create temporary table t (x int)",
        "copy (select 1) to program 'true'",
        "select pg_read_file('PG_VERSION')",
        "create role more",
    ]
    for statement in refused:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            ask(reader, statement)
    with pytest.raises(VelibError):
        ask(server.url(role=READER, database="postgres"), "select 1")


def test_fresh_databases_are_empty_and_ones_own(fresh_database: str) -> None:
    assert os.environ["VELIB_DATABASE_URL"] == fresh_database == database_url()
    assert ask(fresh_database, "select count(*) from pg_tables where schemaname = 'public'") == 0


# -- servers that are started, stopped and killed ------------------------------------------------------------------------


def test_start_stop_start(new_home: NewHome) -> None:
    server = Server(new_home())
    assert server.stop() is False
    assert server.status().exists is False
    with pytest.raises(VelibError, match="velib db start"):
        server.url()
    url = server.start()
    ask(url, "create table kept as select 42 as x")
    assert server.start() == url
    assert server.stop() is True
    assert processes.left_over(server.data) == []
    assert not (server.data / "postmaster.pid").exists()
    assert server.stop() is False
    assert server.start() == url, "the port is remembered"
    assert ask(url, "select x from kept") == 42


def test_stop_does_not_wait_for_a_busy_session(new_home: NewHome) -> None:
    server = Server(new_home())
    busy = connect_to(server.start())
    thread = threading.Thread(target=_run_until_cut_off, args=(busy,))
    thread.start()
    assert processes.wait_until(lambda: ask(server.url(), _BUSY) == 1, 10)
    started = time.monotonic()
    assert server.stop()
    assert time.monotonic() - started < 10
    thread.join(10)
    assert processes.left_over(server.data) == []


_BUSY = "select count(*) from pg_stat_activity where query like '%generate\\_series(1, 100000000000)%' and pid <> pg_backend_pid()"


def _run_until_cut_off(connection: "psycopg2.extensions.connection") -> None:
    try:
        with connection.cursor() as cursor:
            # In the select list it is not kept on disk, unlike in `from`.
            cursor.execute("select count(*) from (select generate_series(1, 100000000000)) as busy")
    except psycopg2.Error:
        pass


def test_starts_at_once_make_one_server(new_home: NewHome) -> None:
    home = new_home()
    code = "from velib.postgres.database import database_url; print(database_url())"
    environment = {**os.environ, "VELIB_HOME": str(home)}
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(5)
    ]
    urls = {process.communicate(timeout=60)[0].strip() for process in started}
    assert [process.returncode for process in started] == [0] * 5
    assert len(urls) == 1
    assert ask(urls.pop(), "select 1") == 1
    log = (home / "postgres.log").read_text()
    assert log.count("starting PostgreSQL") == 1


def test_two_homes_are_two_warehouses(new_home: NewHome) -> None:
    first, second = Server(new_home()), Server(new_home())
    ask(first.start(), "create table here as select 1 as x")
    second.start()
    assert ask(second.url(), "select to_regclass('here')") is None
    first.stop()
    assert ask(second.url(), "select 1") == 1


def test_kill_of_the_postmaster_with_a_busy_session(new_home: NewHome) -> None:
    """The session survives its postmaster and would keep the next start out for as long as its query runs."""
    server = Server(new_home())
    ask(server.start(), "create table kept as select 42 as x")
    busy = connect_to(server.url())
    thread = threading.Thread(target=_run_until_cut_off, args=(busy,))
    thread.start()
    assert processes.wait_until(lambda: ask(server.url(), _BUSY) == 1, 10)
    os.kill(pid_of(server.home), signal.SIGKILL)
    started = time.monotonic()
    assert ask(server.start(), "select x from kept") == 42
    assert time.monotonic() - started < 15
    thread.join(10)


def test_kill_of_everything_many_times(new_home: NewHome) -> None:
    server = Server(new_home())
    ask(server.start(), "create table kept (x int)")
    for number in range(3):
        ask(server.start(), f"insert into kept values ({number})")
        kill_everything(server.home)
        assert server.status().pid is None
    assert ask(server.start(), "select count(*) from kept") == 3


def test_stop_after_a_kill_clears_up(new_home: NewHome) -> None:
    server = Server(new_home())
    server.start()
    os.kill(pid_of(server.home), signal.SIGKILL)
    server.stop()
    assert processes.left_over(server.data) == []
    server.start()


def test_another_program_has_the_old_process_number(new_home: NewHome) -> None:
    """As after a reboot. PostgreSQL itself would refuse to start for as long as that program lives."""
    server = Server(new_home())
    server.start()
    port = server.status().port
    kill_everything(server.home)
    owner = server.data.stat()
    same_user = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if ROOT else {}
    other = subprocess.Popen(["sleep", "60"], cwd="/", **same_user)  # type: ignore[call-overload]
    listener = occupy(port)  # and even the port
    try:
        pid_file = server.data / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        assert server.status().pid is None
        url = server.start()
        assert ask(url, "select 1") == 1
        assert other.poll() is None, "the other program is left alone"
    finally:
        listener.close()
        other.kill()
        other.wait()


def test_a_pid_file_cut_short(new_home: NewHome) -> None:
    server = Server(new_home())
    server.start()
    kill_everything(server.home)
    (server.data / "postmaster.pid").write_text("")
    assert ask(server.start(), "select 1") == 1


def test_killed_while_it_was_made(new_home: NewHome) -> None:
    home = new_home()
    (home / "postgres.new" / "base").mkdir(parents=True)
    if ROOT:
        home.chmod(0o711)
    server = Server(home)
    url = server.start()
    home_files.remember(server.home, complete=False)  # killed between initdb and the roles
    ask(server.url(database="postgres"), "drop database velib with (force)")
    assert server.start() == url
    assert ask(url, "select 1") == 1
    assert ask(server.url(role=READER), "select 1") == 1


# -- ports ---------------------------------------------------------------------------------------------------------------


def test_when_the_remembered_port_is_taken_another_is(new_home: NewHome) -> None:
    server = Server(new_home())
    before = server.start()
    server.stop()
    port = server.status().port
    with occupy(port):
        after = server.start()
        assert after != before
        assert ask(after, "select 1") == 1


def test_the_configured_port(new_home: NewHome, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(new_home())
    with occupy(0) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("VELIB_PORT", str(port))
        with pytest.raises(VelibError, match=f"port {port} .*taken"):
            server.start()
    assert f":{port}/" in server.start()


# -- who runs it ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not ROOT, reason="only root can become someone else")
def test_root_lends_the_server_to_nobody(postgres_home: Path) -> None:
    status = Path(f"/proc/{pid_of(postgres_home)}/status").read_text()
    assert f"Uid:\t{pwd.getpwnam('nobody').pw_uid}" in status


@pytest.mark.skipif(not ROOT, reason="only root can become someone else")
def test_an_ordinary_user(new_home: NewHome) -> None:
    home = new_home()
    user = pwd.getpwnam("nobody")
    home.mkdir()
    os.chown(home, user.pw_uid, user.pw_gid)

    def as_user(action: Callable[[], object]) -> int:
        child = os.fork()  # a new Python could not start where the interpreter lies under a /root of mode 0700
        if child == 0:
            code = 1
            try:
                os.setgroups([])
                os.setgid(user.pw_gid)
                os.setuid(user.pw_uid)
                action()
                code = 0
            finally:
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    server = Server(home)
    assert as_user(lambda: ask(server.start(), "create table mine as select 1 as x")) == 0
    assert (home / "postgres.password").stat().st_uid == user.pw_uid
    # Root finds the user's server, and after a stop starts it again as that user.
    assert ask(server.start(), "select x from mine") == 1
    assert server.stop()
    assert ask(server.start(), "select x from mine") == 1
    assert as_user(lambda: ask(server.start(), "select x from mine")) == 0
    assert as_user(server.stop) == 0
    assert server.status().pid is None


@pytest.mark.skipif(not ROOT, reason="only root can become someone else")
def test_root_below_a_folder_that_nobody_can_enter(new_home: NewHome) -> None:
    """As everything under a /root of mode 0700: the server then runs in a user namespace."""
    parent = new_home()
    parent.mkdir(mode=0o700)
    server = Server(parent / "home")
    try:
        ask(server.start(), "create table kept as select 42 as x")
        assert server.data.stat().st_uid == 0
        kill_everything(server.home)
        assert ask(server.start(), "select x from kept") == 42
        os.kill(pid_of(server.home), signal.SIGKILL)
        assert ask(server.start(), "select x from kept") == 42
        assert server.stop()
        assert processes.left_over(server.data) == []
    finally:
        server.stop()


@pytest.mark.skipif(not ROOT, reason="only root can become someone else")
def test_root_where_no_way_is_left_says_so(new_home: NewHome, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = new_home()
    parent.mkdir(mode=0o700)
    monkeypatch.setattr(account.shutil, "which", lambda name: None)
    with pytest.raises(VelibError, match="run as an ordinary user"):
        Server(parent / "home").start()


@pytest.mark.skipif(ROOT, reason="root may enter every folder")
def test_a_home_that_cannot_be_made(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(VelibError, match="cannot make"):
        Server(tmp_path / "home").start()


def test_the_tests_servers_die_with_the_tests(tmp_path: Path) -> None:
    """A pytest that is killed with -9 leaves no server: its watchdog sees to that."""
    test = tmp_path / "test_it.py"
    test.write_text(
        "import os, signal\n"
        "def test_it(postgres_home):\n"
        f"    open({str(tmp_path / 'home')!r}, 'w').write(str(postgres_home))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    (tmp_path / "conftest.py").write_text((settings.project_root() / "tests" / "conftest.py").read_text())
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(test)],
        cwd=settings.project_root(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stdout
    home = Path((tmp_path / "home").read_text())
    assert processes.wait_until(lambda: not home.exists() and not processes.left_over(home / "postgres"), 30)
