"""What answers look like: Pydantic models, made of the contracts for what is a relation of the mart, written out for the rest."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from velib.api.contracts import Column, Relation
from velib.api.values import Day, Moment

_STRICT = ConfigDict(extra="forbid")


def field_of(column: Column) -> tuple[Any, Any]:
    """A column as a field that is always there, and null where the contract allows it."""
    annotation = column.python | None if column.may_be_absent else column.python
    description = column.description
    if column.name == "valid_to":
        description = "Where it ends; null for what has not ended."
    return annotation, Field(description=description)


def row_model(name: str, relation: Relation, columns: Sequence[Column] | None = None) -> type[BaseModel]:
    """`columns`: where more than the relation's own are answered."""
    fields: dict[str, Any] = {column.name: field_of(column) for column in columns or relation.columns}
    return create_model(name, __config__=_STRICT, __doc__=relation.description, **fields)


class Period(BaseModel):
    """The period that an answer is of."""

    model_config = _STRICT

    begin: Moment | Day | None = Field(description="From here on, as `from` said or by default.")
    end: Moment | Day | None = Field(description="Up to here and no further, as `to` said; null: to the newest.")


def page_model(name: str, row: type[BaseModel], has_period: bool) -> type[BaseModel]:
    fields: dict[str, Any] = {
        "data": (list[row], Field(description="The rows, in their order.")),  # type: ignore[valid-type]
        "next_cursor": (
            str | None,
            Field(
                description="Give it as `cursor` to go on after these rows; null at the end. Also in the header Link."
            ),
        ),
    }
    if has_period:
        fields["period"] = (Period, Field(description="The period that the rows are of."))
    return create_model(name, __config__=_STRICT, **fields)
