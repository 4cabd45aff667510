"""Bikes: what they are, where they were, which movements they made."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from velib.api import beside
from velib.api.contracts import Contracts
from velib.api.listing import Listing, Time
from velib.api.models import row_model
from velib.api.problems import documented
from velib.api.query import Order
from velib.api.routes import listed
from velib.api.routes.trips import trips
from velib.api.values import Text

EXISTS: listed.Exists = ("select 1 from mart.dim_bike where bike_id = $1", "no bike has this id")


def router(contracts: Contracts) -> APIRouter:
    found = APIRouter(tags=["bikes"])
    bikes, locations = contracts["dim_bike"], contracts["fct_bike_locations"]
    where = (beside.name("current_station_code"),)
    bike_model = row_model("Bike", bikes, beside.with_columns(bikes.columns, where))
    listed.add(
        found,
        "/v1/bikes",
        Listing(bikes, (Order(bikes["bike_id"]),), beside=where),
        "Bikes",
        "Bikes, as they were last seen",
        bike_model,
    )

    @found.get(
        "/v1/bikes/{bike_id}",
        operation_id="Bike",
        summary="A bike, as it was last seen",
        description=bikes.description,
        response_model=bike_model,
        responses={**listed.CACHED, **listed.ERRORS, **documented(404)},
    )
    async def one(
        request: Request, bike_id: Annotated[Text, Path(description="The bike's id.", examples=["08047"])]
    ) -> Response:
        return await listed.one_row(request, bikes, "bike_id", bike_id, EXISTS[1], where)

    listed.add(
        found,
        "/v1/bikes/{bike_id}/trips",
        trips(contracts, fixed=("bike_id",)),
        "BikeTrips",
        "A bike's movements, the newest first",
        exists={"bike_id": EXISTS},
    )
    listed.add(
        found,
        "/v1/bikes/{bike_id}/locations",
        Listing(
            locations,
            (Order(locations["valid_from"], True), Order(locations["feed"], True)),
            Time(locations["valid_from"], most_days_of_one=3_660, end=locations["valid_to"]),
            fixed=("bike_id",),
            beside=(beside.name("station_code"),),
        ),
        "BikeLocations",
        "Where a bike was over time: an interval for each place, dock and status, the newest first",
        exists={"bike_id": EXISTS},
    )
    return found
