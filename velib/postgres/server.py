"""One embedded server: made, started, found again, stopped. Any number of processes may do so at once.

In the warehouse's home:
    postgres/                   the data folder, the server user's own
    postgres.conf               our settings, included by postgresql.conf (configuration.py)
    postgres.json               the port, and whether database and roles have been made
    postgres.password           the superuser's, 0600;  postgres.reader.password: velib_reader's;
                                postgres.corrector.password: velib_corrector's
    postgres.log                what the server says;   postgres.lock: held while starting and stopping
"""

import contextlib
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from velib.core import settings
from velib.core.errors import VelibError
from velib.core.files import locked, write_atomically
from velib.postgres import account, binaries, configuration, dbt_profile, home_files, processes
from velib.postgres.connections import connect_to
from velib.postgres.home_files import CORRECTOR, DATABASE, HOST, READER, SUPERUSER

# Raised with what _make_database makes: it is then made once more.
_COMPLETE = 2

_LOG_LIMIT = 10 * 1024 * 1024
_RECOVERY_LIMIT = 15 * 60  # crash recovery replays at most max_wal_size; on a slow disk that takes minutes
_STOP_LIMIT = 60
# Below the range from which systems hand out ports to outgoing connections: a port remembered here stays free more often.
_PORTS = range(20000, 32000)

# Children that we started: kept, so that Python does not complain about them, and to collect them once they end.
_children: list[subprocess.Popen[bytes]] = []


class Status(NamedTuple):
    home: Path
    exists: bool
    pid: int | None  # None: not running
    port: int | None


class _Postmaster(NamedTuple):
    """What the server says about itself in postmaster.pid."""

    pid: int
    port: int | None
    ready: bool


