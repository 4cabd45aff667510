"""The relations of the schema mart as their contracts state them: columns, types, descriptions, keys.

Read from the dbt project's YAML when the API starts, so a new model answers without a line of code here.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from velib.core import settings

SCHEMA = "mart"


class Kind(NamedTuple):
    """What a PostgreSQL type is in Python, and how large a whole number may be."""

    python: type
    limit: int | None = None


KINDS: dict[str, Kind] = {
    "text": Kind(str),
    "boolean": Kind(bool),
    "smallint": Kind(int, 2**15),
    "integer": Kind(int, 2**31),
    "bigint": Kind(int, 2**63),
    "real": Kind(float),
    "double precision": Kind(float),
    "date": Kind(date),
    "timestamp with time zone": Kind(datetime),
    "uuid": Kind(UUID),
}


def ended(relation: str = "") -> str:
    """When an interval ended, as SQL. In answers what has not ended ends at null; the mart has a date far away."""
    return f"case when not {relation}is_current then {relation}valid_to end"


@dataclass(frozen=True)
class Column:
    name: str
    data_type: str
    description: str
    is_nullable: bool

    @property
    def python(self) -> type:
        return KINDS[self.data_type].python

    @property
    def selected(self) -> str:
        """How it is asked for."""
        if self.name == "valid_to":
            return f"{ended()} as valid_to"
        if self.data_type == "uuid":
            return f"{self.name}::text as {self.name}"
        if self.data_type == "real":  # the shortest number that is it, as PostgreSQL shows it
            return f"{self.name}::text::double precision as {self.name}"
        return self.name

    @property
    def may_be_absent(self) -> bool:
        """In an answer."""
        return self.is_nullable or self.name == "valid_to"


@dataclass(frozen=True)
class Relation:
    """A table or view of the mart. `key` identifies a row; columns of it may be null where the contract does not say otherwise."""

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    # What it is read from, where that is no table of the mart.
    source: str | None = None

    @property
    def table(self) -> str:
        return self.source or f"{SCHEMA}.{self.name}"

    @cached_property
    def by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    def __getitem__(self, name: str) -> Column:
        return self.by_name[name]


class Contracts:
    """All relations of the mart, by name."""

    def __init__(self, relations: dict[str, Relation]) -> None:
        self.relations = relations
        # Answers are kept by it too: they change when the contracts do.
        self.fingerprint = hashlib.blake2b(repr(sorted(relations.items())).encode(), digest_size=8).hexdigest()

    def __getitem__(self, name: str) -> Relation:
        return self.relations[name]

    def kpis(self) -> list[Relation]:
        return [relation for name, relation in sorted(self.relations.items()) if name.startswith("kpi_")]


def read(folder: Path | None = None) -> Contracts:
    """The contracts in `folder`, by default those of the project."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    relations = {}
    for page in sorted((folder or settings.dbt_project() / "models" / SCHEMA).rglob("*.yml")):
        for model in yaml.load(page.read_text(encoding="utf-8"), Loader=loader).get("models", []):  # noqa: S506
            relation = _relation(model)
            relations[relation.name] = relation
    return Contracts(relations)


def _relation(model: dict[str, Any]) -> Relation:
    tests = dict(_tests(model))
    columns = tuple(
        Column(
            name=column["name"],
            data_type=column["data_type"],
            description=" ".join(column.get("description", "").split()),
            is_nullable=column["name"] not in tests.get("not_null_columns", ())
            and not any(constraint["type"] == "not_null" for constraint in column.get("constraints", [])),
        )
        for column in model["columns"]
    )
    key = tests.get("unique_columns") or tuple(column.name for column in columns)
    return Relation(model["name"], " ".join(model["description"].split()), columns, tuple(key))


def _tests(model: dict[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The columns that each data test is about; of several of one name the first, which is the key's."""
    seen = set()
    for test in model.get("data_tests", []):
        for name, told in test.items():
            columns = (told.get("arguments") or {}).get("columns") if isinstance(told, dict) else None
            if columns and name not in seen:
                seen.add(name)
                yield name, tuple(columns)
