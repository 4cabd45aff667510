"""The key figures: an endpoint for each `kpi_*` model that has a contract, and a list of them."""

import re

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from velib.api import formats
from velib.api.contracts import Contracts, Relation
from velib.api.listing import Listing, Time
from velib.api.problems import documented
from velib.api.query import Order
from velib.api.routes import listed

_DAY_ALIGNED = {"date_week": "week", "date_month": "month"}


class KpiColumn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="As in the answers.")
    type: str = Field(description="Its type in PostgreSQL.")
    description: str = Field(description="What it says, with its unit.")


class Kpi(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="As in the path.")
    description: str = Field(description="What a row is, and where it comes from.")
    key: list[str] = Field(description="The columns that identify a row.")
    columns: list[KpiColumn] = Field(description="All columns.")


class Kpis(BaseModel):
    model_config = ConfigDict(extra="forbid")

    data: list[Kpi] = Field(description="Every one that there is.")


def router(contracts: Contracts) -> APIRouter:
    found = APIRouter(tags=["kpis"])
    told = formats.as_json({"data": [_told(relation) for relation in contracts.kpis()]})

    @found.get(
        "/v1/kpis",
        operation_id="Kpis",
        summary="Which key figures there are",
        response_model=Kpis,
        responses=documented(401, 403, 429),
    )
    async def kpis(request: Request) -> Response:
        return Response(told, media_type=formats.JSON.header, headers={"cache-control": "no-cache"})

    for relation in contracts.kpis():
        name = "".join(part.title() for part in relation.name.split("_"))
        listed.add(found, f"/v1/kpis/{relation.name}", listing(relation), name, _summary(relation))
    return found


def _summary(relation: Relation) -> str:
    """How the contract's description begins: what a row is."""
    first = re.split(r"[.:;] ", relation.description, maxsplit=1)[0].rstrip(".")
    return first if len(first) <= 110 else f"{first[:100].rsplit(' ', 1)[0]} …"


def listing(relation: Relation) -> Listing:
    """The newest first where the key has a time; else in the order of the key."""
    times = [name for name in relation.key if relation[name].data_type in ("date", "timestamp with time zone")]
    rest = [name for name in relation.key if name not in times[:1]]
    order = tuple(Order(relation[name]) for name in rest)
    if not times:
        return Listing(relation, order)
    return Listing(relation, (Order(relation[times[0]], True), *order), time_of(relation, times[0]))


def time_of(relation: Relation, name: str) -> Time:
    """Hours are many, so that a month of them is asked for at a time; of days, weeks and months a year."""
    column = relation[name]
    if column.data_type == "timestamp with time zone":
        return Time(column, default_days=1, most_days=31)
    return Time(column, default_days=0, aligned=_DAY_ALIGNED.get(name), most_days=366, most_days_of_one=3_660)


def _told(relation: Relation) -> dict[str, object]:
    return {
        "name": relation.name,
        "description": relation.description,
        "key": list(relation.key),
        "columns": [
            {"name": column.name, "type": column.data_type, "description": column.description}
            for column in relation.columns
        ],
    }
