"""What the database says of itself: sizes, and how much it has written."""

from __future__ import annotations

from contextlib import closing
from typing import Any, NamedTuple

from velib.postgres.database import connect

_TABLES = """
select
    n.nspname || '.' || c.relname, pg_table_size(c.oid), pg_indexes_size(c.oid), c.reltuples::bigint,
    coalesce((
        select jsonb_object_agg(i.indexrelid::regclass, pg_relation_size(i.indexrelid))
        from pg_index i where i.indrelid = c.oid
    ), '{}')
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'm') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
order by pg_total_relation_size(c.oid) desc
"""


class Table(NamedTuple):
    """A table of the warehouse, its toast with it."""

    name: str
    table_bytes: int
    index_bytes: int
    rows: int
    indexes: dict[str, int]


def rows(query: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    """What a query answers, from the warehouse at hand."""
    with closing(connect("velib bench", autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall()


def tables() -> list[Table]:
    """Every table, the largest first."""
    return [Table(*row) for row in rows(_TABLES)]


def snapshots() -> int:
    return int(rows("select count(*) from raw.snapshots")[0][0])


class Written(NamedTuple):
    """How far the write-ahead log and the database's files are."""

    wal: int
    files: int

    @classmethod
    def now(cls) -> Written:
        return cls(*rows("select pg_current_wal_lsn() - '0/0', pg_database_size(current_database())")[0])

    def since(self, before: Written) -> Written:
        return Written(int(self.wal - before.wal), int(self.files - before.files))


def checkpoint() -> None:
    """Bring all that was written to the files, as happens every quarter of an hour."""
    with closing(connect("velib bench", autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute("checkpoint")
