"""SQL of a listing: conditions, order, the place to go on from. Identifiers come from the contracts, values are bound."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from velib.api.contracts import Column, Relation
from velib.api.problems import Problem, unusable
from velib.api.values import read

_OPERATORS = {"eq": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_NULLS = {"null": "is null", "notnull": "is not null"}
FILTER_PATTERN = r"^[a-z][a-z0-9_]*\.(?:(?:eq|ne|gt|gte|lt|lte)\..+|null|notnull)$"


@dataclass(frozen=True)
class Order:
    """One column that a listing is sorted by; nulls come last in either direction."""

    column: Column
    descending: bool = False

    def __str__(self) -> str:
        return (
            f"{self.column.name}{' desc' if self.descending else ''}{' nulls last' if self.column.is_nullable else ''}"
        )


class Conditions:
    """What rows have to be like, and the values that are bound for it."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.values: list[Any] = []

    def bind(self, value: Any, data_type: str) -> str:
        self.values.append(value)
        return f"${len(self.values)}::{data_type}"

    def add(self, condition: str) -> None:
        self.parts.append(condition)

    def compare(self, column: Column, operator: str, value: Any) -> None:
        self.add(f"{column.name} {operator} {self.bind(value, column.data_type)}")

    def any_of(self, column: Column, values: Sequence[Any]) -> None:
        if len(values) == 1:  # the planner knows more of one value than of a list
            self.compare(column, "=", values[0])
        else:
            self.add(f"{column.name} = any({self.bind(list(values), column.data_type + '[]')})")

    def expression(self, relation: Relation, text: str) -> None:
        """`column.operator.value`, as the parameter `filter` has it."""
        name, operator, *rest = text.split(".", 2)
        column = relation.by_name.get(name)
        if column is None:
            raise unusable("filter", f"there is no column {name[:60]!r} here")
        if operator in _NULLS and not rest:
            self.add(f"{name} {_NULLS[operator]}")
            return
        if operator not in _OPERATORS or not rest:
            raise unusable(
                "filter", "write column.operator.value, with eq, ne, gt, gte, lt, lte; or column.null, column.notnull"
            )
        try:
            value = read(column, rest[0])
        except ValidationError as error:
            raise unusable("filter", f"{name}: {error.errors()[0]['msg']}") from None
        self.compare(column, _OPERATORS[operator], value)

    def after(self, order: Sequence[Order], values: Sequence[Any]) -> None:
        """Only rows that come after the one with these values, by the order."""
        if len({each.descending for each in order}) == 1 and not any(each.column.is_nullable for each in order):
            # One comparison of rows: an index on the first of the columns is enough for it to begin at the right place.
            names = ", ".join(each.column.name for each in order)
            places = ", ".join(
                self.bind(value, each.column.data_type) for each, value in zip(order, values, strict=True)
            )
            self.add(f"({names}) {'<' if order[0].descending else '>'} ({places})")
            return
        # Nothing comes after a null at the end, so nothing is asked of it: and what is bound has to be used.
        last = max((place for place, value in enumerate(values) if value is not None), default=-1)
        order, values = order[: last + 1], values[: last + 1]
        if not order:
            self.add("false")
            return
        places_by_column = [self.bind(value, each.column.data_type) for each, value in zip(order, values, strict=True)]
        ways: list[str] = []
        same: list[str] = []
        for each, value, place in zip(order, values, places_by_column, strict=True):
            beyond = _beyond(each, value, place)
            if beyond:
                ways.append(" and ".join([*same, beyond]))
            same.append(
                f"{each.column.name} is not distinct from {place}"
                if each.column.is_nullable
                else f"{each.column.name} = {place}"
            )
        first = order[0]
        if not first.column.is_nullable:  # what an index can begin with
            self.add(f"{first.column.name} {'<=' if first.descending else '>='} {places_by_column[0]}")
        self.add("(" + " or ".join(f"({way})" for way in ways) + ")")

    def __str__(self) -> str:
        return " and ".join(self.parts) or "true"


def _beyond(order: Order, value: Any, place: str) -> str | None:
    """The condition that a row comes after one with this value, by this column alone; None where nothing does."""
    if value is None:
        return None
    comparison = f"{order.column.name} {'<' if order.descending else '>'} {place}"
    return f"({comparison} or {order.column.name} is null)" if order.column.is_nullable else comparison


def sorting(relation: Relation, text: str | None, default: Sequence[Order], most: int = 4) -> tuple[Order, ...]:
    """What `sort` names, then the rest of the key, so that every row has its place."""
    named: list[Order] = []
    for each in text.split(",") if text else []:
        name = each.strip().removeprefix("-")
        column = relation.by_name.get(name)
        if column is None:
            raise unusable("sort", f"there is no column {name[:60]!r} here")
        if name == "valid_to":
            raise unusable("sort", "sort by valid_from instead")
        if name in {order.column.name for order in named}:
            raise unusable("sort", f"{name} stands there twice")
        named.append(Order(column, each.strip().startswith("-")))
    if len(named) > most:
        raise unusable("sort", f"at most {most} columns")
    if not named:
        return tuple(default)
    # In the direction of the last one named: an index can then be followed to the end of the key.
    rest = [name for name in relation.key if name not in {order.column.name for order in named}]
    return (*named, *(Order(relation[name], named[-1].descending) for name in rest))


def values_at(order: Sequence[Order], given: Sequence[Any]) -> list[Any]:
    """A cursor's values, of the types of the columns. Raises a Problem for others."""
    found: list[Any] = []
    for each, value in zip(order, given, strict=True):
        if value is None and each.column.is_nullable:
            found.append(None)
            continue
        try:
            found.append(read(each.column, value))
        except ValidationError:
            raise Problem(422, "cursor: its values are not of this listing") from None
    return found


def select(
    columns: Sequence[Column], extra: Sequence[str], table: str, conditions: Conditions, order: Sequence[Order]
) -> str:
    names = ", ".join([*(column.selected for column in columns), *extra])
    # The table has a name of its own in the order: a column as it is stored, not as it is selected.
    return f"select {names} from {table} as listed where {conditions} order by {', '.join(f'listed.{each}' for each in order)}"
