"""The whole network at a moment."""

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict, Field, create_model

from velib.api import formats
from velib.api.answers import answer
from velib.api.beside import STATUS_AT
from velib.api.contracts import Column, Contracts, ended
from velib.api.models import field_of
from velib.api.problems import unusable
from velib.api.routes import listed
from velib.api.routes.stations import STATUS_COLUMNS, AtParameters
from velib.api.state import state_of
from velib.api.values import Moment, Text

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
    bbox: Annotated[str, Field(max_length=100)] | None = Field(
        default=None,
        description="Only stations within `west,south,east,north`, in degrees; from 170 to -170 is across the date line.",
        examples=["2.33,48.85,2.37,48.87"],
    )
    feed: list[Text] = Field(
        default=[], max_length=50, description="Only what this feed says. Given several times: any of them."
    )
    fields: Annotated[str, Field(max_length=500, pattern=r"^[a-z_]+(,[a-z_]+)*$")] | None = Field(
        default=None,
        description="Only these columns, with commas between; each row then has no others.",
        examples=["station_code,bikes_available"],
    )
    format: formats.Name | None = Field(
        default=None, description="json, csv, arrow or parquet; goes before the header Accept."
    )


class Box(NamedTuple):
    """West, south, east, north."""

    west: float
    south: float
    east: float
    north: float

    def has(self, latitude: float | None, longitude: float | None) -> bool:
        if latitude is None or longitude is None or not self.south <= latitude <= self.north:
            return False
        if self.west <= self.east:
            return self.west <= longitude <= self.east
        return longitude >= self.west or longitude <= self.east


def _box(text: str | None) -> Box | None:
    if text is None:
        return None
    try:
        box = Box(*(float(each) for each in text.split(",")))
    except (ValueError, TypeError):
        raise unusable("bbox", "four numbers with commas between: west,south,east,north") from None
    # What is no number compares with nothing.
    if not (all(-180 <= each <= 180 for each in (box.west, box.east)) and -90 <= box.south <= box.north <= 90):
        raise unusable("bbox", "west,south,east,north in degrees, the south not north of the north")
    return box


def _chosen(columns: tuple[Column, ...], fields: str | None) -> tuple[Column, ...]:
    if fields is None:
        return columns
    by_name = {column.name: column for column in columns}
    named = dict.fromkeys(fields.split(","))
    for name in named:
        if name not in by_name:
            raise unusable("fields", f"there is no column {name[:60]!r} here: {', '.join(by_name)}")
    return tuple(by_name[name] for name in named)


def router(contracts: Contracts) -> APIRouter:
    found = APIRouter(tags=["network"])
    stations, status = contracts["dim_station"], contracts["fct_station_status"]
    columns: tuple[Column, ...] = (
        *(stations[name] for name in _STATION_COLUMNS),
        *(status[name] for name in STATUS_COLUMNS),
    )
    # None has to be there: `fields` may leave each of them out.
    fields: dict[str, Any] = {column.name: _optional(*field_of(column)) for column in columns}
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
        box, chosen = _box(given.bbox), _chosen(columns, given.fields)

        async def body() -> tuple[bytes, dict[str, str]]:
            feeds, codes = await state.stations.pairs.of(freshness)
            if given.feed:
                asked = [pair for pair in zip(feeds, codes, strict=True) if pair[0] in given.feed]
                feeds, codes = [feed for feed, _ in asked], [code for _, code in asked]
            rows = await state.database.fetch(_NETWORK, feeds, codes, at)
            if box is not None:
                rows = [row for row in rows if box.has(row["latitude"], row["longitude"])]
            told: Sequence[Any] = rows
            if given.fields is not None:
                told = [[row[column.name] for column in chosen] for row in rows]
            if form is formats.JSON:
                names = [column.name for column in chosen]
                return formats.as_json({"at": at, "data": [dict(zip(names, row, strict=True)) for row in told]}), {}
            return formats.write(form, chosen, told), {}

        return await answer(request, state, freshness, form, body)

    return found


def _optional(annotation: Any, described: Any) -> tuple[Any, Any]:
    return annotation, Field(default=None, description=described.description)
