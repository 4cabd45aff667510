"""Corrections: what becomes of a station or bike that people add, change or hide. The only place that writes.

Each is one transaction: the row as it is now, and a row of `corrections.made` for each field that is to be another. Nothing is
written that is so already, so that the same request again changes nothing. Two that correct the same thing wait for one another.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import asyncpg

from velib.api.database import Database, Reading
from velib.api.problems import Problem, not_found, unusable
from velib.api.state import State

# What can be corrected: the fields of macros/figures/corrections.sql.
STATION_FIELDS = (
    *("name", "latitude", "longitude", "capacity", "station_type", "operator_type", "district_code", "district_name"),
    *("city_code", "city_name", "docks_total", "edocks_total", "max_overflow"),
)
BIKE_FIELDS = ("bike_type",)
FIELDS = {"station": STATION_FIELDS, "bike": BIKE_FIELDS}

_NOW = {
    "station": """
        select d.name, d.latitude, d.longitude, d.capacity, d.station_type, d.operator_type, d.district_code, d.district_name,
            d.city_code, d.city_name, c.nbdock_total as docks_total, c.nbedock_total as edocks_total,
            c.maxbikeoverflow as max_overflow
        from mart.dim_station as d
        left join compat.station as c on c.station_code = d.station_code
        where d.station_code = $1::text
    """,
    "bike": "select d.bike_type from mart.dim_bike as d where d.bike_id = $1::text",
    # A second and a bike.
    "position": """
        select l.loc_id from compat.localisation_velo as l
        where l.snapshot_id = split_part($1::text, '/', 1)::bigint
            and l.velo_name = substr($1::text, strpos($1::text, '/') + 1)
    """,
}
_MAKE = """
insert into corrections.made (made_by, entity, key, field, old_value, new_value, reason)
select $1::text, $2::text, $3::text, field, old_value, new_value, $4::text
from unnest($5::text[], $6::text[], $7::text[]) with ordinality as f (field, old_value, new_value, number)
order by number
"""
_UNDO = """
insert into corrections.undone (correction_id, undone_by, reason) values ($1::bigint, $2::text, $3::text)
on conflict do nothing
"""
_CORRECTION = "select * from mart.fct_corrections where correction_id = $1::bigint"
_LOCK = "select pg_advisory_xact_lock(hashtextextended('velib correction ' || $1::text, 0))"


class Corrector:
    """Makes corrections in the name of the holder of a key."""

    def __init__(self, state: State, who: str) -> None:
        if state.corrections is None:
            raise Problem(
                403, "corrections are not set up here: the API has no URL of velib_corrector", "no-corrections"
            )
        self._database: Database = state.corrections
        self._watch, self._who = state.watch, who

    async def add(self, entity: str, key: str, fields: Mapping[str, Any], reason: str | None = None) -> None:
        """A station or bike with exactly these fields. 409 where it is there."""
        async with self._transaction(entity, key) as change:
            if await change.now() is not None:
                raise Problem(409, f"there is a {entity} {key} already")
            await change.make({"exists": (False, True)}, reason)
            await change.set(fields, reason)

    async def ensure(
        self, entity: str, key: str, fields: Mapping[str, Any], of_known: Mapping[str, Any] | None = None
    ) -> bool:
        """Whether it was added: what is there gets the fields `of_known` instead, or is left as it is."""
        async with self._transaction(entity, key) as change:
            if await change.now() is None:
                await change.make({"exists": (False, True)}, None)
                await change.set(fields, None)
                return True
            if of_known:
                await change.set(of_known, None)
            return False

    async def change(self, entity: str, key: str, fields: Mapping[str, Any], reason: str | None = None) -> None:
        """These fields are so. 404 where there is no such station or bike."""
        async with self._transaction(entity, key) as change:
            await change.set(fields, reason)

    async def hide(self, entity: str, key: str, reason: str | None = None) -> None:
        async with self._transaction(entity, key) as change:
            if await change.now() is None:
                raise not_found(f"there is no {entity} {key}")
            await change.make({"exists": (True, False)}, reason)

    async def undo(self, correction: int, reason: str | None = None) -> dict[str, Any]:
        """What was so before counts again. One that was undone stays as it is."""
        async with self._database.writing() as transaction:
            if not await transaction.fetch(_CORRECTION, correction):
                raise not_found("no correction has this number")
            await transaction.fetch(_UNDO, correction, self._who, reason)
            [row] = await transaction.fetch(_CORRECTION, correction)
        self._watch.forget()
        return dict(row)

    def _transaction(self, entity: str, key: str) -> "_Change":
        return _Change(self, entity, key)


class _Change:
    """One transaction about one station or bike."""

    def __init__(self, corrector: Corrector, entity: str, key: str) -> None:
        self._corrector, self._entity, self._key = corrector, entity, key
        self._context = corrector._database.writing()
        self._transaction: Reading | None = None

    async def __aenter__(self) -> "_Change":
        self._transaction = await self._context.__aenter__()
        await self._transaction.fetch(_LOCK, f"{self._entity} {self._key}")
        return self

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            await self._context.__aexit__(kind, error, trace)
        except asyncpg.IntegrityConstraintViolationError:
            raise Problem(422, "a value is not one that this field can have", "unprocessable-content") from None
        if isinstance(error, asyncpg.CheckViolationError):
            raise Problem(422, "a value is not one that this field can have", "unprocessable-content") from None
        self._corrector._watch.forget()

    async def now(self) -> dict[str, Any] | None:
        assert self._transaction is not None
        rows = await self._transaction.fetch(_NOW[self._entity], self._key)
        return dict(rows[0]) if rows else None

    async def set(self, fields: Mapping[str, Any], reason: str | None) -> None:
        before = await self.now()
        if before is None:
            raise not_found(f"there is no {self._entity} {self._key}")
        wanted = dict(fields)
        after = {**before, **wanted}
        # The mart's capacity is that of both kinds of docks.
        if self._entity == "station" and after["docks_total"] is not None:
            docks, edocks = (after[kind] or 0 for kind in ("docks_total", "edocks_total"))
            if any(after[kind] != before[kind] for kind in ("docks_total", "edocks_total")):
                wanted.setdefault("capacity", docks + edocks)
        if self._entity == "station" and (after["latitude"] is None) != (after["longitude"] is None):
            raise unusable("latitude", "latitude and longitude go together: both, or neither", "body")
        await self.make({name: (before[name], value) for name, value in wanted.items()}, reason)

    async def make(self, changes: Mapping[str, tuple[Any, Any]], reason: str | None) -> None:
        assert self._transaction is not None
        told = [(name, _text(old), _text(new)) for name, (old, new) in changes.items() if old != new]
        if told:
            names, old, new = (list(each) for each in zip(*told, strict=True))
            await self._transaction.fetch(_MAKE, self._corrector._who, self._entity, self._key, reason, names, old, new)


def _text(value: Any) -> str | None:
    """As the table has it: numbers in digits alone."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return format(Decimal(repr(value)), "f") if isinstance(value, float) else str(value)
