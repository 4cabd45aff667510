"""A listing of a relation of the mart: its parameters, its pages, its streams. Every endpoint that gives rows goes through here.

The parameters follow from the contract: one for each column of text or truth, `from` and `to` for the column of time, `filter` for
any column, `sort`, `limit`, `cursor`, `format`.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

import asyncpg
from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from starlette.types import Receive, Scope, Send

from velib.api import cursors, formats
from velib.api.answers import answer
from velib.api.beside import Beside, widened, with_columns
from velib.api.contracts import Column, Relation
from velib.api.freshness import NOT_OF_BUILDS, Freshness
from velib.api.problems import unusable
from velib.api.query import FILTER_PATTERN, Conditions, Order, select, sorting, values_at
from velib.api.state import State, state_of
from velib.api.values import Day, Moment, Text, read

PAGE = 100
LARGEST_PAGE = 1_000
LARGEST_STREAM = 1_000_000


@dataclass(frozen=True)
class Time:
    """The column that `from` and `to` are about, and how long a period may be.

    `default_days`: without `from` the period begins so long before the newest snapshot (`aligned`: at the begin of its month or
    week); None: it has no begin. `most_days` counts for the whole network, `most_days_of_one` for one station, bike or district.
    """

    column: Column
    default_days: int | None = None
    aligned: str | None = None
    most_days: int = 366
    most_days_of_one: int = 366
    # Intervals lie in a period that they overlap; `end` is then where they end.
    end: Column | None = None

    @property
    def is_day(self) -> bool:
        return self.column.data_type == "date"


@dataclass(frozen=True)
class Listing:
    """What can be listed, and how. `fixed` names columns whose value the path gives: they are no parameters."""

    relation: Relation
    default_order: tuple[Order, ...]
    time: Time | None = None
    fixed: tuple[str, ...] = ()
    # `q`: stations by a part of their name.
    is_searched: bool = False
    beside: tuple[Beside, ...] = ()
    # What a build does not decide is asked for each time, and kept by nobody.
    is_of_builds: bool = True
    # Where a period is no must: sorting by anything but time then is of a whole relation, and of a large one nobody waits for it.
    sorts_whole: bool = True
    _parameters: type[BaseModel] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_parameters", _parameters(self))

    @property
    def columns(self) -> tuple[Column, ...]:
        """Those of an answer: the relation's, and what stands beside them."""
        return with_columns(self.relation.columns, self.beside)

    @property
    def parameters(self) -> Any:
        """The annotation of an endpoint's argument."""
        return Annotated[self._parameters, Query()]

    @property
    def choices(self) -> list[Column]:
        """The columns that have a parameter of their own."""
        return [
            column
            for column in self.relation.columns
            if column.data_type in ("text", "boolean", "uuid") and column.name not in self.fixed
        ]


def _parameters(listing: Listing) -> type[BaseModel]:
    relation, time = listing.relation, listing.time
    fields: dict[str, Any] = {}
    for column in listing.choices:
        if column.data_type == "boolean":
            fields[column.name] = (bool | None, Field(default=None, description=column.description))
        else:
            fields[column.name] = (
                list[Text],
                Field(default=[], max_length=50, description=f"{column.description} Given several times: any of them."),
            )
    if listing.is_searched:
        fields["q"] = (
            Text | None,
            Field(
                default=None,
                description="Only stations whose `name` has each word of this somewhere in it, whatever its accents and case.",
            ),
        )
    if time is not None:
        kind = Day if time.is_day else Moment
        what = "that overlap the period" if time.end else f"whose `{time.column.name}` lies in the period"
        begin = f" By default {_default_in_words(time)}." if time.default_days is not None else ""
        fields["begin"] = (
            kind | None,
            Field(default=None, alias="from", description=f"Only rows {what}: from here on.{begin}"),
        )
        fields["end"] = (
            kind | None,
            Field(default=None, alias="to", description="Up to here, and not this moment itself."),
        )
    names = ", ".join(column.name for column in relation.columns)
    fields["filter"] = (
        list[Annotated[str, Field(max_length=200, pattern=FILTER_PATTERN)]],
        Field(
            default=[],
            max_length=10,
            description="`column.operator.value` with eq, ne, gt, gte, lt, lte, or `column.null`, `column.notnull`; given several "
            f"times, all hold. Columns: {names}.",
        ),
    )
    default = ",".join(("-" if each.descending else "") + each.column.name for each in listing.default_order)
    fields["sort"] = (
        Annotated[str, Field(max_length=200, pattern=r"^-?[a-z][a-z0-9_]*(,-?[a-z][a-z0-9_]*)*$")] | None,
        Field(
            default=None,
            description=f"Up to four columns with commas between, `-` before one turns it round. Default: `{default}`.",
        ),
    )
    fields["limit"] = (
        int,
        Field(
            default=PAGE,
            ge=1,
            le=LARGEST_STREAM,
            description=f"Rows at most: {LARGEST_PAGE:,} in JSON, up to {LARGEST_STREAM:,} in the others, which are streamed.",
        ),
    )
    fields["cursor"] = (
        Annotated[str, Field(max_length=cursors.MOST_CHARACTERS, min_length=1)] | None,
        Field(default=None, description="`next_cursor` of the answer before: the rows after it."),
    )
    fields["format"] = (
        formats.Name | None,
        Field(default=None, description="json, csv, arrow or parquet; goes before the header Accept."),
    )
    name = "".join(part.title() for part in relation.name.split("_"))
    return create_model(f"{name}Parameters{''.join(listing.fixed)}", __config__=ConfigDict(extra="forbid"), **fields)


