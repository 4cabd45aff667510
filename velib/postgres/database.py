"""The way to this warehouse's database, wherever it is: a URL, or a connection."""

from typing import TYPE_CHECKING

from velib.core import settings
from velib.postgres.connections import connect_to

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812


def database_url(start: bool = True) -> str:
    """The libpq URL of the warehouse: $VELIB_DATABASE_URL, else the embedded server's, which is started when needed."""
    external = settings.external_database_url()
    if external is not None:
        return external
    from velib.postgres.server import Server

    server = Server(settings.velib_home())
    return server.start() if start else server.url()


def connect(application_name: str = "velib", autocommit: bool = False) -> "Connection":
    """A psycopg2 connection to the warehouse."""
    connection = connect_to(database_url(), application_name)
    connection.autocommit = autocommit
    return connection
