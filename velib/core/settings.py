"""Where things are, as the environment says: the project, the warehouse's home, the environment of the tools we start.

Nothing here touches the disk or the network, so that importing it is free.
"""

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from velib.core.errors import UsageError

DATABASE_URL = "VELIB_DATABASE_URL"
HOME = "VELIB_HOME"
PORT = "VELIB_PORT"
POLL_CONFIG = "VELIB_POLL_CONFIG"
FOLLOW_LINKS = "VELIB_FOLLOW_LINKS"
TIME_ZONE = "VELIB_TIME_ZONE"
NAME_TIME = "VELIB_NAME_TIME"
MAX_AHEAD = "VELIB_MAX_AHEAD_HOURS"

_TELEMETRY_OFF = {
    "DO_NOT_TRACK": "1",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DAGSTER_DISABLE_TELEMETRY": "yes",
}


def switch_telemetry_off(environment: os._Environ[str] | dict[str, str] | None = None) -> None:
    """Tell dbt, dlt and Dagster not to call home, unless the user has said otherwise."""
    target = os.environ if environment is None else environment
    for name, value in _TELEMETRY_OFF.items():
        target.setdefault(name, value)


def set_encoding(environment: os._Environ[str] | dict[str, str] | None = None) -> None:
    """Have libpq speak UTF-8 in tools that make connections of their own: dbt, psql."""
    (os.environ if environment is None else environment)["PGCLIENTENCODING"] = "UTF8"


def project_root() -> Path:
    """The folder that holds pyproject.toml, dbt_project/ and the packages (the install is editable)."""
    return Path(__file__).resolve().parent.parent.parent


def dbt_project() -> Path:
    return project_root() / "dbt_project"


def default_home() -> Path:
    return project_root() / ".velib"


def demo_home() -> Path:
    """The demo's warehouse, where it is not told another."""
    return default_home().with_name(".velib-demo")


def velib_home() -> Path:
    """The folder of this warehouse: $VELIB_HOME, else .velib in the project. Absolute; it need not exist yet."""
    value = os.environ.get(HOME, "")
    if not value:
        return default_home()
    if any(ord(each) < 32 or "\ud800" <= each <= "\udfff" for each in value):
        # PostgreSQL's own files have the name as a line of theirs, and dbt reads and writes UTF-8.
        raise UsageError(f"{HOME} must be a path in UTF-8, without line breaks or other control characters")
    return Path(os.path.abspath(Path(value).expanduser()))  # not resolve(): a link stays the name its owner gave


def external_database_url() -> str | None:
    """$VELIB_DATABASE_URL, or None when the embedded server is to be used. The value is never put into a message."""
    url = os.environ.get(DATABASE_URL, "").strip()
    if not url:
        return None
    if not url.startswith(("postgresql://", "postgres://")):
        raise UsageError(f"{DATABASE_URL} must be a libpq URL like postgresql://user:password@host:5432/database")
    return url


def poll_config() -> Path:
    """$VELIB_POLL_CONFIG, else poll.toml in the warehouse's home: which feeds to collect, and the alerts."""
    named = os.environ.get(POLL_CONFIG, "").strip()
    return Path(named).expanduser() if named else velib_home() / "poll.toml"


def follow_links() -> bool:
    """$VELIB_FOLLOW_LINKS: whether links in the landing zone may lead out of it."""
    return os.environ.get(FOLLOW_LINKS, "").strip().lower() in ("1", "true", "yes", "on")


def time_zone(name: str | None = None) -> ZoneInfo:
    """The zone of local times in file names: the one of that name, else $VELIB_TIME_ZONE, else Paris."""
    if name is None:
        name = os.environ.get(TIME_ZONE, "").strip() or "Europe/Paris"
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise UsageError(f"unknown time zone {name}") from error


def name_time() -> str | None:
    """$VELIB_NAME_TIME: the pattern by which file names state their time, None where they are read as they are known."""
    return os.environ.get(NAME_TIME) or None


def max_ahead(hours: float | None = None) -> timedelta:
    """How far ahead of the clock a capture may lie: so many hours, else $VELIB_MAX_AHEAD_HOURS, else one."""
    value = os.environ.get(MAX_AHEAD, "").strip() or "1" if hours is None else str(hours)
    try:
        if 0 <= float(value) <= 1_000_000:
            return timedelta(hours=float(value))
    except ValueError:
        pass
    raise UsageError(f"{MAX_AHEAD} must be a number of hours from 0 to 1,000,000, not {value!r}")


def configured_port() -> int | None:
    """$VELIB_PORT, or None when any free port will do."""
    value = os.environ.get(PORT, "").strip()
    if not value:
        return None
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 65535:
        raise UsageError(f"{PORT} must be a port number from 1 to 65535, not {value!r}")
    return int(value)


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a tool we start: telemetry off, and the home absolute, since the tool may run elsewhere."""
    environment = dict(os.environ)
    switch_telemetry_off(environment)
    environment[HOME] = str(velib_home())
    set_encoding(environment)
    environment.update(extra or {})
    return environment
