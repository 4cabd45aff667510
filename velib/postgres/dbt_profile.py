"""dbt_project/profiles.yml: so that plain `dbt build` finds the warehouse, whichever is meant.

The file is generated (passwords are in it: 0600, ignored by git). It has one output for each embedded server's home, under the
home's absolute path, and one, `url`, that takes VELIB_DATABASE_URL apart. Which of them counts is decided when dbt runs, by the
same rule as everywhere: VELIB_DATABASE_URL, else VELIB_HOME, else the default home.

Where the checkout is not ours to write to (it is root's, or on a read-only disk), our own runs of dbt read one that lies in the
warehouse's home.

The file is JSON after its comment, which is YAML too: it can be read again here without a YAML parser.
"""

import contextlib
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from velib.core import settings
from velib.core.errors import VelibError
from velib.core.files import locked, write_atomically
from velib.postgres.home_files import known_url

PROFILE = "velib"
SCHEMA = "staging"
THREADS = 2

_HEADER = "# Written by velib (velib/postgres/dbt_profile.py); do not edit, do not commit: passwords are in it.\n"

# dbt's Jinja has no URL parser. What follows is one, in what Jinja has: string methods, and bytes for percent-escapes.
_DECODED = (
    "{%- set parts = ns.value.split('%') -%}{%- set out = namespace(raw=parts[0].encode()) -%}"
    "{%- for part in parts[1:] -%}{%- set out.raw = out.raw + out.raw.fromhex(part[:2]) + part[2:].encode() -%}{%- endfor -%}"
    "{{- out.raw.decode() -}}"
)
_SPLIT = (
    f"{{%- set rest = env_var('{settings.DATABASE_URL}').strip().partition('://')[2].partition('?') -%}}"
    "{%- set query = rest[2].split('&') -%}"
    "{%- set place = rest[0].partition('/') -%}"
    "{%- set who = place[0].rpartition('@')[0].partition(':') -%}"
    "{%- set where = place[0].rpartition('@')[2] -%}"
    "{%- set v6 = where.startswith('[') -%}"
    "{%- set host = where[1:].partition(']')[0] if v6 else where.partition(':')[0] -%}"
    "{%- set port = where.rpartition(']:')[2] if v6 and ']:' in where else '' if v6 else where.partition(':')[2] -%}"
)


def path() -> Path:
    return settings.dbt_project() / "profiles.yml"


def refresh(home: Path | None = None) -> None:
    """Write the file anew with what is known now: `home`'s server, the default home's, those in the file that still exist.

    Quietly does nothing where there is no dbt project, or one that is not ours to write to.
    """
    target = path()
    if not os.access(target.parent, os.W_OK | os.X_OK):
        return
    with contextlib.suppress(OSError), locked(target.parent):
        homes = {Path(name) for name in _outputs(target) if name != "url"} | {settings.default_home()}
        if home is not None:
            homes.add(home)
        text = _text(homes)
        if not target.exists() or target.read_text() != text:
            write_atomically(target, text, mode=0o600)


def require() -> Path:
    """For verbs that run dbt: the folder whose file knows this warehouse; the project's where that is ours, else the home's."""
    home = settings.velib_home()
    refresh(home)
    wanted, there = _profile({home})[PROFILE]["outputs"], _outputs(path())
    if all(there.get(name) == output for name, output in wanted.items()):
        return path().parent
    own = home / "dbt"
    try:
        own.mkdir(parents=True, exist_ok=True)
        write_atomically(own / path().name, _text({home}), mode=0o600)
    except OSError as error:
        raise VelibError(f"cannot write to {own}: {error.strerror}") from error
    return own


def _outputs(target: Path) -> dict[str, Any]:
    try:
        body = "".join(line for line in target.read_text().splitlines(keepends=True) if not line.startswith("#"))
        return dict(json.loads(body)[PROFILE]["outputs"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # not there, or not ours: written anew


def _text(homes: set[Path]) -> str:
    return _HEADER + json.dumps(_profile(homes), indent=2) + "\n"


def _profile(homes: set[Path]) -> dict[str, Any]:
    default = settings.default_home()
    outputs = {str(home): output for home in sorted(homes) if (output := _embedded(home)) is not None}
    outputs["url"] = _from_url()
    # dbt's Jinja has no error of its own here, but one for a variable that is missing. It shows what is missing.
    target = (
        f"{{%- set home = env_var('{settings.HOME}', '') -%}}"
        f"{{{{ 'url' if env_var('{settings.DATABASE_URL}', '').strip() else {str(default)!r} if not home "
        f"else home.rstrip('/') if home.startswith('/') "
        f"else env_var('{settings.HOME} as an absolute path (dbt runs in its own folder, so ' ~ home ~ ' says nothing)') }}}}"
    )
    return {PROFILE: {"target": target, "outputs": outputs}}


def _embedded(home: Path) -> dict[str, Any] | None:
    """The output of a home's server; None where there is none (any more), or where it is another user's."""
    try:
        url = known_url(home)
    except (VelibError, OSError):
        return None
    if url is None:
        return None
    parts = urlsplit(url)
    return {
        "type": "postgres",
        "host": parts.hostname,
        "port": parts.port,
        "user": parts.username,
        "password": parts.password,
        "dbname": parts.path.lstrip("/"),
        "schema": SCHEMA,
        "threads": THREADS,
        "application_name": "dbt",
    }


def _from_url() -> dict[str, Any]:
    def parameter(name: str, otherwise: str = "''") -> str:
        """A parameter of the query part, else the Jinja expression `otherwise`."""
        return (
            f"{_SPLIT}{{%- set ns = namespace(value={otherwise}) -%}}"
            f"{{%- for pair in query -%}}{{%- if pair.startswith('{name}=') -%}}{{%- set ns.value = pair.partition('=')[2] -%}}"
            f"{{%- endif -%}}{{%- endfor -%}}{_DECODED}"
        )

    return {
        "type": "postgres",
        "host": parameter("host", "host or 'localhost'"),
        "port": f"{_SPLIT}{{{{ (port or '5432') | as_number }}}}",
        "user": parameter("user", "who[0]"),
        "password": parameter("password", "who[2]"),
        "dbname": parameter("dbname", "place[2] or who[0]"),
        "schema": SCHEMA,
        "threads": THREADS,
        "sslmode": parameter("sslmode"),
        "sslrootcert": parameter("sslrootcert"),
        "sslcert": parameter("sslcert"),
        "sslkey": parameter("sslkey"),
        "application_name": "dbt",
    }
