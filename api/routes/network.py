"""The whole network at a moment."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict, Field, create_model

from api import formats
from api.answers import answer
from api.contracts import Column, Contracts, ended
from api.freshness import Freshness
from api.models import field_of
from api.routes import listed
from api.routes.stations import STATUS_AT, STATUS_COLUMNS, AtParameters
from api.state import State, state_of
from api.values import Moment

_STATION_COLUMNS = ("station_code", "name", "latitude", "longitude", "capacity", "district_code", "district_name")
_NETWORK = f"""
select
    {", ".join(f"station.{name}" for name in _STATION_COLUMNS)},
    {", ".join(f"status.{name}" for name in STATUS_COLUMNS[:-1])}, {ended("status.")} as valid_to
from unnest($1::text[], $2::text[]) as stated (feed, station_code)
inner join mart.dim_station as station on station.station_code = stated.station_code
{STATUS_AT.format(code="stated.station_code", feed="stated.feed", at="$3::timestamptz")}
where status.valid_to > $3::timestamptz
order by station.station_code, status.feed
"""


class NetworkParameters(AtParameters):
    format: formats.Name | None = Field(
        default=None, description="json, csv, arrow or parquet; goes before the header Accept."
    )


class _Pairs:
    """Which feed ever stated a status of which station. With one feed any of its stations may be asked for; with several, asking a
    feed for a station that it does not know would go through all that the others said of it."""

    def __init__(self) -> None:
        self._token, self._pairs = "", ([], [])  # type: tuple[str, tuple[list[str], list[str]]]

    async def of(self, state: State, freshness: Freshness) -> tuple[list[str], list[str]]:
        if freshness.token is not None and freshness.token == self._token:
            return self._pairs
        if len(freshness.feeds) == 1:
            query = "select $1::text[] as feeds, array_agg(station_code) as codes from mart.dim_station"
        else:
            query = (
                "select array_agg(feed) as feeds, array_agg(station_code) as codes from mart.kpi_station_now"
                " where feed = any($1::text[])"
            )
        [row] = await state.database.fetch(query, freshness.feed_names)
        codes = row["codes"] or []
        feeds = row["feeds"] * len(codes) if len(freshness.feeds) == 1 else row["feeds"] or []
        self._token, self._pairs = freshness.token or "", (feeds, codes)
        return self._pairs


def router(contracts: Contracts) -> APIRouter:
    found = APIRouter(tags=["network"])
    pairs = _Pairs()
    stations, status = contracts["dim_station"], contracts["fct_station_status"]
    columns: tuple[Column, ...] = (
        *(stations[name] for name in _STATION_COLUMNS),
        *(status[name] for name in STATUS_COLUMNS),
    )
    fields: dict[str, Any] = {column.name: field_of(column) for column in columns}
    strict = ConfigDict(extra="forbid")
    row = create_model("NetworkStation", __config__=strict, **fields)
    network_model = create_model(
        "Network",
        __config__=strict,
        at=(Moment, Field(description="The moment.")),
        data=(list[row], Field(description="Every station that was observed then, by feed.")),  # type: ignore[valid-type]
    )

    @found.get(
        "/v1/network",
        operation_id="Network",
        summary="Every station's status now, or at any past moment",
        description="Stations that were unobserved then are left out. Names and positions are those of today "
        "(`/v1/stations/{station_code}/attributes` has what they were).",
        response_model=network_model,
        responses={**listed.rows_in_all_formats(), **listed.ERRORS},
    )
    async def network(request: Request, given: Annotated[NetworkParameters, Query()]) -> Response:
        state = state_of(request)
        form = formats.wanted(given.format, request.headers.get("accept"))
        freshness = await state.watch.now()
        at = given.at or freshness.newest_at

        async def body() -> tuple[bytes, dict[str, str]]:
            feeds, codes = await pairs.of(state, freshness)
            rows = await state.database.fetch(_NETWORK, feeds, codes, at)
            if form is formats.JSON:
                return formats.as_json({"at": at, "data": [dict(row) for row in rows]}), {}
            return formats.write(form, columns, rows), {}

        return await answer(request, state, freshness, form, body)

    return found
