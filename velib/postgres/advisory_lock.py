"""PostgreSQL's advisory locks, as the project uses them: a session's, held on a connection that asks for little else meanwhile."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg2.extensions import connection as Connection  # noqa: N812

# The one a batch holds from the look at the database to the load's completion (ingestion/). That on builds: dbt_process.py.
LOAD_LOCK = 0x7E11B_10AD

_LOOK_AGAIN_SECONDS = 0.2


def take(
    connection: "Connection", number: int, when_waiting: Callable[[], None], every_look: Callable[[], None]
) -> int:
    """Take the lock of that number and return the backend that holds it. `connection` must be in autocommit mode.

    `when_waiting` is called once where another session has the lock, `every_look` each time it is looked for again.
    """
    with connection.cursor() as cursor:
        # A server may end sessions that are idle for long, as this one is while others work under its lock.
        cursor.execute("select set_config(name, '0', false) from pg_settings where name = 'idle_session_timeout'")
        waits = False
        # Looked for again and again, since waiting in the server could not be interrupted by Ctrl-C.
        while True:
            cursor.execute("select pg_try_advisory_lock(%s), pg_backend_pid()", (number,))
            is_ours, pid = cursor.fetchone()
            if is_ours:
                return int(pid)
            if not waits:
                when_waiting()
                waits = True
            time.sleep(_LOOK_AGAIN_SECONDS)
            every_look()


def holder(connection: "Connection", number: int) -> "tuple[int, datetime] | None":
    """The backend that holds the lock of that number in this database, and since when it is connected; None when nobody does."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            select l.pid, a.backend_start
            from pg_locks l join pg_stat_activity a using (pid)
            where l.locktype = 'advisory' and l.granted and l.objsubid = 1 and l.classid = %s and l.objid = %s
                and l.database = (select oid from pg_database where datname = current_database())
            """,
            (number >> 32, number & 0xFFFFFFFF),
        )
        row: tuple[int, datetime] | None = cursor.fetchone()
    return row
