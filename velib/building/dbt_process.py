"""dbt, one at a time a database: `python -P -m velib.building.dbt_process ARGUMENTS` is `dbt ARGUMENTS` under the lock on builds.

The lock is one of PostgreSQL's, a session's, held by the very process that dbt runs in. So it lives exactly as long as that
dbt does, whoever started it and whoever of them was killed. dbt itself could not hold it: it closes a hook's connection.
Plain `dbt build` takes no lock, but looks at this one (dbt_project/macros/engine/guards.sql).

Before dbt's arguments may stand what only their author knows of them: OF_EVERYTHING, OF_CHANGES, UNTESTED.

What of dbt's own files the home holds (its target folder) is under a file lock, for one home may be used for two databases.

dbt reads the project once, for all homes and until a file of it changes (dbt_parsed.py). `make install` has it do so.

A process that builds again and again (velib/cli/fork_server.py) imports dbt and parses the project once, and forks for each build:
`start` then makes no new process but a fork, which differs in nothing else.
"""

import contextlib
import gc
import os
import re
import select
import subprocess
import sys
import threading
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NoReturn, cast

from velib.building import dbt_parsed, unchanged_models
from velib.core import files, settings
from velib.core.errors import VelibError, refused_by_the_system
from velib.core.forking import Forked
from velib.postgres import advisory_lock, dbt_profile

if TYPE_CHECKING:
    from pathlib import Path

    from psycopg2.extensions import connection as Connection  # noqa: N812

# Our number of PostgreSQL's advisory locks. dbt_project/macros/engine/guards.sql has it too.
BUILD_LOCK = 0x7E11B_B11D
# The builds that were written down (macros/engine/builds.sql), as `b`, and which of them is the newest: the clock may
# have been wrong. A database that was built before they had numbers has no such column: then the name means the outer one, a null.
BUILDS = """
    (select null::bigint as build_number) as without_numbers
    cross join lateral (
        select started_at, ended_at, has_succeeded, build_number from intermediate.builds
    ) as b
"""
NEWEST_BUILD_FIRST = "b.build_number desc nulls last, b.started_at desc"
# By this the macros know that the lock's holder is their own process: its backend's pid.
HOLDER = "VELIB_BUILD_LOCK_HOLDER"
WAITING = "waiting for another build to end …"

# The run is of the whole project; or of that without what stands as it was built (unchanged_models.py). It makes no data tests.
OF_EVERYTHING = "--of-everything"
OF_CHANGES = "--of-changes"
UNTESTED = "--untested"

# What this module's own lines on failure begin with: models, tests and libraries say "error: …" too.
_FAILED = "dbt_process: error: "
LOCK_LOST = (
    f"{_FAILED}the database failed: the connection that held the lock on builds was cut; what was built counts, "
    "run it again for the rest"
)


# What dbt says of each model alike when the database is gone or its disk is full: the user needs it once.
DATABASE_FAILED = re.compile(
    r"server closed the connection unexpectedly|terminating connection .*|connection to server .*|.*No space left on device"
)

# The operating system's refusal of a file, as a traceback ends.
REFUSED_BY_THE_SYSTEM = re.compile(r"^(?:OSError|PermissionError|BlockingIOError): \[Errno \d+\] (.+)$", re.MULTILINE)

_NOWHERE = "postgresql://nobody@localhost/velib"  # the embedded server's database

# With these alone (and what belongs to them) dbt reads the project as it does without any.
_OF_NO_CONSEQUENCE = {
    *(
        "--exclude",
        "--exclude-resource-type",
        "--full-refresh",
        "--indirect-selection",
        "--log-format",
        "--log-format-file",
    ),
    *(
        "--log-level",
        "--log-level-file",
        "--log-path",
        "--no-write-json",
        "--resource-type",
        "--select",
        "-s",
        "--target-path",
    ),
}

_COMMAND = [sys.executable, "-P", "-m", "velib.building.dbt_process"]


def command(*scope: str) -> list[str]:
    """What to put before dbt's arguments. Without the working folder in Python's path: dbt's is full of common names."""
    return [*_COMMAND, *scope]


def start(command: Sequence[str], environment: Mapping[str, str]) -> "subprocess.Popen[str] | Forked":
    """Start such a command in the project's folder; what it says comes out of its `stdout`."""
    own = list(command[: len(_COMMAND)]) == _COMMAND
    if own and _parsed is not None and _parsed.fingerprint == unchanged_models.fingerprint():
        manifest = _parsed.manifest
        return Forked(lambda: main(command[len(_COMMAND) :], manifest), settings.dbt_project(), environment)
    return subprocess.Popen(
        command,
        cwd=settings.dbt_project(),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )


