"""How a listing becomes an endpoint with its documentation."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel

from velib.api.answers import answer
from velib.api.beside import Beside, widened, with_columns
from velib.api.contracts import Relation
from velib.api.formats import FORMATS, JSON, as_json
from velib.api.listing import Listing, page
from velib.api.models import page_model, row_model
from velib.api.problems import documented, not_found
from velib.api.state import state_of
from velib.api.values import Text

# What a path's value has to be there for: a question for one row, and what to say where there is none.
Exists = tuple[str, str]

_DESCRIPTIONS = {
    "csv": {"type": "string", "description": "The rows with a line of names; times in ISO 8601, null is empty."},
    "arrow": {"type": "string", "format": "binary", "description": "The rows as an Arrow IPC stream."},
    "parquet": {"type": "string", "format": "binary", "description": "The rows as a Parquet file."},
}
ERRORS = documented(401, 403, 406, 422, 429, 503)
CACHED: dict[int | str, dict[str, Any]] = {304: {"description": "What the client has (If-None-Match) is still true."}}


def rows_in_all_formats() -> dict[int | str, dict[str, Any]]:
    content = {FORMATS[name].media_type: {"schema": schema} for name, schema in _DESCRIPTIONS.items()}
    return {
        200: {"description": "The rows. `Accept` or `format` chooses how they are written.", "content": content},
        **CACHED,
    }


def add(
    router: APIRouter,
    path: str,
    listing: Listing,
    name: str,
    summary: str,
    row: type[BaseModel] | None = None,
    exists: Mapping[str, Exists] | None = None,
    endpoint: Callable[..., Any] | None = None,
) -> None:
    """An endpoint for `listing`. `name` names its page and operation; `exists`: how to see that a fixed column's value is one;
    `endpoint` where more has to be done than to answer with a page."""
    answered = page_model(
        f"{name}Page", row or row_model(name, listing.relation, listing.columns), listing.time is not None
    )
    router.add_api_route(
        path,
        endpoint or _endpoint(listing, exists or {}),
        name=name,
        operation_id=name,
        summary=summary,
        description=listing.relation.description,
        response_model=answered,
        response_class=Response,
        responses={
            **rows_in_all_formats(),
            **_with_json(answered),
            **ERRORS,
            **documented(400),
            **(documented(404) if listing.fixed else {}),
        },
    )


def _with_json(answered: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    told = rows_in_all_formats()[200]
    told["content"][JSON.media_type] = {}
    return {200: {**told, "model": answered}}


def _endpoint(listing: Listing, exists: Mapping[str, Exists]) -> Callable[..., Any]:
    parameters = listing.parameters
    if not listing.fixed:

        async def all_rows(request: Request, given: parameters) -> Response:  # type: ignore[valid-type]
            return await page(request, listing, given)

        return all_rows
    [column] = listing.fixed

    async def rows_of_one(
        request: Request,
        given: parameters,  # type: ignore[valid-type]
        value: Text = Path(alias=column, description=listing.relation[column].description),  # noqa: B008
    ) -> Response:
        await require_row(request, exists[column], value)
        return await page(request, listing, given, {column: value})

    return rows_of_one


async def require_row(request: Request, exists: Exists, value: str) -> None:
    query, message = exists
    if not await state_of(request).database.fetch(query, value):
        raise not_found(message)


async def one_row(
    request: Request, relation: Relation, column: str, value: str, missing: str, beside: tuple[Beside, ...] = ()
) -> Response:
    """The row of a relation with this key, as JSON; 404 where there is none."""
    state = state_of(request)
    freshness = await state.watch.now()

    async def body() -> tuple[bytes, dict[str, str]]:
        names = ", ".join(each.selected for each in relation.columns)
        rows = await state.database.fetch(f"select {names} from {relation.table} where {column} = $1::text", value)
        if not rows:
            raise not_found(missing)
        [row] = (await widened(state.stations, freshness, relation.columns, beside))(rows[:1])
        return as_json(
            {each.name: told for each, told in zip(with_columns(relation.columns, beside), row, strict=True)}
        ), {}

    return await answer(request, state, freshness, JSON, body)
