"""How the API is set up, as the environment says. Read once, when it starts."""

import os
from dataclasses import dataclass
from pathlib import Path

from velib.core import settings as warehouse_settings
from velib.core.errors import UsageError, VelibError
from velib.postgres.home_files import CORRECTOR, READER
from velib.postgres.server import Server

DATABASE_URL = "VELIB_API_DATABASE_URL"
CORRECTIONS_URL = "VELIB_API_CORRECTIONS_DATABASE_URL"
KEYS = "VELIB_API_KEYS"
KEYS_FILE = "VELIB_API_KEYS_FILE"
READS_NEED_KEY = "VELIB_API_READS_NEED_KEY"
CORS_ORIGINS = "VELIB_API_CORS_ORIGINS"
RATE = "VELIB_API_RATE"
CLIENT_CONNECTIONS = "VELIB_API_CLIENT_CONNECTIONS"
CONNECTIONS = "VELIB_API_CONNECTIONS"
STATEMENT_SECONDS = "VELIB_API_STATEMENT_SECONDS"
FRESH_MINUTES = "VELIB_API_FRESH_MINUTES"
TRUSTED_PROXIES = "VELIB_API_TRUSTED_PROXIES"


@dataclass(frozen=True)
class Settings:
    """Everything that can be set. The defaults suit one machine of two cores that does the rest of the project's work too."""

    database_url: str
    # As whom corrections are written; None: nobody makes any here.
    corrections_url: str | None = None
    # Lines of keys (velib/api/keys.py): from the environment, and from a file that is read again when it changes.
    keys: str = ""
    keys_file: Path | None = None
    reads_need_key: bool = False
    cors_origins: tuple[str, ...] = ()
    # Requests a second and client, over a minute's average no more; 0 is no limit.
    rate: float = 100
    # Connections of one client; 0 is no limit. Who has so many loses its idle ones.
    client_connections: int = 100
    connections: int = 8
    statement_seconds: float = 5
    # /ready says no when the newest snapshot is older; None: an archive is never too old.
    fresh_seconds: float | None = None
    trusted_proxies: str = ""


def from_environment() -> Settings:
    fresh_minutes = _number(FRESH_MINUTES, 0)
    return Settings(
        database_url=reader_url(),
        corrections_url=corrector_url(),
        keys=os.environ.get(KEYS, ""),
        keys_file=keys_file(),
        reads_need_key=_switch(READS_NEED_KEY),
        cors_origins=tuple(origin.strip() for origin in os.environ.get(CORS_ORIGINS, "").split(",") if origin.strip()),
        rate=_number(RATE, Settings.rate),
        client_connections=int(_number(CLIENT_CONNECTIONS, Settings.client_connections)),
        connections=max(1, int(_number(CONNECTIONS, Settings.connections))),
        statement_seconds=max(0.1, _number(STATEMENT_SECONDS, Settings.statement_seconds)),
        fresh_seconds=fresh_minutes * 60 or None,
        trusted_proxies=os.environ.get(TRUSTED_PROXIES, "").strip(),
    )


def keys_file() -> Path:
    """$VELIB_API_KEYS_FILE, else api-keys in the warehouse's home. It need not exist."""
    given = os.environ.get(KEYS_FILE, "").strip()
    return Path(given).expanduser() if given else warehouse_settings.velib_home() / "api-keys"


def reader_url() -> str:
    """The URL that reads go through: $VELIB_API_DATABASE_URL, else the embedded server's velib_reader; never the owner's."""
    given = _url(DATABASE_URL, READER)
    if given:
        return given
    if warehouse_settings.external_database_url():
        raise VelibError(
            f"on your own server, set {DATABASE_URL} to the URL of {READER}: the API does not read as the owner"
        )
    server = Server(warehouse_settings.velib_home())
    server.start()
    return server.url(role=READER)


def corrector_url() -> str | None:
    """The URL that corrections are written through; the embedded server's velib_corrector where reads are the embedded server's."""
    given = _url(CORRECTIONS_URL, CORRECTOR)
    if given or os.environ.get(DATABASE_URL, "").strip() or warehouse_settings.external_database_url():
        return given
    return Server(warehouse_settings.velib_home()).url(role=CORRECTOR)


def _url(name: str, role: str) -> str | None:
    given = os.environ.get(name, "").strip()
    if given and not given.startswith(("postgresql://", "postgres://")):
        raise UsageError(f"{name} must be a libpq URL like postgresql://{role}:password@host:5432/database")
    return given or None


def _number(name: str, default: float) -> float:
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    try:
        number = float(value)
    except ValueError:
        number = -1
    if not 0 <= number < 1e9:
        raise UsageError(f"{name} must be a number from 0 on, not {value!r}")
    return number


def _switch(name: str) -> bool:
    value = os.environ.get(name, "").strip().lower()
    if value not in ("", "0", "false", "no", "1", "true", "yes"):
        raise UsageError(f"{name} must be 1 or 0, not {value!r}")
    return value in ("1", "true", "yes")
