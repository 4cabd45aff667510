"""What stands beside a code in answers: the station's name, and how it stands now. Looked up once a state of the mart."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from velib.api.contracts import Column, Contracts
from velib.api.database import Database
from velib.api.freshness import Freshness
from velib.api.search import Names

Found = TypeVar("Found")
Row = Sequence[Any]

# A moment lies in one interval of a station and feed at most: the last that began before it, if that has not ended.
STATUS_AT = """
cross join lateral (
    select s.* from mart.fct_station_status as s
    where s.station_code = {code} and s.feed = {feed} and s.valid_from <= {at}
    order by s.valid_from desc
    limit 1
) as status
"""
COUNTS = ("bikes_available", "bikes_mechanical", "bikes_electric", "docks_free", "docks_total")
# Of several feeds that state it the one with the newest snapshot, of these the one that sorts last: as for a station's attributes.
_COUNTS = f"""
select distinct on (stated.station_code)
    stated.station_code,
    {", ".join(f"status.{name}" for name in COUNTS)}
from unnest($1::text[], $2::text[], $4::timestamptz[]) as stated (feed, station_code, newest_at)
{STATUS_AT.format(code="stated.station_code", feed="stated.feed", at="$3::timestamptz")}
where status.valid_to > $3::timestamptz
order by stated.station_code, stated.newest_at desc, stated.feed desc
"""


class LookedUp(Generic[Found]):
    """Something that is the same as long as the mart is. While a build runs it is looked up each time."""

    def __init__(self, look: Callable[[Freshness], Awaitable[Found]]) -> None:
        self._look = look
        self._token: str | None = None
        self._found: Found | None = None
        self._lock = asyncio.Lock()

    async def of(self, freshness: Freshness) -> Found:
        if freshness.token is None:
            return await self._look(freshness)
        if self._found is None or freshness.token != self._token:
            async with self._lock:  # one looks for all that wait
                if self._found is None or freshness.token != self._token:
                    self._found = await self._look(freshness)
                    self._token = freshness.token
        return self._found


class Stations:
    """All stations, as other answers need them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.names = LookedUp(self._names)
        self.pairs = LookedUp(self._pairs)
        self.counts = LookedUp(self._counts)

    async def _names(self, _: Freshness) -> Names:
        rows = await self._database.fetch("select station_code, name from mart.dim_station")
        return Names({row["station_code"]: row["name"] for row in rows})

    async def _pairs(self, freshness: Freshness) -> tuple[list[str], list[str]]:
        """Which feed ever stated a status of which station. With one feed any of its stations may be asked for; with several,
        asking a feed for a station that it does not know would go through all that the others said of it."""
        if len(freshness.feeds) == 1:
            query = "select $1::text[] as feeds, array_agg(station_code) as codes from mart.dim_station"
        else:
            query = (
                "select array_agg(feed) as feeds, array_agg(station_code) as codes from mart.kpi_station_now"
                " where feed = any($1::text[])"
            )
        [row] = await self._database.fetch(query, freshness.feed_names)
        codes = row["codes"] or []
        return row["feeds"] * len(codes) if len(freshness.feeds) == 1 else row["feeds"] or [], codes

    async def _counts(self, freshness: Freshness) -> dict[str, Row]:
        feeds, codes = await self.pairs.of(freshness)
        newest = {feed.name: feed.newest_at for feed in freshness.feeds}
        rows = await self._database.fetch(_COUNTS, feeds, codes, freshness.newest_at, [newest[feed] for feed in feeds])
        return {row["station_code"]: tuple(row)[1:] for row in rows}


@dataclass(frozen=True)
class Beside:
    """Columns that stand behind the column `code` of a relation, found by its value; null where nothing is."""

    code: str
    columns: tuple[Column, ...]
    look: Callable[[Stations, Freshness], Awaitable[Mapping[str, Row]]]


async def _names(stations: Stations, freshness: Freshness) -> Mapping[str, Row]:
    found = await stations.names.of(freshness)
    return {code: (name,) for code, name in found.names.items()}


async def _counts(stations: Stations, freshness: Freshness) -> Mapping[str, Row]:
    return await stations.counts.of(freshness)


def name(code: str) -> Beside:
    """The name of the station whose code is in that column: origin_station_name behind origin_station_code."""
    which = code.removesuffix("_code")
    description = f"The name of the station in {code}, as it is now; null where there is none, or it is hidden."
    return Beside(code, (Column(f"{which}_name", "text", description, True),), _names)


def counts(contracts: Contracts) -> Beside:
    """How a station stands now."""
    status = contracts["fct_station_status"]
    described = ((each, f"{status[each].description} Now; null where it is unobserved.") for each in COUNTS)
    return Beside(
        "station_code",
        tuple(Column(each, status[each].data_type, description, True) for each, description in described),
        _counts,
    )


class Widened:
    """Rows of a relation, with what stands beside their codes."""

    def __init__(self, columns: Sequence[Column], beside: Sequence[Beside], found: Sequence[Mapping[str, Row]]) -> None:
        self._found = {
            each.code: (mapping, (None,) * len(each.columns)) for each, mapping in zip(beside, found, strict=True)
        }
        self._places = [self._found.get(column.name) for column in columns]

    def __call__(self, rows: Sequence[Row]) -> Sequence[Row]:
        if not self._found:
            return rows
        return [self._one(row) for row in rows]

    def _one(self, row: Row) -> Row:
        told: list[Any] = []
        for value, place in zip(row, self._places, strict=True):
            told.append(value)
            if place is not None:
                mapping, nothing = place
                told += mapping.get(value, nothing)
        return told


def with_columns(columns: Sequence[Column], beside: Sequence[Beside]) -> tuple[Column, ...]:
    by_code = {each.code: each.columns for each in beside}
    return tuple(each for column in columns for each in (column, *by_code.get(column.name, ())))


async def widened(
    stations: Stations, freshness: Freshness, columns: Sequence[Column], beside: Sequence[Beside]
) -> Widened:
    return Widened(columns, beside, [await each.look(stations, freshness) for each in beside])
