"""Corrections into a file and back: what no snapshot file holds, and so the one part of the database that nothing makes again.

PostgreSQL's own pg_dump and pg_restore do it, those of the embedded server's package where they are new enough for the server: an
older pg_dump refuses a newer server.
"""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from velib.core.errors import UsageError, VelibError
from velib.core.files import sync_folder
from velib.postgres.connections import connect_to

SCHEMA = "corrections"
# pg_restore sets it, and servers before 17 do not know it.
_UNKNOWN_BEFORE_17 = b"SET transaction_timeout = 0;\n"


def dump(url: str, file: Path) -> int:
    """Write the corrections to `file`; how many there are. A file that is there stays as it was until the new one is complete."""
    target = Path(os.path.realpath(file))
    if target.exists() and not target.is_file():
        raise UsageError(f"{file} is no file")
    version, corrections = _look(url)
    if corrections is None:
        raise VelibError("there is no schema `corrections` to write down yet: the first `velib build` makes it")
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise VelibError(f"cannot write to {target.parent}: {error.strerror}") from error
    try:
        options = ("--format=custom", f"--schema={SCHEMA}", "--no-owner", "--no-privileges", f"--file={name}")
        _run("pg_dump", version, url, options, f"the corrections were not written, {file} is as it was")
        os.fsync(descriptor)
        os.replace(name, target)
        sync_folder(target.parent)
    except OSError as error:
        raise VelibError(f"cannot write {file}: {error.strerror}") from error
    finally:
        os.close(descriptor)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
    return corrections


def restore(url: str, file: Path) -> int:
    """Bring back what `dump` wrote, all of it or nothing; how many corrections. Into a database that has none, built or not."""
    version, corrections = _look(url)
    if corrections:
        raise VelibError(f"{corrections:,} corrections are there already: they are restored where there are none")
    _check(file)
    kept = () if corrections is None else ("--data-only",)
    script = _output(_program("pg_restore", version), *kept, "--no-owner", "--no-privileges", "--file=-", str(file))
    if version < 17:
        script = script.replace(_UNKNOWN_BEFORE_17, b"", 1)
    options = ("--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--output=/dev/null")
    _run("psql", version, url, options, "the corrections were not restored, and nothing has changed", script)
    return _look(url)[1] or 0


def _look(url: str) -> tuple[int, int | None]:
    """The server's major version, and how many corrections there are: None where there is no place for them."""
    with contextlib.closing(connect_to(url, "velib db")) as connection, connection.cursor() as cursor:
        version = connection.server_version // 10_000
        cursor.execute("select to_regclass('corrections.made') is not null")
        if cursor.fetchone() != (True,):
            return version, None
        cursor.execute("select count(*) from corrections.made")
        return version, int(cursor.fetchone()[0])


def _check(file: Path) -> None:
    """Fail unless the file is what `dump` writes: an archive of that schema, and of nothing else."""
    if not file.is_file():
        raise VelibError(f"no such file: {file}")
    schemas = set(
        re.findall(rb"^\d+; \d+ \d+ TABLE DATA (\S+) ", _output(_program("pg_restore", 0), "--list", str(file)), re.M)
    )
    if schemas != {SCHEMA.encode()}:
        raise VelibError(f"{file} is no dump of corrections")


def _run(name: str, version: int, url: str, options: Sequence[str], failed: str, given: bytes | None = None) -> None:
    from psycopg2.extensions import make_dsn, parse_dsn

    where = parse_dsn(url)
    password = where.pop("password", None)  # not on the command line, where `ps` shows it to everyone
    done = subprocess.run(
        [_program(name, version), *options, f"--dbname={make_dsn(**where)}"],
        input=given if given is not None else b"",
        capture_output=True,
        env=_environment() | ({"PGPASSWORD": password} if password else {}),
        check=False,
    )
    if done.returncode != 0:
        raise VelibError(f"{failed}: {_said(done.stderr)}")


def _output(program: str, *options: str) -> bytes:
    done = subprocess.run(
        [program, *options], stdin=subprocess.DEVNULL, capture_output=True, env=_environment(), check=False
    )
    if done.returncode != 0:
        raise VelibError(f"{options[-1]} is no dump of corrections: {_said(done.stderr)}")
    return done.stdout


def _environment() -> dict[str, str]:
    return os.environ | {"PGCLIENTENCODING": "UTF8", "LC_ALL": "C"}


def _said(stderr: bytes) -> str:
    """The line that says why."""
    lines = stderr.decode("utf-8", "replace").strip().splitlines() or ["it says nothing"]
    why = next((line for line in lines if "rror:" in line.lower()), lines[-1])
    return re.sub(r"^.*?error: *", "", why, flags=re.IGNORECASE)


@cache
def _program(name: str, version: int) -> str:
    """A client program that is not older than a server of this major version: the package's own, or one of this machine."""
    from velib.postgres import binaries

    newest = 0
    for candidate in (binaries.program(name), shutil.which(name)):
        if candidate is None:
            continue
        try:
            said = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False).stdout
        except OSError:
            continue
        found = re.search(r"(\d+)[.\d]*", said)
        own = int(found[1]) if found else 0
        if own >= version:
            return candidate
        newest = max(newest, own)
    raise VelibError(
        f"the server is PostgreSQL {version}, and {name} here is of {newest}: install PostgreSQL's client programs {version}"
    )