def _default_in_words(time: Time) -> str:
    if time.aligned:
        return f"the begin of the newest {time.aligned}"
    return f"{time.default_days} days before the newest snapshot" if time.default_days else "the newest day"


# --- answering ----------------------------------------------------------------------------------------------------------


async def page(request: Request, listing: Listing, given: Any, fixed: dict[str, Any] | None = None) -> Response:
    """The answer to a request for a listing: a page, or a stream where more rows are wanted than a page may have."""
    state = state_of(request)
    form = formats.wanted(given.format, request.headers.get("accept"))
    if form is formats.JSON and given.limit > LARGEST_PAGE:
        raise unusable("limit", f"at most {LARGEST_PAGE} in JSON: ask for csv, arrow or parquet, or follow next_cursor")
    freshness = await state.watch.now() if listing.is_of_builds else NOT_OF_BUILDS
    found = None
    if listing.is_searched and given.q is not None:
        found = (await state.stations.names.of(freshness)).find(given.q)
    asked = _asked(listing, given, freshness, fixed or {}, found)
    if given.limit > LARGEST_PAGE:
        return await _stream(request, state, form, listing, asked, given.limit, freshness)

    async def body() -> tuple[bytes, dict[str, str]]:
        rows = await state.database.fetch(f"{asked.query} limit {given.limit + 1:d}", *asked.conditions.values)
        more = len(rows) > given.limit
        rows = rows[: given.limit]
        following = asked.cursor_after(rows[-1]) if more else None
        headers = _link(request, following)
        told_rows: Sequence[Any] = rows
        if listing.beside:
            told_rows = (await widened(state.stations, freshness, asked.columns, listing.beside))(rows)
        if form is not formats.JSON:
            return formats.write(form, listing.columns, told_rows), headers
        names = [column.name for column in listing.columns]
        told: dict[str, Any] = {
            "data": [dict(zip(names, row, strict=True)) for row in told_rows],
            "next_cursor": following,
        }
        if asked.period is not None:
            told["period"] = {"begin": asked.period[0], "end": asked.period[1]}
        return formats.as_json(told), headers

    return await answer(request, state, freshness, form, body)


@dataclass(frozen=True)
class _Asked:
    """A request for a listing, understood."""

    columns: tuple[Column, ...]
    conditions: Conditions
    order: tuple[Order, ...]
    table: str
    signed: str
    period: tuple[Any, Any] | None
    begin_by_default: Any

    @property
    def query(self) -> str:
        return select(self.columns, (), self.table, self.conditions, self.order)

    def cursor_after(self, row: Any) -> str:
        values = [row[each.column.name] for each in self.order]
        return cursors.encode(cursors.Cursor(values, self.begin_by_default), self.signed)


def _asked(
    listing: Listing, given: Any, freshness: Freshness, fixed: dict[str, Any], found: list[str] | None = None
) -> _Asked:
    """`found`: the stations that were searched for."""
    relation, conditions = listing.relation, Conditions()
    order = sorting(relation, given.sort, listing.default_order)
    signed = cursors.signature(
        relation.name,
        sorted(fixed.items()),
        given.model_dump(exclude={"limit", "cursor", "format"}),
        [str(each) for each in order],
    )
    cursor = cursors.decode(given.cursor, signed, len(order)) if given.cursor else None
    for name, value in fixed.items():
        conditions.compare(relation[name], "=", value)
    for column in listing.choices:
        wanted = getattr(given, column.name)
        if wanted is None or wanted == []:
            continue
        if column.data_type == "uuid":
            try:
                wanted = [read(column, each) for each in wanted]
            except ValidationError:
                raise unusable(column.name, "this is no UUID") from None
        conditions.any_of(column, wanted if isinstance(wanted, list) else [wanted])
    if found is not None:
        conditions.any_of(relation["station_code"], found)
    for expression in given.filter:
        conditions.expression(relation, expression)
    period, begin_by_default = None, None
    if listing.time is not None:
        period, begin_by_default = _period(listing, listing.time, given, freshness, cursor, fixed)
        _within(conditions, listing.time, *period)
        if not listing.sorts_whole and given.sort and order[0].column.name != listing.time.column.name:
            _only_of_a_period(listing, given, fixed)
    if cursor is not None:
        conditions.after(order, values_at(order, cursor.values))
    return _Asked(relation.columns, conditions, order, relation.table, signed, period, begin_by_default)


