"""For whoever runs the API: whether the process lives, whether it can serve, and its figures for Prometheus."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from velib.api import formats
from velib.api.metrics import CONTENT_TYPE
from velib.api.problems import Problem, documented
from velib.api.state import state_of


class Health(BaseModel):
    model_config = ConfigDict(extra="forbid")

    status: str = Field(description="alive", examples=["alive"])


class Readiness(BaseModel):
    model_config = ConfigDict(extra="forbid")

    status: str = Field(description="ready", examples=["ready"])
    newest_snapshot_at: datetime | None = Field(
        description="The newest snapshot in the mart; null where there is none."
    )
    newest_age_seconds: float | None = Field(description="Seconds since then.")


_FRESH = {"cache-control": "no-store"}


def router() -> APIRouter:
    found = APIRouter(tags=["operation"])

    @found.get(
        "/health",
        operation_id="Health",
        summary="Whether the process lives",
        response_model=Health,
        responses=documented(422),
    )
    async def health() -> Response:
        return Response(b'{"status":"alive"}', media_type=formats.JSON.header, headers=_FRESH)

    @found.get(
        "/ready",
        operation_id="Ready",
        summary="Whether it can serve: the database answers, the mart is there and fresh enough",
        response_model=Readiness,
        responses=documented(429, 503),
    )
    async def ready(request: Request) -> Response:
        state = state_of(request)
        newest = (await state.watch.now()).newest_at
        age = (datetime.now(UTC) - newest).total_seconds() if newest else None
        limit = state.settings.fresh_seconds
        if limit is not None and (age is None or age > limit):
            said = f"is {age:.0f} s old" if age is not None else "is not there"
            raise Problem(503, f"the newest snapshot {said}; it may be {limit:.0f} s old", "stale", 60)
        told = {"status": "ready", "newest_snapshot_at": newest, "newest_age_seconds": age}
        return Response(formats.as_json(told), media_type=formats.JSON.header, headers=_FRESH)

    @found.get(
        "/metrics",
        operation_id="Metrics",
        summary="Figures for Prometheus",
        response_class=Response,
        responses={
            200: {
                "description": "In Prometheus' text format.",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            },
            **documented(429),
        },
    )
    async def metrics(request: Request) -> Response:
        return Response(await state_of(request).metrics.told(), media_type=CONTENT_TYPE, headers=_FRESH)

    return found
