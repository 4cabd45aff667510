"""What the files in a warehouse's home say of its embedded server: where it listens, who may come in and with which password."""

import json
from pathlib import Path
from typing import Any

from velib.core.errors import VelibError
from velib.core.files import write_atomically

HOST = "127.0.0.1"
SUPERUSER = "velib"
DATABASE = "velib"
READER = "velib_reader"
# May add to the schema `corrections`, and read what the reader may.
CORRECTOR = "velib_corrector"
_PASSWORD_FILES = {
    SUPERUSER: "postgres.password",
    READER: "postgres.reader.password",
    CORRECTOR: "postgres.corrector.password",
}


def state(home: Path) -> dict[str, Any]:
    """What is remembered of the server: its port, and whether database and roles have been made."""
    try:
        found = json.loads((home / "postgres.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def remember(home: Path, **values: object) -> None:
    """Add to what `state` tells."""
    write_atomically(home / "postgres.json", json.dumps(state(home) | values) + "\n")


def password(home: Path, role: str) -> str:
    """The role's password, made the first time that it is asked for."""
    path = home / _PASSWORD_FILES[role]
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        import secrets  # slow to import, and needed once in a warehouse's life

        write_atomically(path, secrets.token_hex(24) + "\n", mode=0o600)  # hex: needs no escaping in a URL
        return path.read_text().strip()
    except PermissionError:
        raise VelibError(f"{home} belongs to another user; set VELIB_HOME to a folder of your own") from None


def url(home: Path, port: int, role: str, database: str) -> str:
    """The libpq URL of a role, as if the server listened at `port`."""
    return f"postgresql://{role}:{password(home, role)}@{HOST}:{port}/{database}"


def known_url(home: Path) -> str | None:
    """The superuser's URL as of the last start, whether the server runs or not; None when there is no server."""
    port = state(home).get("port")
    if port is None or not (home / "postgres.password").exists():
        return None
    return url(home, port, SUPERUSER, DATABASE)
