"""The application: its parts put together, its routers, its OpenAPI document.

A new group of endpoints is a module in api/routes with a `router`, and a line in `_routers`. What writes asks for
`Depends(require("corrections"))` (velib/api/access.py) and has a Database of its own role.
"""

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Response
from fastapi.openapi.utils import get_openapi
from starlette.middleware.cors import CORSMiddleware

from velib.api import contracts as mart
from velib.api import docs_page, formats, problems
from velib.api.access import require
from velib.api.beside import Stations
from velib.api.database import Database
from velib.api.encodings import Compressed
from velib.api.freshness import Watch
from velib.api.guard import Guard
from velib.api.heads import Heads
from velib.api.kept import Kept
from velib.api.keys import Keys
from velib.api.metrics import Metrics
from velib.api.observed import Observed
from velib.api.pipeline import Pipeline
from velib.api.routes import alerts, bikes, first_generation, health, kpis, network, pipeline, stations, trips
from velib.api.routes import corrections as correcting
from velib.api.settings import Settings
from velib.api.state import State

VERSION = "1"
_TITLE = "Bike-share warehouse"
_DESCRIPTION = """
Stations, bikes, trips and key figures of a docked bike-share network, out of snapshots that were collected every minute.

* **Times** are ISO 8601 with a zone: give any (`2026-06-02T08:30:00+02:00`), UTC comes back. Intervals begin at `valid_from` and
  end before `valid_to`; what has not ended has null there. A period is from `from` on, up to `to` and not that moment itself.
* **Filters** compose: all that are given hold. `filter=fill_rate.gte.0.9` compares any column.
* **Pages**: give `next_cursor` back as `cursor`. All pages together are exactly the rows, whatever is loaded meanwhile.
* **Formats**: JSON, and for large answers CSV, an Arrow IPC stream or Parquet, by `Accept` or `format`.
* **Caching**: an answer's ETag holds until the next build of the mart. Give it as `If-None-Match`.
* **Errors** are problem details (RFC 9457), `application/problem+json`.
"""
_TAGS = [
    {"name": "stations", "description": "What stations are and were, how they stand and stood."},
    {"name": "network", "description": "All stations at one moment."},
    {"name": "bikes", "description": "Where bikes are and were, and what became of them."},
    {"name": "trips", "description": "Movements of bikes, and the routes that are ridden most."},
    {"name": "kpis", "description": "Key figures: a row a key of each, filtered and sorted by any column."},
    {"name": "pipeline", "description": "Whether collecting, loading and building go on."},
    {
        "name": "corrections",
        "description": "What people say against the files: made, undone, and who did. Needs a key.",
    },
    {
        "name": "first generation",
        "description": "The paths of the first generation, for its clients. Times are local, without zone.",
    },
    {"name": "operation", "description": "For whoever runs this."},
]


def create_app(settings: Settings, contracts: mart.Contracts | None = None) -> FastAPI:
    """The application, which connects to nothing yet."""
    contracts = contracts or mart.read()
    database = Database(settings.database_url, settings.connections, settings.statement_seconds)
    corrections = None
    if settings.corrections_url:
        corrections = Database(settings.corrections_url, 2, settings.statement_seconds, is_writer=True)
    watch = Watch(database, f"{VERSION} {contracts.fingerprint}")
    figures = Pipeline(database, watch)
    metrics = Metrics(database, figures)
    keys = Keys(settings.keys, settings.keys_file)

    @contextlib.asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        await database.open()
        if corrections is not None:
            await corrections.open()
        yield
        await database.close()
        if corrections is not None:
            await corrections.close()

    app = FastAPI(
        title=_TITLE,
        version=VERSION,
        description=_DESCRIPTION,
        openapi_tags=_TAGS,
        lifespan=running,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.velib = State(
        settings, contracts, database, watch, Kept(), keys, figures, Stations(database), metrics, corrections
    )
    problems.install(app)
    reads = [Depends(require("read"))] if settings.reads_need_key else []
    for router in _routers(contracts):
        app.include_router(router, dependencies=reads)
    app.include_router(correcting.router(contracts))
    app.include_router(first_generation.router(reads))
    app.include_router(health.router())
    app.include_router(docs_page.router(lambda: _openapi(app)))
    app.include_router(_index())
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    # The last that is added is the first to see a request.
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "HEAD"],
            allow_headers=["X-API-Key", "If-None-Match"],
            expose_headers=["ETag", "Link", "Retry-After"],
        )
    app.add_middleware(Compressed)
    app.add_middleware(Heads)
    app.add_middleware(Guard, rate=settings.rate)
    app.add_middleware(Observed, metrics=metrics)
    return app


def _routers(contracts: mart.Contracts) -> Iterator[APIRouter]:
    """All that reads the mart."""
    yield stations.router(contracts)
    yield network.router(contracts)
    yield bikes.router(contracts)
    yield trips.router(contracts)
    yield kpis.router(contracts)
    yield pipeline.router(contracts)
    yield alerts.router()


def _index() -> APIRouter:
    found = APIRouter(include_in_schema=False)
    told = formats.as_json(
        {"message": "The API is up", "documentation": "/docs", "openapi": "/openapi.json", "first": "/v1/stations"}
    )

    @found.get("/")
    async def index() -> Response:
        return Response(told, media_type=formats.JSON.header)

    return found


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document, with the schema of problems, which no endpoint names as its own."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, tags=app.openapi_tags, routes=app.routes
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        problem = problems.ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(problem.pop("$defs", {}))
        schemas["Problem"] = problem
        app.openapi_schema = document
    return app.openapi_schema
