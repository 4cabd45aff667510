"""Stand-ins for what dbt alone can say, for sqlfluff's jinja templater: it needs no database that way.

Only the shape of the SQL matters here: a stand-in has to give an expression where dbt gives one, a query where dbt gives a query.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

_TEXTS = {
    "computed_once": "offset 0",
    "days_between": "select first_day as date_day from series",
    "numbers_between": "select series.number from series",
}


def _dispatch(name: str, package: str) -> Callable[..., str]:
    return lambda *arguments: _TEXTS.get(name, f"{name}({', '.join(str(argument) for argument in arguments)})")


def _list_of(macro: str) -> list[str]:
    """The list that a macro of macros/figures/station_columns.sql returns: a jinja macro alone could only return text."""
    text = next((Path(__file__).parents[1] / "macros").rglob("station_columns.sql")).read_text()
    body = text.partition(f"macro {macro}()")[2].partition("{% endmacro %}")[0]
    return [part for part in body.partition("[")[2].partition("]")[0].split("'") if part.strip(" ,\n")]


def station_status_columns() -> list[str]:
    return _list_of("station_status_columns")


def station_attribute_columns() -> list[str]:
    return _list_of("station_attribute_columns")


def station_hour_sums() -> list[str]:
    return _list_of("station_hour_sums")


def station_fill_sums() -> list[str]:
    return station_hour_sums()[:10]


def station_ride_sums() -> list[str]:
    return station_hour_sums()[10:]


def station_hour_models() -> list[str]:
    return _list_of("station_hour_models")


def changes_since(model_name: str, applied: int) -> str:
    return f"{model_name}_changes"


def columns_of(relation: str, columns: list[str]) -> str:
    return ",\n        ".join(f"{relation}.{column}" for column in columns)


def is_built(model_name: str) -> bool:
    return True


def applied_through(model_name: str) -> int:
    return 0


def changes_since_applied(model_name: str) -> str:
    return f"{model_name}_changes"


def corrections_by_key(entity: str, key: str) -> str:
    return f"select corrections.key as {key} from stg_corrections as corrections where corrections.entity = '{entity}'"


def corrected(column: str, told: str = "told") -> str:
    return f"case when corrected.of_{column} then corrected.{column} else {told}.{column} end"


adapter = SimpleNamespace(dispatch=_dispatch)
graph = SimpleNamespace(nodes={})
execute = False
