"""What the integration tests share beside a database: the raw schema, a folder to load from, a cursor."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.register_assert_rewrite("raw")  # Raw.check tells what differs

from raw import Raw  # noqa: E402

from velib.core import settings  # noqa: E402
from velib.postgres.connections import connect_to  # noqa: E402


@pytest.fixture
def raw(fresh_database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Raw]:
    monkeypatch.setenv(settings.HOME, str(tmp_path / "home"))
    found = Raw(fresh_database)
    yield found
    found.connection.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def cursor(fresh_database: str) -> Iterator[Any]:
    with contextlib.closing(connect_to(fresh_database, "velib tests")) as connection:
        connection.autocommit = True
        with connection.cursor() as opened:
            yield opened