def folder() -> "Path":
    """dbt's own files, one set a warehouse."""
    return settings.velib_home() / "dbt"


def kept() -> "Path":
    """What spares dbt work, of the project and not of a warehouse: beside the project, in the home where that is another user's."""
    shared = settings.dbt_project() / "target" / "velib"
    with contextlib.suppress(OSError):
        shared.mkdir(parents=True, exist_ok=True)
    return shared if os.access(shared, os.W_OK | os.X_OK) else folder()


def holder(connection: "Connection") -> int | None:
    """The backend that holds the lock on builds, None when nobody builds."""
    found = advisory_lock.holder(connection, BUILD_LOCK)
    return None if found is None else found[0]


def refusal(text: str) -> str | None:
    """The one line in what a failed run said that is all the user needs: our macros' (guards.sql) or this module's.

    A macro refuses a run in its hook, where no model has run. What a model's error says is no such line, however it begins.
    """
    found = re.search(rf"^(?:Runtime Error in operation .*\n\s*refused: |{_FAILED})(.+)$", text, re.MULTILINE)
    return None if found is None else found[1].strip()


def may_pass(text: str) -> bool:
    """Whether what a failed run said is of the database, which may be there again by itself, and not of models or data."""
    return DATABASE_FAILED.search(text) is not None or LOCK_LOST.removeprefix(_FAILED) in text


@contextlib.contextmanager
def build_lock(when_waiting: Callable[[], None]) -> Iterator[int]:
    """Hold the lock on builds of the warehouse's database; gives the backend that does. `when_waiting` is called once."""
    from velib.postgres.database import connect

    parent = os.getppid()

    def look_up() -> None:
        if os.getppid() != parent:
            raise VelibError("whoever asked for this build is gone")

    with contextlib.closing(connect("velib build", autocommit=True)) as connection:
        pid = advisory_lock.take(connection, BUILD_LOCK, when_waiting, look_up)
        released = threading.Event()
        threading.Thread(target=_end_without, args=(connection, released), daemon=True).start()
        try:
            yield pid
        finally:
            released.set()


def _end_without(connection: "Connection", released: threading.Event) -> None:
    """End this process when the connection that holds the lock is cut: another build may begin at once."""
    import psycopg2

    try:
        while not released.is_set():
            # The server says next to nothing to a session that asks nothing, but that it is over.
            if select.select([connection], [], [], 1)[0]:
                with connection.cursor() as cursor:
                    cursor.execute("select")
    except (psycopg2.Error, OSError, ValueError):
        if not released.is_set():
            # Not through Python's own exit, which would wait for dbt's threads.
            print(LOCK_LOST, file=sys.stderr, flush=True)  # noqa: T201
            os._exit(1)


def _arguments(given: list[str]) -> list[str]:
    """dbt's arguments. To be asked for under the lock, so that what stands remains so."""
    scope = list(takewhile((OF_EVERYTHING, OF_CHANGES, UNTESTED).__contains__, given))
    arguments = given[len(scope) :]
    os.environ.pop(unchanged_models.EVERYTHING, None)
    if scope and unchanged_models.dbt_is_as_written():
        tested = unchanged_models.fingerprint()
        # What stands tested stands for a run without tests too, and goes on to.
        candidates = [tested, f"{tested} untested"] if UNTESTED in scope else [tested]
        project, left_out = candidates[-1], list[str]()
        if OF_CHANGES in scope:
            from velib.postgres.database import connect

            with contextlib.closing(connect("velib build", autocommit=True)) as connection:
                for candidate in candidates:
                    if left_out := unchanged_models.to_leave_out(connection, candidate):
                        project = candidate
                        break
        os.environ[unchanged_models.EVERYTHING] = project
        arguments += left_out
    return arguments


def _dbt() -> Callable[..., NoReturn]:
    """dbt's command line, imported in half the time.

    It makes much and throws little away: what is searched for garbage, again and again, is nearly all in use. And mashumaro
    compiles readers and writers for each of its 500 classes; let to, it does so for a class that is read or written.
    """
    gc.disable()
    try:
        from mashumaro.config import BaseConfig

        BaseConfig.lazy_compilation = True
        from dbt.cli.main import cli

        from velib.building import dbt_shortcuts
    except ModuleNotFoundError as error:
        raise VelibError("dbt is not installed: run `make install`") from error
    dbt_shortcuts.take(kept())
    return cast("Callable[..., NoReturn]", cli)


