"""What `velib load`, `velib build` and `velib demo` have made without Dagster: assets that are there all the same."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from orchestration.lib.table_metadata import describe

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

_LATEST_BUILD = """
    select invocation_id, ended_at from intermediate.builds where has_succeeded order by ended_at desc limit 1
"""


def latest_build(connection: "Connection") -> tuple[str, float] | None:
    """The latest build that succeeded, whoever made it: what it is called, and when it ended."""
    with connection.cursor() as cursor:
        cursor.execute("select to_regclass('intermediate.builds') is not null")
        if cursor.fetchone() != (True,):
            return None
        cursor.execute(_LATEST_BUILD)
        found = cursor.fetchone()
    return None if found is None else (str(found[0]), found[1].timestamp())


def events(
    connection: "Connection", instance: dg.DagsterInstance, keys: Sequence[dg.AssetKey], built_at: float
) -> list[dg.AssetMaterialization]:
    """Of the tables and views among these that are there and of which Dagster has never heard."""
    found, known = [], instance.get_latest_materialization_events([*keys])
    for key in keys:
        schema, table = key.path
        if known.get(key) is None and (metadata := describe(connection, schema, table)):
            metadata |= {"by": "velib, outside of Dagster", "built_at": dg.MetadataValue.timestamp(built_at)}
            found.append(dg.AssetMaterialization(key, metadata=metadata))
    return found
