"""A connection to a PostgreSQL, by its URL: the encoding, the wait for one that starts up, and in one line why there is none."""

import time
from typing import TYPE_CHECKING

from velib.core import settings
from velib.core.errors import VelibError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812


# Of databases, and of every connection to one, whatever PGCLIENTENCODING says: files are UTF-8.
ENCODING = "UTF8"
# The oldest major version of PostgreSQL that a server of one's own may have: what the tests try, and Debian 12 brings.
OLDEST_SERVER = 15


def connect_to(url: str, application_name: str = "velib") -> "Connection":
    """A psycopg2 connection to `url`; when that fails, one line that says why, without the password."""
    import psycopg2

    give_up = time.monotonic() + 30
    while True:
        try:
            connection = psycopg2.connect(
                url, application_name=application_name, connect_timeout=10, client_encoding=ENCODING
            )
        except psycopg2.OperationalError as error:
            # After a crash the server listens before it lets anyone in.
            if "starting up" in str(error) and time.monotonic() < give_up:
                time.sleep(0.1)
                continue
            raise VelibError(f"cannot connect to the database: {_one_line(error)}") from error
        except psycopg2.ProgrammingError as error:  # a URL that libpq cannot read; its message may quote the password
            raise VelibError(f"{settings.DATABASE_URL} is not a URL that libpq can read") from error
        _refuse_older(connection)
        if (stored_as := connection.get_parameter_status("server_encoding")) != ENCODING:
            connection.close()
            raise VelibError(wrong_encoding(stored_as))
        return connection


def wrong_encoding(stored_as: str | None) -> str:
    """Why a database of another encoding is refused: it cannot hold the names of all stations, or takes bytes of anything."""
    return (
        f"the database is encoded in {stored_as}, and has to be in {ENCODING}: "
        f"create one with `create database … encoding '{ENCODING}' template template0`"
    )


def _refuse_older(connection: "Connection") -> None:
    """A server that is not tested. It has told its version by itself."""
    version = connection.server_version // 10_000
    if version < OLDEST_SERVER:
        connection.close()
        raise VelibError(f"the server is PostgreSQL {version}; {OLDEST_SERVER} or newer is needed")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