@dataclass(frozen=True)
class _Parsed:
    """The project as dbt has read it."""

    fingerprint: str
    manifest: Any


class _BusyError(Exception):
    """Somebody else has dbt's files."""


# What this process has parsed; its forks have it too.
_parsed: _Parsed | None = None


def warm_up() -> bool:
    """Import dbt and read the project, for the forks to come. False when what was read is another project by now."""
    global _parsed
    fingerprint = unchanged_models.fingerprint()
    if _parsed is not None:
        return _parsed.fingerprint == fingerprint

    def give_up() -> None:
        raise _BusyError

    # Another build of this home has dbt's files: whoever asks for the next one must not wait for that here.
    with contextlib.suppress(_BusyError), files.locked(folder() / "lock", give_up):
        if (manifest := _read_project(folder() / "target", "--no-write-json")) is not None:
            _parsed = _Parsed(fingerprint, manifest)
    return True


def _read_project(target: "Path", *options: str) -> Any:
    """The project's manifest, as it is kept or else as dbt reads it now; None when dbt cannot."""
    cli = _dbt()
    database = _database_name()
    if database is not None and (manifest := dbt_parsed.read(kept(), database)) is not None:
        return manifest
    from dbt.cli.main import dbtRunner

    assert cli is not None
    fingerprint = unchanged_models.fingerprint()
    places = {"project-dir": settings.dbt_project(), "profiles-dir": dbt_profile.require(), "target-path": target}
    done = dbtRunner().invoke(
        [
            *("--quiet", "--log-level-file", "none", *options, "parse"),
            *(part for name, place in places.items() for part in (f"--{name}", str(place))),
        ]
    )
    if not done.success:
        return None
    if database is not None and unchanged_models.dbt_is_as_written():
        dbt_parsed.keep(done.result, kept(), database, fingerprint)
    return done.result


def _database_name() -> str | None:
    from psycopg2.extensions import parse_dsn

    from velib.postgres.database import database_url

    return parse_dsn(database_url()).get("dbname")


def read_project(target: "Path | None" = None) -> None:
    """For the builds to come, and into the file that Dagster reads. Connects to nothing, and is the same on any machine."""
    os.environ[settings.DATABASE_URL] = _NOWHERE
    target = target or settings.dbt_project() / "target"
    manifest = _read_project(target, "--no-write-json")
    if manifest is None:
        sys.exit(1)
    from dbt.flags import set_from_args

    set_from_args(Namespace(), {})  # what it writes says whether dbt calls home
    manifest.write(str(target / "manifest.partial"))
    os.replace(target / "manifest.partial", target / "manifest.json")


def _is_as_written(arguments: Sequence[str]) -> bool:
    """Whether a build with these arguments, from here, is one of our project as its files have it."""
    if os.path.realpath(os.getcwd()) != os.path.realpath(settings.dbt_project()):
        return False
    options = {argument.partition("=")[0] for argument in arguments if argument.startswith("-")}
    return "build" in arguments and options <= _OF_NO_CONSEQUENCE and unchanged_models.dbt_is_as_written()


def main(given: Sequence[str] | None = None, manifest: Any = None) -> NoReturn:
    """dbt with these arguments (else the command line's), on the project as it was read (else as is kept, or dbt reads it)."""
    said: list[str] = []

    def say_once() -> None:
        if not said:
            said.append(WAITING)
            print(WAITING, file=sys.stderr, flush=True)  # noqa: T201

    try:
        with contextlib.ExitStack() as held:
            os.environ[HOLDER] = str(held.enter_context(build_lock(say_once)))
            folder().mkdir(parents=True, exist_ok=True)
            held.enter_context(files.locked(folder() / "lock", say_once))
            arguments = _arguments(list(sys.argv[1:] if given is None else given))
            if manifest is None and _is_as_written(arguments):
                manifest = _read_project(folder() / "target", "--no-write-json")
            sys.argv = ["dbt", *arguments]
            _dbt()(prog_name="dbt", obj={"manifest": manifest} if manifest is not None else None)
    except VelibError as error:
        sys.exit(f"{_FAILED}{error}")
    except OSError as error:
        sys.exit(f"{_FAILED}{refused_by_the_system(error)}")
    raise AssertionError("dbt's command line ends with SystemExit")


if __name__ == "__main__":
    main()
