"""Folders of object storage that need not be listed again for now: their day is long over, and all that was in them is loaded.

So a load lists the last days, not the years before. What comes late into an old folder is found a day later at most, since
a folder counts as settled for a day only, or at once by a load that is told to list all (`velib load --relist`). A kill
loses no more than the part that was under way: the next load goes on behind the folders that were noted.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from psycopg2.extras import execute_values

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

# After its day a folder may still be filled: by a zone far from UTC, by a collector that catches up.
_OPEN = timedelta(days=2)
_LISTED_AGAIN = "interval '1 day'"
_DATE = re.compile(r"/date=([0-9]{4}-[0-9]{2}-[0-9]{2})/$")


def folders(connection: Connection, read_as: str) -> frozenset[str]:
    """The folders, as URLs with a slash at the end, that a load with these options passes over."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"select folder from raw.settled_folders where read_as = %s and settled_at > now() - {_LISTED_AGAIN}",
            (read_as,),
        )
        return frozenset(folder for (folder,) in cursor)


def remember(
    connection: Connection,
    listed: Sequence[str],
    out_of_reach: Collection[str],
    read_as: str,
    now: datetime | None = None,
) -> None:
    """Note of the folders, all of whose files were dealt with, those long over: without a file that is to be tried again."""
    today = (now or datetime.now(UTC)).date()
    over = [
        folder
        for folder in listed
        if _is_over(folder, today) and not any(path.startswith(folder) for path in out_of_reach)
    ]
    if not over:
        return
    with connection.cursor() as cursor:
        execute_values(
            cursor,
            """
            insert into raw.settled_folders (folder, read_as, settled_at) values %s
            on conflict (folder) do update set read_as = excluded.read_as, settled_at = excluded.settled_at
            """,
            [(folder, read_as) for folder in over],
            template="(%s, %s, now())",
        )


def _is_over(folder: str, today: date) -> bool:
    named = _DATE.search(folder)
    try:
        return named is not None and date.fromisoformat(named[1]) + _OPEN < today
    except ValueError:  # no day of any month
        return False
