"""The database looked at and stalled from outside: who waits for which table, what all of the mart says."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from velib.postgres.connections import connect_to

# Ours: cutting off everybody leaves it out.
APPLICATION = "velib tests"


class Database:
    """A connection that commits by itself."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection = connect_to(url, APPLICATION)
        self.connection.autocommit = True

    def close(self) -> None:
        self.connection.close()

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(query, parameters or None)
            return list(cursor.fetchall()) if cursor.description is not None else []

    def value(self, query: str, *parameters: Any) -> Any:
        return self.rows(query, *parameters)[0][0]

    @contextlib.contextmanager
    def locked(self, table: str) -> Iterator[None]:
        """Whoever writes into the table or alters it waits; whoever reads it, or makes an index on it, does not."""
        with contextlib.closing(connect_to(self.url, APPLICATION)) as connection, connection.cursor() as cursor:
            cursor.execute(f"lock table {table} in share mode")
            yield

    def awaited(self, table: str) -> bool:
        """Whether somebody waits for a lock on this table."""
        return bool(self.rows("select from pg_locks where not granted and relation = to_regclass(%s) limit 1", table))

    def cut(self, *applications: str) -> int:
        """Cut the connections of these applications, by default of all but the tests; how many there were."""
        return len(
            self.rows(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
                " and backend_type = 'client backend' and case when %s = '{}'::text[] then application_name <> %s"
                " else application_name = any(%s) end",
                list(applications),
                APPLICATION,
                list(applications),
            )
        )

    def mart(self) -> dict[str, list[str]]:
        """Every row of every table and view that users see, and of the incremental tables behind them.

        Without fct_builds, fct_refresh and kpi_refresh_now: when something was built is another thing with each history.
        """
        tables = self.rows(
            """
            select format('%%I.%%I', schemaname, name)
            from (
                select schemaname, tablename as name from pg_tables where schemaname = 'mart'
                union all
                select schemaname, viewname from pg_views where schemaname = 'mart'
                union all
                select 'intermediate', unnest(%s)
            ) as found
            where name not in ('fct_builds', 'fct_refresh', 'kpi_refresh_now')
            order by 1
            """,
            ["int_snapshots", "int_station_status", "int_station_attributes", "int_station_history"],
        )
        return {
            table: sorted(
                row
                for (row,) in self.rows(
                    f"select (to_jsonb(r) - %s)::text from {table} as r", ["change_set_id", "is_rewritten"]
                )
            )
            for (table,) in tables
        }


def assert_same_mart(one: dict[str, list[str]], other: dict[str, list[str]], what: str) -> None:
    assert one.keys() == other.keys()
    for table, rows in one.items():
        expected = other[table]
        assert rows == expected, (
            f"{table} differs from {what}: {sorted(set(rows) - set(expected))[:2]} only here, "
            f"{sorted(set(expected) - set(rows))[:2]} only there, {len(rows)} rows and {len(expected)}"
        )
