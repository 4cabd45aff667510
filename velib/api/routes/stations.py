"""Stations: what they are, what they were like, how they stand and stood, which are near."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, create_model

from velib.api import beside, formats
from velib.api.answers import answer
from velib.api.beside import STATUS_AT
from velib.api.contracts import Contracts, ended
from velib.api.listing import Listing, Time
from velib.api.models import field_of, row_model
from velib.api.problems import documented, not_found
from velib.api.query import Order
from velib.api.routes import listed
from velib.api.state import state_of
from velib.api.values import Moment, Text

EXISTS: listed.Exists = ("select 1 from mart.dim_station where station_code = $1", "no station has this code")
_CODE = Path(description="The station's code.", examples=["16107"])

STATUS_COLUMNS = (
    *("feed", "state", "bikes_available", "bikes_mechanical", "bikes_electric", "docks_free", "docks_total"),
    *("is_renting", "is_returning", "valid_from", "valid_to"),
)
_STATUS = f"""
select {", ".join(f"status.{name}" for name in STATUS_COLUMNS[:-1])}, {ended("status.")} as valid_to
from unnest($1::text[]) as feeds (feed)
{STATUS_AT.format(code="$2::text", feed="feeds.feed", at="$3::timestamptz")}
where status.valid_to > $3::timestamptz
order by status.feed
"""

# The great circle by haversine, on the sphere that the mart's own distances are on.
_NEAREST = f"""
select
    near.station_code, near.name, near.latitude, near.longitude, near.capacity, near.district_code, near.district_name,
    near.distance_m, {", ".join(f"status.{name}" for name in STATUS_COLUMNS[:-1])}, {ended("status.")} as valid_to
from (
    select station.*, 2 * 6371008.8 * asin(least(1, sqrt(
        power(sin(radians(station.latitude - $1::float8) / 2), 2)
        + cos(radians($1::float8)) * cos(radians(station.latitude)) * power(sin(radians(station.longitude - $2::float8) / 2), 2)
    ))) as distance_m
    from mart.dim_station as station
    where station.is_active and station.latitude is not null
        and station.latitude between $1::float8 - $3::float8 / 111000 and $1::float8 + $3::float8 / 111000
    order by distance_m
) as near
cross join unnest($4::text[]) as feeds (feed)
{STATUS_AT.format(code="near.station_code", feed="feeds.feed", at="$5::timestamptz")}
where near.distance_m <= $3::float8 and status.valid_to > $5::timestamptz
    and status.bikes_available >= $6::integer and ($7::integer = 0 or status.docks_free >= $7::integer)
