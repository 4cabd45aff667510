"""Trips: movements of bikes, and the routes on which customers ride."""

from fastapi import APIRouter

from velib.api import beside
from velib.api.contracts import Contracts
from velib.api.listing import Listing, Time
from velib.api.query import Order
from velib.api.routes import listed

_BOTH_ENDS = (beside.name("origin_station_code"), beside.name("destination_station_code"))


def trips(contracts: Contracts, fixed: tuple[str, ...] = ()) -> Listing:
    """The newest first. Of all bikes there are millions: only a period of them is sorted by anything but time.

    A bike's movements follow one another, so by first_seen_at they are in the same order, and that is what the index has: a
    page of them is read, and not all of them.
    """
    relation = contracts["fct_trips"]
    order = ("departed_at", "trip_id") if fixed != ("bike_id",) else ("first_seen_at", "feed")
    return Listing(
        relation,
        tuple(Order(relation[name], True) for name in order),
        Time(relation["departed_at"], most_days=31, most_days_of_one=3_660),
        fixed=fixed,
        beside=_BOTH_ENDS,
        sorts_whole=False,
    )


def router(contracts: Contracts) -> APIRouter:
    found = APIRouter(tags=["trips"])
    routes = contracts["kpi_routes_monthly"]
    listed.add(
        found,
        "/v1/trips",
        trips(contracts),
        "Trips",
        "Movements of bikes: by time, bike, origin, destination, type; the newest first",
    )
    listed.add(
        found,
        "/v1/routes",
        Listing(
            routes,
            tuple(
                Order(routes[name], True)
                for name in ("date_month", "trips", "feed", "origin_station_code", "destination_station_code")
            ),
            Time(routes["date_month"], default_days=0, aligned="month", most_days=366),
            beside=_BOTH_ENDS,
        ),
        "Routes",
        "The routes that are ridden most, month by month",
    )
    return found
