"""Values that come from outside: times, texts, numbers of the columns' types. Whatever passes here, PostgreSQL can compare."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, TypeAdapter

from velib.api.contracts import KINDS, Column

# In a URL `+` is a space, and `…T08:30:00+02:00` is what everybody types.
_PLUS_LOST = re.compile(r"(?<=\d) (?=\d{2}:?\d{2}$)")
_FIRST, _LAST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _with_plus(value: Any) -> Any:
    return _PLUS_LOST.sub("+", value) if isinstance(value, str) else value


def _within_reason(moment: datetime) -> datetime:
    try:
        found = moment.astimezone(UTC)
    except OverflowError:
        found = _LAST
    if not _FIRST <= found < _LAST:
        raise ValueError("no bike was shared then: years from 1990 to 2199")
    return found


def _day_within_reason(day: date) -> date:
    if not _FIRST.year <= day.year < _LAST.year:
        raise ValueError("no bike was shared then: years from 1990 to 2199")
    return day


Moment = Annotated[AwareDatetime, BeforeValidator(_with_plus), AfterValidator(_within_reason)]
Day = Annotated[date, AfterValidator(_day_within_reason)]
# PostgreSQL stores no NUL, and no natural key is longer.
Text = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00]+$")]
# What people may say of a station.
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=10_000)]

_TYPES: dict[type, Any] = {str: Text, bool: bool, date: Day, datetime: Moment, UUID: UUID}
_EXACT: dict[str, Any] = {"real": Annotated[float, Field(allow_inf_nan=False, ge=-3e38, le=3e38)]}


def type_of(data_type: str) -> Any:
    """The annotation that reads a value of a column of this type."""
    python, limit = KINDS[data_type]
    if limit is not None:
        return Annotated[int, Field(ge=-limit, le=limit - 1)]
    if python is float:
        return _EXACT.get(data_type, Annotated[float, Field(allow_inf_nan=False)])
    return _TYPES[python]


_ADAPTERS: dict[str, TypeAdapter[Any]] = {data_type: TypeAdapter(type_of(data_type)) for data_type in KINDS}


def read(column: Column, text: Any) -> Any:
    """A value of the column's type, from a query or a cursor. ValueError where it is none."""
    return _ADAPTERS[column.data_type].validate_python(text)
