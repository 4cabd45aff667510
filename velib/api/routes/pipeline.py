"""The pipeline: whether collecting, loading and building go on, and how long snapshots take into the mart."""

from datetime import datetime

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from velib.api import formats
from velib.api.contracts import Contracts
from velib.api.listing import Listing, Time
from velib.api.pipeline import QUARANTINE_DAYS
from velib.api.problems import documented
from velib.api.query import Order
from velib.api.routes import listed
from velib.api.state import state_of


class FeedFigures(BaseModel):
    model_config = ConfigDict(extra="forbid")

    feed: str = Field(description="The feed.")
    snapshots: int = Field(description="Snapshots in the mart.")
    first_snapshot_at: datetime = Field(description="When the first was captured.")
    newest_snapshot_at: datetime = Field(description="When the newest was captured.")
    newest_age_seconds: float = Field(description="Seconds since then.")
    cadence_seconds: float | None = Field(description="The usual time between two, the median of the last thousand.")
    stations: int = Field(description="Stations in the newest.")
    bikes: int = Field(description="Bikes in the newest.")
    gaps: int = Field(description="Collection gaps so far.")
    newest_gap_ended_at: datetime | None = Field(description="When the last of them ended.")
    quarantined_files: int = Field(
        description=f"Files of the feed's last {QUARANTINE_DAYS} days that are in quarantine."
    )
    duplicate_files: int = Field(
        description=f"Files of the last {QUARANTINE_DAYS} days with content that was there already."
    )
    refreshed_snapshots: int = Field(description="Snapshots captured in the last 24 hours that are in the mart.")
    refresh_seconds_mean: float | None = Field(
        description="Seconds from their capture until they were there; the mean."
    )
    refresh_seconds_p95: float | None = Field(description="The same; the 95th percentile of these snapshots.")


class BuildFigures(BaseModel):
    model_config = ConfigDict(extra="forbid")

    started_at: datetime = Field(description="When it began.")
    ended_at: datetime | None = Field(description="When it had ended; null under way, or killed.")
    has_succeeded: bool | None = Field(description="Whether all was well; null without an end.")
    duration_seconds: float | None = Field(description="How long it took.")


class PipelineStatus(BaseModel):
    model_config = ConfigDict(extra="forbid")

    at: datetime = Field(description="When this was looked up; it counts for some seconds.")
    feeds: list[FeedFigures] = Field(description="By feed.")
    last_build: BuildFigures | None = Field(description="The build that began last.")
    builds: int = Field(description="Builds that began in the last 24 hours.")
    failed_builds: int = Field(description="Of these, those that failed.")


def router(contracts: Contracts) -> APIRouter:
    found = APIRouter(tags=["pipeline"])

    @found.get(
        "/v1/pipeline/status",
        operation_id="PipelineStatus",
        summary="What was collected, how fresh it is, how the builds went",
        response_model=PipelineStatus,
        responses=documented(401, 403, 429, 503),
    )
    async def status(request: Request) -> Response:
        figures = await state_of(request).pipeline.figures()
        feeds = [
            {**feed, "newest_age_seconds": (figures.at - feed["newest_snapshot_at"]).total_seconds()}
            for feed in figures.feeds
        ]
        told = {
            "at": figures.at,
            "feeds": feeds,
            "last_build": figures.last_build,
            "builds": figures.builds,
            "failed_builds": figures.failed_builds,
        }
        return Response(formats.as_json(told), media_type=formats.JSON.header, headers={"cache-control": "no-cache"})

    refresh, builds = contracts["fct_refresh"], contracts["fct_builds"]
    listed.add(
        found,
        "/v1/pipeline/refresh-times",
        Listing(
            refresh,
            tuple(Order(refresh[name], True) for name in ("visible_at", "feed", "build_id")),
            Time(refresh["visible_at"], most_days=366),
        ),
        "RefreshTimes",
        "How long snapshots took into the mart, build by build, the newest first",
    )
    listed.add(
        found,
        "/v1/pipeline/builds",
        Listing(
            builds,
            (Order(builds["build_number"], True), Order(builds["build_id"], True)),
            Time(builds["started_at"], most_days=366),
        ),
        "Builds",
        "The builds of the last 30 days, the newest first",
    )
    return found
