"""Removing what dead loads left in the raw schema: rows that count for nothing and only take room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ingestion.capture.arrow_tables import TABLES
from ingestion.loading import catalog, raw_schema

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

# Loads exclude each other, so the ids between a load's first and the next one's are its own. One that was cleaned is looked at
# again: the server may have committed its last statement after that.
_DEAD = """
select load_id, first_change_set_id, next_load_id
from (
    select *, lead(first_change_set_id) over (order by first_change_set_id) as next_load_id from raw.loads
) as l
where completed_at is null
"""


@dataclass(frozen=True)
class Cleaned:
    """How many loads had left rows, and how many rows of each table are gone."""

    loads: int = 0
    rows: dict[str, int] = field(default_factory=dict)


def clean(connection: Connection, on_wait: Callable[[], None] | None = None) -> Cleaned:
    """Remove the rows of loads that never came to an end. `connection` must be in autocommit mode.

    Holds the load lock: whatever is not complete then is dead. `on_wait` is called once where a load has to be waited for.
    """
    raw_schema.ensure(connection)
    loads = 0
    rows = dict.fromkeys(TABLES, 0)
    with catalog.exclusive(connection, on_wait), connection.cursor() as cursor:
        cursor.execute(_DEAD)
        for load_id, first, next_first in cursor.fetchall():
            removed = 0
            with catalog.transaction(connection):
                for table in TABLES:
                    cursor.execute(
                        f"delete from raw.{table} where change_set_id >= %s and change_set_id < coalesce(%s, 2147483647)",
                        (first, next_first),
                    )
                    rows[table] += cursor.rowcount
                    removed += cursor.rowcount
                cursor.execute("update raw.loads set cleaned_at = now() where load_id = %s", (load_id,))
            loads += removed > 0
    return Cleaned(loads, rows)