order by near.distance_m, near.station_code, status.feed
limit $8::integer
"""


class AtParameters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    at: Moment | None = Field(
        default=None,
        description="The moment, with a zone; by default the newest snapshot's.",
        examples=["2026-06-02T08:30:00+02:00"],
    )


class NearParameters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    lat: float = Field(ge=-90, le=90, allow_inf_nan=False, description="Degrees north (WGS 84).", examples=[48.8566])
    lon: float = Field(ge=-180, le=180, allow_inf_nan=False, description="Degrees east (WGS 84).", examples=[2.3522])
    radius_m: float = Field(default=2_000, gt=0, le=50_000, description="No farther than this, in metres.")
    bikes: int = Field(default=0, ge=0, le=1_000, description="Only stations with so many bikes to rent.")
    docks: int = Field(default=0, ge=0, le=1_000, description="Only stations with so many free docks.")
    limit: int = Field(default=10, ge=1, le=100, description="So many at most.")


class CriticalParameters(AtParameters):
    feed: list[Text] = Field(
        default=[], max_length=50, description="Only what this feed says. Given several times: any of them."
    )
    limit: int = Field(default=10, ge=1, le=100, description="So many of each feed at most.")


def router(contracts: Contracts) -> APIRouter:
    found = APIRouter(tags=["stations"])
    stations, status = contracts["dim_station"], contracts["fct_station_status"]
    now = (beside.counts(contracts),)
    station_model = row_model("Station", stations, beside.with_columns(stations.columns, now))
    code = Order(stations["station_code"])
    listed.add(
        found,
        "/v1/stations",
        Listing(stations, (code,), is_searched=True, beside=now),
        "Stations",
        "Stations, as they are now",
        station_model,
    )

    status_fields: dict[str, Any] = {name: field_of(status[name]) for name in STATUS_COLUMNS}
    strict = ConfigDict(extra="forbid")
    status_model = create_model("Status", __config__=strict, **status_fields)
    near_fields = {
        name: field_of(stations[name])
        for name in ("station_code", "name", "latitude", "longitude", "capacity", "district_code", "district_name")
    }
    near_model = create_model(
        "NearStation",
        __config__=strict,
        **near_fields,  # type: ignore[call-overload]
        distance_m=(float, Field(description="Great circle in metres.")),
        **status_fields,
    )
    at_model = create_model(
        "StationStatus",
        __config__=strict,
        station_code=(str, Field(description="The station.")),
        at=(Moment, Field(description="The moment.")),
        data=(list[status_model], Field(description="What each feed said of it then; empty where none observed it.")),  # type: ignore[valid-type]
    )
    nearest_model = create_model(
        "NearStations",
        __config__=strict,
        at=(Moment, Field(description="The newest snapshot: what the status is of.")),
        data=(list[near_model], Field(description="The nearest first, with what each feed says of it.")),  # type: ignore[valid-type]
    )

    @found.get(
        "/v1/stations/nearest",
        operation_id="NearestStations",
        summary="Active stations near a place, with their status now",
        response_model=nearest_model,
        responses={**listed.CACHED, **listed.ERRORS},
    )
    async def nearest(request: Request, given: Annotated[NearParameters, Query()]) -> Response:
        state = state_of(request)
        freshness = await state.watch.now()

        async def body() -> tuple[bytes, dict[str, str]]:
            rows = await state.database.fetch(
                _NEAREST,
                *(given.lat, given.lon, given.radius_m, freshness.feed_names, freshness.newest_at),
                *(given.bikes, given.docks, given.limit),
            )
            return formats.as_json({"at": freshness.newest_at, "data": [dict(row) for row in rows]}), {}

        return await answer(request, state, freshness, formats.JSON, body)

    critical = contracts["kpi_critical_stations"]
    critical_columns = ", ".join(column.selected for column in critical.columns)
    critical_row = row_model("CriticalStation", critical)
    critical_model = create_model(
        "CriticalStations",
        __config__=strict,
        at=(Moment, Field(description="The moment: what counts lies before it.")),
        data=(list[critical_row], Field(description="By feed, the most critical first.")),  # type: ignore[valid-type]
    )

    @found.get(
        "/v1/stations/critical",
        operation_id="CriticalStations",
        summary="The most critical stations now, or before any moment",
        description=critical.description,
        response_model=critical_model,
        responses={**listed.CACHED, **listed.ERRORS},
    )
    async def most_critical(request: Request, given: Annotated[CriticalParameters, Query()]) -> Response:
        state = state_of(request)
        freshness = await state.watch.now()
        at = given.at or freshness.newest_at

        async def body() -> tuple[bytes, dict[str, str]]:
            rows = await state.database.fetch(
                f"select {critical_columns} from mart.critical_stations($1::timestamptz, $2::integer)"
                " where cardinality($3::text[]) = 0 or feed = any($3::text[]) order by feed, rank",
                *(at, given.limit, given.feed),
            )
            return formats.as_json({"at": at, "data": [dict(row) for row in rows]}), {}

        return await answer(request, state, freshness, formats.JSON, body)

    @found.get(
        "/v1/stations/{station_code}",
        operation_id="Station",
        summary="A station, as it is now",
        description=stations.description,
        response_model=station_model,
        responses={**listed.CACHED, **listed.ERRORS, **documented(404)},
    )
    async def one(request: Request, station_code: Annotated[Text, _CODE]) -> Response:
        return await listed.one_row(request, stations, "station_code", station_code, EXISTS[1], now)

    @found.get(
        "/v1/stations/{station_code}/status",
        operation_id="StationStatus",
        summary="How a station stands, or stood at any moment",
        description="By feed. A station that no snapshot listed then was unobserved: `data` is empty.",
        response_model=at_model,
        responses={**listed.CACHED, **listed.ERRORS, **documented(404)},
    )
    async def status_at(
        request: Request, station_code: Annotated[Text, _CODE], given: Annotated[AtParameters, Query()]
    ) -> Response:
        state = state_of(request)
        freshness = await state.watch.now()
        at = given.at or freshness.newest_at

        async def body() -> tuple[bytes, dict[str, str]]:
            rows = await state.database.fetch(_STATUS, freshness.feed_names, station_code, at)
            if not rows and not await state.database.fetch(EXISTS[0], station_code):
                raise not_found(EXISTS[1])
            told = {"station_code": station_code, "at": at, "data": [dict(row) for row in rows]}
            return formats.as_json(told), {}

        return await answer(request, state, freshness, formats.JSON, body)

    listed.add(
        found,
        "/v1/stations/{station_code}/history",
        Listing(
            status,
            (Order(status["valid_from"], True), Order(status["feed"], True)),
            Time(status["valid_from"], most_days_of_one=3_660, end=status["valid_to"]),
            fixed=("station_code",),
        ),
        "StationHistory",
        "How a station stood over time: an interval for each status, the newest first",
        exists={"station_code": EXISTS},
    )
    history = contracts["dim_station_history"]
    listed.add(
        found,
        "/v1/stations/{station_code}/attributes",
        Listing(
            history,
            (Order(history["valid_from"], True),),
            Time(history["valid_from"], most_days_of_one=36_600, end=history["valid_to"]),
            fixed=("station_code",),
        ),
        "StationAttributes",
        "What a station was like over time: name, position, capacity, state; the newest first",
        exists={"station_code": EXISTS},
    )
    return found
