"""Row counts and column schemas of tables as Dagster metadata, from PostgreSQL's catalog: about a millisecond a table.

dagster-dbt could fetch both itself, but it counts the rows of every table, which reads the whole of each. Here what is cheap to
count is counted, and the rest is the planner's estimate.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from orchestration.lib.plots import trips_by_day

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

# In the planner's units. A table of a million rows costs some 20,000; counting it takes about 50 ms.
COUNT_UP_TO_COST = 20_000

_PLOTTED = {"kpi_trips_daily": trips_by_day}

_RELATION = """
    select c.oid::regclass::text, c.relkind in ('r', 'p')
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = %s and c.relname = %s
"""
_COLUMNS = """
    select attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum), not attnotnull
    from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum
"""


def describe(
    connection: "Connection",
    schema: str,
    table: str,
    descriptions: Mapping[str, str] | None = None,
    count_views: bool = False,
) -> dict[str, Any]:
    """What is known of a table or view; nothing where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_RELATION, (schema, table))
        found = cursor.fetchone()
        if found is None:
            return {}
        name, is_table = found
        cursor.execute(_COLUMNS, (name,))
        columns = [
            dg.TableColumn(
                column,
                data_type,
                description=comment or (descriptions or {}).get(column) or None,
                constraints=dg.TableColumnConstraints(nullable=nullable),
            )
            for column, data_type, comment, nullable in cursor.fetchall()
        ]
        metadata: dict[str, Any] = {"dagster/column_schema": dg.TableSchema(columns)}
        if is_table or count_views:
            metadata |= _row_count(cursor, name)
    return metadata


def _row_count(cursor: Any, name: str) -> dict[str, Any]:
    # Better than pg_class.reltuples: scaled to the table's present size, and there before any ANALYZE.
    cursor.execute(f"explain (format json) select from {name}")
    plan = cursor.fetchone()[0][0]["Plan"]
    if plan["Total Cost"] > COUNT_UP_TO_COST:
        return {"dagster/row_count": int(plan["Plan Rows"]), "row_count_is_estimated": True}
    cursor.execute(f"select count(*) from {name}")
    return {"dagster/row_count": cursor.fetchone()[0]}


def with_table_metadata(events: Iterable[Any], connection: "Connection", manifest: Mapping[str, Any]) -> Iterator[Any]:
    """dagster-dbt's events, with what `describe` says added to those of built tables and views."""
    for event in events:
        node = _node(event, manifest)
        if node is None:
            yield event
            continue
        descriptions = {column["name"]: column["description"] for column in node["columns"].values()}
        # The mart's views are plain ones; those of compat unfold every snapshot, and the planner has no idea how far.
        count_views = node["schema"] == "mart"
        found = describe(connection, node["schema"], node["alias"], descriptions, count_views)
        if node["alias"] in _PLOTTED:
            found |= _PLOTTED[node["alias"]](connection)
        yield event.with_metadata({**event.metadata, **found})


def _node(event: Any, manifest: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if not isinstance(event, dg.Output | dg.AssetMaterialization) or "unique_id" not in event.metadata:
        return None
    node: Mapping[str, Any] | None = manifest["nodes"].get(event.metadata["unique_id"].value)
    return node
