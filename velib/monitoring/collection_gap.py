"""From when on a pause between two snapshots is a collection gap: for status and alerts, which must not differ from the marts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from velib.core.dbt_vars import var

# A row of an older version of the project may lack the column.
_BUILT_WITH = """
select cast(cast(to_jsonb(built) ->> 'vars_fingerprint' as jsonb) ->> 'gap_seconds' as double precision)
from intermediate.build_watermarks as built
where built.model_name = 'int_snapshots'
"""


def gap_of_marts(cursor: Any) -> timedelta:
    """dbt's var gap_seconds, as the marts were built with it; before there are any, as dbt_project.yml says it."""
    cursor.execute("select to_regclass('intermediate.build_watermarks') is not null")
    if cursor.fetchone() == (True,):
        cursor.execute(_BUILT_WITH)
        built = cursor.fetchone()
        if built is not None and built[0] is not None:
            return timedelta(seconds=built[0])
    return timedelta(seconds=float(var("gap_seconds")))