class Server:
    """The embedded server of one home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.data = home / "postgres"
        self.log = home / "postgres.log"

    # -- what others ask ------------------------------------------------------------------------------------------------

    def start(self) -> str:
        """The superuser's URL; the server is made and started when it is not there. Instant when it runs."""
        port = self._running_port()
        if port is None or not home_files.state(self.home).get("complete"):
            with self._lock():
                port = self._start_locked()
        return home_files.url(self.home, port, SUPERUSER, DATABASE)

    def url(self, role: str = SUPERUSER, database: str = DATABASE) -> str:
        """The URL of a running server; never starts one."""
        port = self._running_port()
        if port is None:
            raise VelibError(f"the database in {self.home} is not running: `velib db start` starts it")
        return home_files.url(self.home, port, role, database)

    def stop(self) -> bool:
        """Stop the server, with whatever a crash has left of it. False: there was nothing to stop."""
        if not self.data.is_dir():
            return False
        with self._lock():
            postmaster = self._postmaster()
            ours = postmaster is not None and processes.is_ours(postmaster.pid, self.data)
            if ours:
                assert postmaster is not None
                self._stop_postmaster(postmaster.pid)
            stray = bool(processes.left_over(self.data))
            processes.end_left_over(self.data, patience=2)
            self._collect_children()
            return ours or stray

    def status(self) -> Status:
        port = self._running_port()
        postmaster = self._postmaster() if port is not None else None
        known = port if port is not None else home_files.state(self.home).get("port")
        return Status(self.home, self.data.is_dir(), postmaster.pid if postmaster else None, known)

    # -- is it running? -------------------------------------------------------------------------------------------------

    def _running_port(self) -> int | None:
        """The port of the server when it runs and answers. No lock, no subprocess: this is asked all the time."""
        postmaster = self._postmaster()
        if postmaster is None or not postmaster.ready or postmaster.port is None:
            return None
        if not processes.is_ours(postmaster.pid, self.data):
            return None
        return postmaster.port if _answers(postmaster.port) else None

    def _postmaster(self) -> _Postmaster | None:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        except PermissionError:
            raise VelibError(
                f"{self.home} belongs to another user's database; set VELIB_HOME to a folder of your own"
            ) from None
        try:
            pid = int(lines[0])
        except (IndexError, ValueError):
            return None  # being written, or cut short by a full disk
        port = int(lines[3]) if len(lines) > 3 and lines[3].strip().isdigit() else None
        return _Postmaster(pid, port, len(lines) > 7 and lines[7].strip() == "ready")

    # -- making and starting, all under the lock -------------------------------------------------------------------------

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        self._make_home()
        try:
            with locked(self.home / "postgres.lock"):
                yield
        except OSError as error:
            raise VelibError(f"cannot use {self.home}: {error.strerror} ({error.filename})") from error

    def _make_home(self) -> None:
        if self.home.is_dir():
            return
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            if os.geteuid() == 0:
                self.home.chmod(0o711)  # the server's user has to pass through, whatever root's umask says
        except OSError as error:
            raise VelibError(
                f"cannot make {self.home}: {error.strerror}; set {settings.HOME} to a folder of your own"
            ) from error

    def _start_locked(self) -> int:
        port = self._running_port()
        if port is None:
            if not (self.data / "PG_VERSION").exists():
                self._initialise()
            self._see_out_the_old()
            port = self._running_port() or self._launch()
        if int(home_files.state(self.home).get("complete", 0)) < _COMPLETE:
            self._make_database(port)
            home_files.remember(self.home, complete=_COMPLETE)
        return port

    def _initialise(self) -> None:
        """initdb beside the place and move there: a kill in between leaves nothing that looks like a database."""
        who = account.choose_new(self.home)
        fresh = self.home / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        who.own(fresh)
        descriptor, name = tempfile.mkstemp(prefix=".initdb.", dir=self.home)
        password_file = Path(name)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(home_files.password(self.home, SUPERUSER))
            who.own(password_file)
            done = subprocess.run(
                [
                    *who.prefix,
                    binaries.program("initdb"),
                    f"--pgdata={fresh}",
                    f"--username={SUPERUSER}",
                    f"--pwfile={password_file}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--locale-provider=builtin",
                    "--locale=C.UTF-8",  # the builtin one: the same order of text on every machine
                    "--lc-collate=C",
                    "--lc-ctype=C",
                    "--lc-messages=C",
                    "--no-instructions",
                    "--no-sync",  # nothing is in it yet; the first checkpoint syncs
                ],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                cwd="/",
                check=False,
                **who.popen,  # type: ignore[call-overload]
            )
        finally:
            password_file.unlink()
        if done.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise VelibError(f"PostgreSQL could not make a database in {self.home}: {_why(done.stderr)}")
        with (fresh / "postgresql.conf").open("a") as file:
            file.write("\ninclude_if_exists '../postgres.conf'\n")
        os.rename(fresh, self.data)
        home_files.remember(self.home, complete=False)

    def _see_out_the_old(self) -> None:
        """After a crash: wait for a server that is on its way up or down, end orphans, remove a pid file that lies.

        PostgreSQL itself refuses to start while the number in postmaster.pid belongs to any living program of the same user.
        """
        postmaster = self._postmaster()
        if postmaster is not None and processes.is_ours(postmaster.pid, self.data):
            pid = postmaster.pid
            gone_or_ready = lambda: self._running_port() is not None or not processes.is_ours(pid, self.data)  # noqa: E731
            processes.wait_until(gone_or_ready, _RECOVERY_LIMIT)
            if self._running_port() is not None:
                return
        processes.end_left_over(self.data, patience=2)
        postmaster = self._postmaster()
        lies = postmaster is None or processes.is_alive(
            postmaster.pid
        )  # cut short by a crash, or about another program
        if lies and not processes.left_over(self.data):
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _launch(self) -> int:
        who = account.choose_existing(self.data)
        write_atomically(self.home / "postgres.conf", configuration.render())
        configured = settings.configured_port()
        remembered = home_files.state(self.home).get("port")
        refusals = 0
        for _ in range(50):
            port = configured or (remembered if remembered and _is_free(remembered) else _free_port())
            if configured and not _is_free(configured):
                raise VelibError(f"port {configured} ({settings.PORT}) is taken by another program")
            outcome = self._spawn(who, port)
            if outcome is None:
                home_files.remember(self.home, port=port)
                dbt_profile.refresh(self.home)
                return port
            if "already exists" in outcome or "still in use" in outcome or "is another postmaster" in outcome:
                # The kernel has not finished with the killed server's processes or memory: a moment later it has.
                refusals += 1
                if refusals > 20:
                    break
                time.sleep(0.25)
                self._see_out_the_old()
            elif "Address already in use" in outcome or "could not bind" in outcome:
                remembered = None  # someone was quicker than us
            else:
                break
        raise VelibError(f"PostgreSQL does not start: {outcome} (the whole story: {self.log})")

    def _spawn(self, who: account.Account, port: int) -> str | None:
        """Start the postmaster; None when it is ready, else what it said last."""
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT:
            os.replace(self.log, self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            os.chmod(self.log, 0o600)
            offset = log.tell()
            child = subprocess.Popen(
                [
                    *who.prefix,
                    binaries.program("postgres"),
                    "-D",
                    str(self.data),
                    *("-c", f"port={port}"),
                    *("-c", f"listen_addresses={HOST}"),
                    *("-c", "unix_socket_directories="),  # their paths may not be longer than 107 bytes
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,  # a Ctrl-C in the terminal is not for the server
                **who.popen,  # type: ignore[call-overload]
            )
        _children.append(child)
        started = time.monotonic()
        told = False
        while child.poll() is None:
            if self._running_port() == port:
                return None
            waited = time.monotonic() - started
            if waited > 5 and not told:
                told = True
                print("the database is recovering from a crash …", file=sys.stderr)  # noqa: T201
            if waited > _RECOVERY_LIMIT:
                child.terminate()
                return f"not ready after {_RECOVERY_LIMIT // 60} minutes"
            time.sleep(0.01)
        return self._last_words(offset)

    def _last_words(self, offset: int) -> str:
        with self.log.open("rb") as log:
            log.seek(offset)
            return _why(log.read(100_000).decode("utf-8", "replace"))

    def _stop_postmaster(self, pid: int) -> None:
        gone = lambda: not processes.is_ours(pid, self.data)  # noqa: E731
        processes.send(pid, signal.SIGINT)  # fast: sessions are cut off, a checkpoint is written
        if processes.wait_until(gone, _STOP_LIMIT):
            return
        processes.send(pid, signal.SIGQUIT)  # immediate: the next start recovers
        if not processes.wait_until(gone, 10):
            raise VelibError(f"the database (process {pid}) does not stop; see {self.log}")

    def _collect_children(self) -> None:
        _children[:] = [child for child in _children if child.poll() is None]

    # -- database, roles, secrets ----------------------------------------------------------------------------------------

    def _make_database(self, port: int) -> None:
        """The database and its roles. Idempotent: a kill half-way is mended by the next start."""
        with contextlib.closing(connect_to(home_files.url(self.home, port, SUPERUSER, "postgres"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for role in (READER, CORRECTOR):
                    cursor.execute("select 1 from pg_roles where rolname = %s", (role,))
                    if cursor.fetchone() is None:
                        cursor.execute(f"create role {role}")
                    cursor.execute(f"alter role {role} login password %s", (home_files.password(self.home, role),))
                cursor.execute(f"grant {READER} to {CORRECTOR}")
                cursor.execute("select 1 from pg_database where datname = %s", (DATABASE,))
                if cursor.fetchone() is None:
                    cursor.execute(f"create database {DATABASE}")
                # They get in, and into nothing else; what they may do there, dbt grants.
                cursor.execute(f"revoke all on database {DATABASE}, postgres, template1 from public")
                cursor.execute(f"grant connect on database {DATABASE} to {READER}, {CORRECTOR}")
        with contextlib.closing(connect_to(home_files.url(self.home, port, SUPERUSER, DATABASE))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("revoke all on schema public from public")


def _why(said: str) -> str:
    """What of a program's words says why it ended: the last ones, where it names nothing."""
    lines = said.strip().splitlines() or ["no message"]
    telling = [line for line in lines if any(word in line for word in ("FATAL", "could not", "ERROR", "error:"))]
    return " / ".join(line.split("  ", 1)[-1].strip() for line in telling[:3]) or lines[-1]


# "Do you speak TLS?" in PostgreSQL's protocol; the answer is one letter, from a session that the postmaster has to make for it.
_SSL_REQUEST = struct.pack("!II", 8, 80877103)


def _answers(port: int) -> bool:
    """Whether PostgreSQL answers. That the port is open would not do: a killed server's stays so for an instant."""
    try:
        with socket.create_connection((HOST, port), timeout=5) as connection:
            connection.sendall(_SSL_REQUEST)
            return connection.recv(1) in (b"N", b"S")
    except OSError:
        return False


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL does: a port in TIME_WAIT is free
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    for port in random.sample(_PORTS, 200):
        if _is_free(port):
            return port
    raise VelibError(f"no free port found on {HOST}; set {settings.PORT}")
