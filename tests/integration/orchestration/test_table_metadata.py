"""Row counts and column schemas from PostgreSQL's catalog: counted where that is cheap, estimated where it is not."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from orchestration.lib import table_metadata
from velib.postgres.connections import connect_to


@pytest.fixture
def connection(fresh_database: str) -> Iterator[Any]:
    with contextlib.closing(connect_to(fresh_database, "velib tests")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(
                """
                create table stays as select n as stay, n::text as "Bike" from generate_series(1, 5000) as n;
                alter table stays alter column stay set not null;
                comment on column stays.stay is 'Its number.';
                create view all_stays as select * from stays;
                """
            )
        yield connection


def test_a_small_table_is_counted(connection: Any) -> None:
    found = table_metadata.describe(connection, "public", "stays", {"Bike": "The bike."})
    assert found.keys() == {"dagster/row_count", "dagster/column_schema"}
    assert found["dagster/row_count"] == 5000
    stay, bike = found["dagster/column_schema"].columns
    assert (stay.name, stay.type, stay.description, stay.constraints.nullable) == (
        "stay",
        "integer",
        "Its number.",
        False,
    )
    assert (bike.name, bike.type, bike.description, bike.constraints.nullable) == ("Bike", "text", "The bike.", True)


def test_a_large_table_is_estimated_and_says_so(connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_metadata, "COUNT_UP_TO_COST", 1)
    with connection.cursor() as cursor:
        cursor.execute("analyze stays")
    found = table_metadata.describe(connection, "public", "stays")
    assert found["row_count_is_estimated"]
    assert found["dagster/row_count"] == pytest.approx(5000, rel=0.1)


def test_views_are_counted_only_when_asked_for(connection: Any) -> None:
    assert "dagster/row_count" not in table_metadata.describe(connection, "public", "all_stays")
    assert table_metadata.describe(connection, "public", "all_stays", count_views=True)["dagster/row_count"] == 5000


def test_of_what_is_not_there_nothing_is_said(connection: Any) -> None:
    assert table_metadata.describe(connection, "public", "rides") == {}
