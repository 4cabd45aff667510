"""Tables kept aside and held against what is there later, row by row, and to which case a row belongs."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from prove.case import Case

KEPT = "kept"
# What is not for users and yet kept from build to build: a difference here would come out in the mart some day.
INTERMEDIATE = (
    "int_station_status",
    "int_station_absences",
    "int_station_attributes",
    "int_station_history",
    "int_movement_sums",
)


# Not a function of the files but a record of when they were built: no two histories have the same.
RECORDS = ("fct_builds", "fct_refresh", "kpi_refresh_now")
RECORD_COLUMNS = {"kpi_collection_daily": ("refreshes", "refresh_seconds_mean", "refresh_seconds_p95")}


class Difference(NamedTuple):
    """A row that only one side has. `case` is None where it belongs to none."""

    case: int | None
    table: str
    side: str
    row: str


def tables(cursor: Any) -> list[str]:
    """Every table and view of the mart but its records, and the intermediate ones that grow."""
    cursor.execute("select table_name from information_schema.tables where table_schema = 'mart' order by 1")
    mart = [f"mart.{name}" for (name,) in cursor if name not in RECORDS]
    return [*mart, *(f"intermediate.{name}" for name in INTERMEDIATE)]


def keep(cursor: Any) -> None:
    """Put all of them aside."""
    cursor.execute(f"drop schema if exists {KEPT} cascade; create schema {KEPT}")
    for table in tables(cursor):
        cursor.execute(f"create table {KEPT}.{table.partition('.')[2]} as {_rows(table)}")
    cursor.connection.commit()


def differences(cursor: Any, owners: Mapping[str, int], there: str) -> list[Difference]:
    """What of the tables is not as it was kept, in both directions."""
    found: list[Difference] = []
    for table in tables(cursor):
        kept, now = f"{KEPT}.{table.partition('.')[2]}", f"({_rows(table)})"
        for side, one, other in (("this history", f"table {kept}", now), (there, now, f"table {kept}")):
            cursor.execute(f"{one} except all {other}")
            found += [Difference(_case(row, owners), table, side, row) for (row,) in cursor]
    cursor.connection.commit()
    return found


def _rows(table: str) -> str:
    """A query for its rows as text, without what is a record."""
    left_out = ",".join(RECORD_COLUMNS.get(table.partition(".")[2], ()))
    return f"select (to_jsonb(t) - '{{{left_out}}}'::text[])::text as row from {table} t"


def owners_of(cases: Iterable[Case]) -> dict[str, int]:
    """The case of each feed, station and bike."""
    owners: dict[str, int] = {}
    for case in cases:
        for name in (case.feed, *case.codes, *case.bike_ids):
            owners.setdefault(name, case.number)
    return owners


def _case(row: str, owners: Mapping[str, int]) -> int | None:
    values = json.loads(row)
    for column in ("feed", "station_code", "bike_id"):
        if values.get(column) in owners:
            return owners[values[column]]
    return None


def report(found: Sequence[Difference], most_cases: int = 4, most_rows: int = 6) -> str:
    """The differences by case, the first few of each."""
    by_case: dict[int | None, list[Difference]] = defaultdict(list)
    for each in found:
        by_case[each.case].append(each)
    lines = []
    for case, mine in sorted(by_case.items(), key=lambda item: (item[0] is None, item[0] or 0))[:most_cases]:
        touched = sorted({each.table for each in mine})
        lines.append(f"case {case}: {len(mine)} rows differ in {', '.join(touched)}")
        lines += [f"  {each.table}, only in {each.side}: {each.row}" for each in mine[:most_rows]]
    if len(by_case) > most_cases:
        lines.append(f"… and {len(by_case) - most_cases} cases more: {sorted(c for c in by_case if c is not None)}")
    return "\n".join(lines)
