"""The database's address as dlt takes it: libpq's own URL, left to libpq. Imports dlt, so that only a load may import this.

dlt's own takes a URL apart and puts it together again by SQLAlchemy, which is a tenth of a second to import, and insists on a
user, a password and a host there, where libpq may take them from elsewhere: a socket, .pgpass, the server's trust.
"""

from __future__ import annotations

from urllib.parse import urlencode

from dlt.common.configuration import configspec
from dlt.destinations.impl.postgres.configuration import PostgresCredentials
from psycopg2.extensions import parse_dsn

from velib.postgres.connections import ENCODING


@configspec(init=False)
class Address(PostgresCredentials):
    """The address in `url`. What else is kept of it dlt asks for to call the place by a name."""

    url: str = ""

    @classmethod
    def of(cls, database_url: str) -> Address:
        """The same address, in UTF-8, and no more than 15 seconds to get there, unless it says otherwise itself."""
        parts = parse_dsn(database_url)
        own = {} if "connect_timeout" in parts else {"connect_timeout": "15"}
        own["client_encoding"] = ENCODING
        begin = "&" if "?" in database_url else "?"
        address = cls()
        address.url = database_url + begin + urlencode(own)
        address.host, address.database = parts.get("host", "localhost"), parts.get("dbname", "postgres")
        # psycopg2 is given dlt's search_path in this option, beside the URL.
        address.query = {"options": parts["options"]} if "options" in parts else {}
        address.resolve()
        return address

    def to_native_representation(self) -> str:
        return self.url

    def __str__(self) -> str:
        return "the database"