def _only_of_a_period(listing: Listing, given: Any, fixed: dict[str, Any]) -> None:
    if not _is_of_one(listing, given, fixed) and (given.begin is None or given.end is None):
        assert listing.time is not None
        raise unusable("sort", f"to sort all by anything but {listing.time.column.name}, say a period with from and to")


# What narrows a listing to one thing, whose rows are few.
_ONE = (
    "station_code",
    "bike_id",
    "district_code",
    "origin_station_code",
    "destination_station_code",
    "current_station_code",
)


def _is_of_one(listing: Listing, given: Any, fixed: dict[str, Any]) -> bool:
    return any(name in fixed or len(getattr(given, name, ())) == 1 for name in _ONE if name in listing.relation.by_name)


def _period(
    listing: Listing, time: Time, given: Any, freshness: Freshness, cursor: cursors.Cursor | None, fixed: dict[str, Any]
) -> tuple[tuple[Any, Any], Any]:
    """The begin and the end that count; and the begin once more, where nobody has said it, for the cursor to keep."""
    begin, end = given.begin, given.end
    if begin is not None and end is not None and begin >= end:
        raise unusable("from", "lies not before `to`")
    by_default = None
    if begin is None and time.default_days is not None:
        if cursor is not None:
            try:
                by_default = read(time.column, cursor.begin)
            except ValidationError:
                raise unusable("cursor", "this is no cursor: take `next_cursor` from an answer as it is") from None
        else:
            by_default = _default_begin(time, end, freshness)
        begin = by_default
    last = end if end is not None else _newest(time, freshness)
    most = time.most_days_of_one if _is_of_one(listing, given, fixed) else time.most_days
    if (
        begin is not None
        and last - begin > timedelta(days=most + 1)
        and (given.end is not None or time.default_days is not None)
    ):
        raise unusable("from", f"a period of at most {most} days, please: this one has {(last - begin).days}")
    return (begin, end), by_default


def _newest(time: Time, freshness: Freshness) -> Any:
    newest = freshness.newest_at or datetime(1990, 1, 1, tzinfo=UTC)
    return newest.date() + timedelta(days=1) if time.is_day else newest


def _default_begin(time: Time, end: Any, freshness: Freshness) -> Any:
    """Before the end that was asked for, else before the newest snapshot."""
    assert time.default_days is not None
    if not time.is_day:
        return (end or _newest(time, freshness)) - timedelta(days=time.default_days)
    day: date = (end or _newest(time, freshness)) - timedelta(days=1)
    if time.aligned == "month":
        return day.replace(day=1)
    if time.aligned == "week":
        return day - timedelta(days=day.weekday())
    return day - timedelta(days=time.default_days)


def _within(conditions: Conditions, time: Time, begin: Any, end: Any) -> None:
    if end is not None:
        conditions.compare(time.column, "<", end)
    if begin is not None:
        conditions.compare(*((time.end, ">") if time.end else (time.column, ">=")), begin)


def _link(request: Request, following: str | None) -> dict[str, str]:
    if following is None:
        return {}
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return {"link": f'<{request.url.path}?{urlencode([*kept, ("cursor", following)])}>; rel="next"'}


async def _stream(
    request: Request,
    state: State,
    form: formats.Format,
    listing: Listing,
    asked: _Asked,
    limit: int,
    freshness: Freshness,
) -> Response:
    """Many rows, batch by batch, out of one state of the database. Where they end is found first: a header cannot come last."""
    widen = await widened(state.stations, freshness, asked.columns, listing.beside)
    stack = contextlib.AsyncExitStack()
    reading = await stack.enter_async_context(state.database.reading())
    try:
        ends = await reading.fetch(f"{asked.query} offset {limit - 1:d} limit 2", *asked.conditions.values)
        following = asked.cursor_after(ends[0]) if len(ends) == 2 else None
        batches = reading.batches(f"{asked.query} limit {limit:d}", *asked.conditions.values)
        first = await anext(batches, ())
    except BaseException:
        await stack.aclose()
        raise

    async def rows() -> AsyncIterator[Sequence[Any]]:
        yield first
        async for batch in batches:
            yield batch

    headers = {
        **freshness.headers(form.name, state.settings.reads_need_key),
        **_link(request, following),
        "vary": "Accept",
    }
    written = formats.stream(form, listing.columns, rows(), widen)
    return _Streamed(stack, written, headers={**headers, "content-type": form.header})


class _Streamed(StreamingResponse):
    """Gives the database back what it holds of it, however it ends: also where its client has left before it began."""

    def __init__(self, stack: contextlib.AsyncExitStack, body: AsyncIterator[bytes], headers: dict[str, str]) -> None:
        super().__init__(body, headers=headers)
        self._stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            # In the middle of a batch the transaction cannot be ended in order: then the connection is closed.
            with contextlib.suppress(asyncpg.InterfaceError, asyncpg.PostgresError):
                await self._stack.aclose()
