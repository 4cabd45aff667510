"""Errors as RFC 9457 problem details: one shape for all of them, without a trace of the inside."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger("velib.api")
# Said here, since Python's own words for some of them differ from version to version.
_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    409: "Conflict",
    413: "Content Too Large",
    414: "URI Too Long",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class WrongValue(BaseModel):
    """A parameter that cannot be used."""

    model_config = ConfigDict(extra="forbid")

    where: str = Field(description="query, path, header or body")
    name: str = Field(description="The parameter.")
    message: str = Field(description="What is wrong with it.")


class ProblemDetails(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(extra="forbid", title="Problem")

    type: str = Field(description="Names the kind of problem; stable.", examples=["urn:velib:not-found"])
    title: str = Field(description="The kind in words.", examples=["Not Found"])
    status: int = Field(description="The HTTP status.", examples=[404])
    detail: str = Field(description="What is wrong this time, and what to do.", examples=["no station has this code"])
    instance: str = Field(description="The path that was asked for.", examples=["/v1/stations/nowhere"])
    errors: list[WrongValue] | None = Field(default=None, description="With 422: each parameter that cannot be used.")


class Problem(Exception):  # noqa: N818 - it is what the RFC calls it
    """Raised anywhere below a request; becomes the answer."""

    def __init__(
        self,
        status: int,
        detail: str,
        kind: str | None = None,
        retry_after: float | None = None,
        errors: Sequence[WrongValue] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors = status, detail, errors
        self.kind = kind or title_of(status).lower().replace(" ", "-")
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["retry-after"] = str(max(1, round(retry_after)))


def title_of(status: int) -> str:
    return _TITLES.get(status, "Error")


def not_found(what: str) -> Problem:
    return Problem(404, what)


def unusable(name: str, message: str, where: str = "query") -> Problem:
    """422 for one parameter, as the validation of types says it."""
    return Problem(422, f"{name}: {message}", errors=[WrongValue(where=where, name=name, message=message)])


def body_of(problem: Problem, path: str) -> bytes:
    told: dict[str, Any] = {
        "type": f"urn:velib:{problem.kind}",
        "title": title_of(problem.status),
        "status": problem.status,
        "detail": problem.detail,
        "instance": path,
    }
    if problem.errors:
        told["errors"] = [error.model_dump() for error in problem.errors]
    return orjson.dumps(told)


def of_database(error: Exception) -> Problem | None:
    """What a failed query means to the client; None where it is our own fault. The server's words stay in the log."""
    if isinstance(error, asyncpg.QueryCanceledError | asyncpg.LockNotAvailableError | TimeoutError):
        return Problem(
            503,
            "this takes longer than a query may: ask for a shorter period or fewer columns to sort by",
            "query-timeout",
            5,
        )
    if isinstance(
        error,
        asyncpg.UndefinedTableError
        | asyncpg.UndefinedColumnError
        | asyncpg.InvalidSchemaNameError
        | asyncpg.InsufficientPrivilegeError,
    ) or _is_no_function_of_the_mart(error):
        return Problem(503, "this part of the mart has not been built yet: `velib build` builds it", "not-built", 60)
    if isinstance(error, asyncpg.DataError):
        return Problem(422, "a value is not one that the database can compare")
    if isinstance(
        error,
        asyncpg.PostgresConnectionError
        | asyncpg.InterfaceError
        | asyncpg.OperatorInterventionError
        | asyncpg.InsufficientResourcesError
        | asyncpg.InvalidAuthorizationSpecificationError
        | asyncpg.InvalidCatalogNameError
        | OSError,
    ):
        return Problem(503, "the database cannot be reached just now", "database-away", 5)
    return None


def _is_no_function_of_the_mart(error: Exception) -> bool:
    """An operator for such types, which there is not either, would be a fault of our own."""
    return isinstance(error, asyncpg.UndefinedFunctionError) and str(error).startswith("function mart.")


def install(app: FastAPI) -> None:
    """Have every error of the application answered as a problem. What is unexpected, velib/api/observed.py answers."""

    def told(request: Request, problem: Problem) -> Response:
        return Response(
            body_of(problem, request.url.path),
            problem.status,
            headers={"cache-control": "no-store", **problem.headers},
            media_type=MEDIA_TYPE,
        )

    @app.exception_handler(Problem)
    async def known(request: Request, error: Problem) -> Response:
        return told(request, error)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        detail = {404: "there is nothing at this path: /docs lists all", 405: "this path knows other methods"}
        said = detail.get(error.status_code, str(error.detail))
        headers = dict(error.headers or {})
        if headers.get("Allow", "").split(", ")[0] == "GET":  # velib/api/heads.py
            headers["Allow"] = ", ".join(["GET", "HEAD", *headers["Allow"].split(", ")[1:]])
        return told(request, Problem(error.status_code, said, headers=headers))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        wrong = [_wrong(each["loc"], each["msg"]) for each in error.errors()]
        first = f"{wrong[0].name}: {wrong[0].message}" if wrong else "the request cannot be read"
        return told(request, Problem(422, first, errors=wrong))

    async def database(request: Request, error: Exception) -> Response:
        problem = of_database(error)
        if problem is None:
            raise error
        if problem.status == 503:
            _log.warning("%s: %s: %s", request.url.path, type(error).__name__, " ".join(str(error).split()))
        return told(request, problem)

    for kind in (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        app.add_exception_handler(kind, database)


def _wrong(location: Sequence[int | str], message: str) -> WrongValue:
    where, *names = [str(each) for each in location]
    unknown = message == "Extra inputs are not permitted"
    return WrongValue(
        where=where, name=".".join(names)[:100] or where, message="no such parameter here" if unknown else message
    )


# What the OpenAPI document says of errors: those that any endpoint may answer with.
def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    texts = {
        400: "What has to be said for this is missing, or the cursor is another query's.",
        401: "No API key, or not one that is known.",
        403: "The API key has not the scope that this needs.",
        404: "There is no such thing.",
        409: "It is there already, or what is there contradicts it.",
        406: "None of the formats that Accept names is there.",
        413: "The request is too large.",
        422: "A parameter cannot be used; `errors` says which and why.",
        429: "Too many requests; `Retry-After` says when to go on.",
        500: "A mistake on this side; the log has it.",
        503: "Not just now: too busy, the query took too long, the database is away, or the mart has not been built. See `type`.",
    }
    return {
        status: {
            "description": texts[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }
