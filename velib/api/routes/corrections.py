"""Corrections: the audit trail, a correction of any field, and undoing. All of it needs a key with the scope `corrections`."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from velib.api import formats
from velib.api.access import require
from velib.api.contracts import Contracts
from velib.api.corrections import FIELDS, Corrector
from velib.api.keys import Key
from velib.api.listing import Listing, Time
from velib.api.models import row_model
from velib.api.problems import documented, unusable
from velib.api.query import Order
from velib.api.routes import listed
from velib.api.state import state_of
from velib.api.values import Count, Latitude, Longitude, Name, Text

Writer = Annotated[Key, Depends(require("corrections"))]
Reason = Annotated[str | None, Field(min_length=1, max_length=1_000, pattern=r"^[^\x00]+$", description="Why.")]
WRITES = documented(401, 403, 404, 413, 422, 429, 503)
_STRICT = ConfigDict(extra="forbid")
_TYPES: dict[str, Any] = {
    "exists": bool,
    "latitude": Latitude,
    "longitude": Longitude,
    "capacity": Count,
    "docks_total": Count,
    "edocks_total": Count,
    "max_overflow": Count,
    "bike_type": Literal["mechanical", "electric"],
}


class Correction(BaseModel):
    """A field that is not as the files tell."""

    model_config = _STRICT

    entity: Literal["station", "bike"] = Field(description="What it is about.")
    key: Text = Field(description="The station's code, or the bike's id.", examples=["16107"])
    field: str = Field(
        max_length=50,
        description=f"Of a station: {', '.join(FIELDS['station'])}. Of a bike: {', '.join(FIELDS['bike'])}. "
        "Or exists: true adds it, false hides it.",
        examples=["capacity"],
    )
    value: bool | int | float | str | None = Field(description="What it is; null: not known.", examples=[35])
    reason: Reason = None


class Undoing(BaseModel):
    model_config = _STRICT

    reason: Reason = None


def router(contracts: Contracts) -> APIRouter:
    found = APIRouter(tags=["corrections"], dependencies=[Depends(require("corrections"))])
    trail = contracts["fct_corrections"]
    model = row_model("CorrectionMade", trail)
    listed.add(
        found,
        "/v1/corrections",
        Listing(trail, (Order(trail["correction_id"], True),), Time(trail["made_at"], most_days=36_600)),
        "Corrections",
        "The audit trail: who corrected what and when, the newest first",
        model,
    )

    @found.post(
        "/v1/corrections",
        operation_id="Correct",
        summary="Correct a field, add or hide a station or bike",
        description="Is seen at once, survives every build, and can be undone. What is so already is not written again.",
        status_code=204,
        responses={**WRITES, **documented(409)},
    )
    async def correct(request: Request, given: Correction, writer: Writer) -> Response:
        if given.field not in ("exists", *FIELDS[given.entity]):
            raise unusable("field", f"a {given.entity} has {', '.join(('exists', *FIELDS[given.entity]))}", "body")
        value = _value(given.field, given.value)
        corrector = Corrector(state_of(request), writer.name)
        if given.field != "exists":
            await corrector.change(given.entity, given.key, {given.field: value}, given.reason)
        elif value:
            await corrector.add(given.entity, given.key, {}, given.reason)
        else:
            await corrector.hide(given.entity, given.key, given.reason)
        return Response(status_code=204)

    @found.post(
        "/v1/corrections/{correction_id}/undo",
        operation_id="UndoCorrection",
        summary="Undo a correction: what was so before it counts again",
        response_model=model,
        responses=WRITES,
    )
    async def undo(
        request: Request,
        correction_id: Annotated[int, Path(ge=1, lt=2**63, description="Its number.")],
        writer: Writer,
        given: Undoing | None = None,
    ) -> Response:
        row = await Corrector(state_of(request), writer.name).undo(correction_id, given.reason if given else None)
        return Response(formats.as_json(row), media_type=formats.JSON.header, headers={"cache-control": "no-store"})

    return found


def _value(field: str, value: Any) -> Any:
    """The value that a field gets. Strict, but that 2 is 2.0 where a number has fractions."""
    of_field = _TYPES.get(field, Name)
    if of_field in (Latitude, Longitude) and type(value) is int:
        value = float(value)
    try:
        return TypeAdapter(of_field if field == "exists" else of_field | None).validate_python(value, strict=True)
    except ValidationError as error:
        raise unusable("value", error.errors()[0]["msg"], "body") from None
