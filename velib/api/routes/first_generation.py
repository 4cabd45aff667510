"""The paths of the first generation, `/api/v1`: its names, parameters and answers, over the views of `compat`.

Times are the network's local time without a zone. A trip is every movement but flicker, from last seen to first seen. What it
asked for without a period comes from sums that are kept (int_movement_sums); with one, from the movements of at most a month.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query, Request, Response

from velib.api import formats
from velib.api.answers import answer
from velib.api.corrections import Corrector
from velib.api.first_generation import (
    Boomerang,
    DayOfTrips,
    Etat,
    Flux,
    Imbalance,
    Localisation,
    MeanOfRoute,
    Route,
    Said,
    Station,
    StationAdded,
    StationChanged,
    Trajet,
    Use,
    Velo,
    VeloAdded,
    VeloChanged,
    Visited,
)
from velib.api.problems import Problem, documented, not_found, unusable
from velib.api.routes.corrections import WRITES, Writer
from velib.api.state import State, state_of
from velib.api.values import Day, Text
from velib.core.dbt_vars import var

# With a period, so many days' movements are read: a month of Paris is three millions.
MOST_DAYS = 31
LARGEST_PAGE = 10_000
FARTHEST = 1_000_000
# Positions are spread out snapshot by snapshot.
MOST_SNAPSHOTS = 12

_READS = documented(401, 403, 404, 422, 429, 503)
_STATION = "station_code, name, latitude, longitude, type, nbdock_total, maxbikeoverflow"
_TRIP = "velo_name, station_depart_code, heure_depart, station_arrivee_code, heure_arrivee, duree_trajet_minutes"
_POSITION = (
    "loc_id, snapshot_id, timestamp_capture, velo_name, station_code, bikestatus, dockposition, bikeblockcause, "
    "bikebatterylevel"
)

Code = Annotated[Text, Path(description="The station's code.", examples=["16107"])]
VeloName = Annotated[Text, Path(description="The bike's name.", examples=["08047"])]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="So many at most.")]
UpTo100 = Annotated[int, Query(ge=1, le=100, description="So many at most.")]
UpTo50 = Annotated[int, Query(ge=1, le=50, description="So many at most.")]
Offset = Annotated[int, Query(ge=0, le=FARTHEST, description="So many are left out first.")]
StartDate = Annotated[
    Day | None, Query(description="From this local day on; with end_date at most 31 days, or all there is.")
]
EndDate = Annotated[Day | None, Query(description="Up to this local day, that day too.")]


# How far each period reaches back from its last day.
PERIODS = {"jour": "0 days", "semaine": "7 days", "mois": "1 month", "annee": "1 year"}

# What the fields of the first generation are to a correction.
_FIELDS = {
    "name": "name",
    "latitude": "latitude",
    "longitude": "longitude",
    "type": "operator_type",
    "nbdock_total": "docks_total",
    "maxbikeoverflow": "max_overflow",
}


def router(reads: Sequence[Any] = ()) -> APIRouter:
    """`reads`: what has to hold of who reads."""
    found = APIRouter(prefix="/api/v1", tags=["first generation"])
    zone = ZoneInfo(var("time_zone"))

    def get(path: str, model: Any, summary: str) -> Callable[[Any], Any]:
        return found.get(
            path,
            response_model=model,
            summary=summary,
            responses=_READS,
            dependencies=list(reads),
            response_class=Response,
        )

    # --- dimensions -----------------------------------------------------------------------------------------------------

    @get("/dimensions/stations", list[Station], "Stations")
    async def stations(
        request: Request, station_type: Annotated[Text | None, Query(description="Only of this type.")] = None
    ) -> Response:
        query = f"select {_STATION} from compat.station where $1::text is null or type = $1::text order by station_code"
        return await _rows(request, query, station_type)

    @get("/dimensions/stations/{station_code}", Station, "A station")
    async def station(request: Request, station_code: Code) -> Response:
        return await _one(
            request, f"select {_STATION} from compat.station where station_code = $1::text", "station", station_code
        )

    @get("/dimensions/velos", list[Velo], "Bikes")
    async def velos(
        request: Request,
        electric: Annotated[bool | None, Query(description="Only electric ones, or only others.")] = None,
        search: Annotated[Text | None, Query(description="Only those whose name has this in it.")] = None,
    ) -> Response:
        query = """
            select velo_name, bikeelectric from compat.velo
            where ($1::boolean is null or bikeelectric = $1::boolean)
                and ($2::text is null or strpos(lower(velo_name), lower($2::text)) > 0)
            order by velo_name
        """
        return await _rows(request, query, electric, search)

    @get("/dimensions/velos/{velo_name}", Velo, "A bike")
    async def velo(request: Request, velo_name: VeloName) -> Response:
        return await _one(
            request, "select velo_name, bikeelectric from compat.velo where velo_name = $1::text", "bike", velo_name
        )

    # --- facts ----------------------------------------------------------------------------------------------------------

    @get("/facts/stations/{station_code}/etat_actuel", Etat, "How a station stands: its latest status")
    async def etat_actuel(request: Request, station_code: Code) -> Response:
        query = """
            select station_code, timestamp_capture, nbbike, nbebike, nbfreedock, state from compat.etat_actuel
            where station_code = $1::text
        """
        return await _one(request, query, "status of a station", station_code)

    @get("/facts/localisations", list[Localisation], "Positions of bikes, the newest first, by loc_id")
    async def localisations(
        request: Request, limit: Limit = 100, offset: Annotated[int, Query(ge=0, le=100_000)] = 0
    ) -> Response:
        return await _told(request, lambda state: _localisations(state, None, limit, offset))

    @get("/facts/stations/{station_code}/localisations", list[Localisation], "The same of one station")
    async def localisations_of_station(
        request: Request, station_code: Code, limit: Limit = 100, offset: Annotated[int, Query(ge=0, le=100_000)] = 0
    ) -> Response:
        return await _told(request, lambda state: _localisations(state, station_code, limit, offset))

    # --- analysis -------------------------------------------------------------------------------------------------------

    @get("/analysis/trajets", list[Trajet], "Trips, the newest first")
    async def trajets(
        request: Request, limit: Limit = 100, offset: Offset = 0, start_date: StartDate = None, end_date: EndDate = None
    ) -> Response:
        return await _told(request, lambda state: _trajets(state, limit, offset, start_date, end_date))

    @get("/analysis/trajets/velo/{velo_name}", list[Trajet], "A bike's trips, the newest first")
    async def trajets_of_velo(
        request: Request, velo_name: VeloName, limit: Limit = 1_000, offset: Offset = 0
    ) -> Response:
        query = f"""
            select {_TRIP} from compat.v_trajets where velo_name = $1::text
            order by heure_depart desc, heure_arrivee desc limit $2::integer offset $3::integer
        """

        async def told(state: State) -> Any:
            await _require_velo(state, velo_name)
            return await _fetch(state, query, velo_name, limit, offset)

        return await _told(request, told)

    @get("/analysis/trajets/top_routes", list[Route], "The routes with the most trips")
    async def top_routes(
        request: Request, limit: UpTo100 = 10, start_date: StartDate = None, end_date: EndDate = None
    ) -> Response:
        return await _told(request, lambda state: _top_routes(state, limit, start_date, end_date))

    @get("/analysis/trajets/by_day", list[DayOfTrips], "Trips by day")
    async def by_day(request: Request, start_date: StartDate = None, end_date: EndDate = None) -> Response:
        query = """
            select jour, nombre_trajets, duree_moyenne_minutes from compat.trajets_par_jour
            where ($1::date is null or jour >= $1::date) and ($2::date is null or jour <= $2::date) order by jour
        """
        return await _rows(request, query, start_date, end_date)

    @get("/analysis/trajets/average_by_route", list[MeanOfRoute], "How long trips take by route, the longest first")
    async def average_by_route(request: Request, limit: UpTo50 = 10) -> Response:
        query = """
            select station_depart_code, station_arrivee_code, duree_moyenne_minutes from compat.trajets_par_route
            order by duree_moyenne_minutes desc, station_depart_code, station_arrivee_code limit $1::integer
        """
        return await _rows(request, query, limit)

    @found.get(
        "/analysis/velos/{velo_name}/stations_visitees",
        response_model=Visited,
        summary="How many stations a bike's trips of a period touch",
        responses={**_READS, **documented(400)},
        dependencies=list(reads),
        response_class=Response,
    )
    async def stations_visitees(
        request: Request,
        velo_name: VeloName,
        periode: Annotated[
            str,
            Query(
                description="jour is date_ref itself; semaine, mois and annee reach back from it.",
                json_schema_extra={"enum": list(PERIODS)},
            ),
        ] = "mois",
        date_ref: Annotated[Day | None, Query(description="The last day of the period; by default today.")] = None,
    ) -> Response:
        if periode not in PERIODS:
            raise Problem(400, f"periode: one of {', '.join(PERIODS)}", "unknown-period")
        if date_ref is None:  # another answer tomorrow, whatever is built: not one to keep
            return _json(await _stations_visitees(state_of(request), velo_name, periode, datetime.now(zone).date()))
        return await _told(request, lambda state: _stations_visitees(state, velo_name, periode, date_ref))

    @get("/analysis/velos/{velo_name}/boomerang", Boomerang, "Whether a bike's trips come back to where they begin")
    async def boomerang(request: Request, velo_name: VeloName) -> Response:
        query = """
            select count(*) as n from compat.v_trajets
            where velo_name = $1::text and station_depart_code = station_arrivee_code
        """

        async def told(state: State) -> Any:
            await _require_velo(state, velo_name)
            [row] = await _fetch(state, query, velo_name)
            return {"velo_name": velo_name, "is_boomerang_user": row["n"] > 0, "count": row["n"]}

        return await _told(request, told)

    @get("/analysis/velos/top_used", list[Use], "The bikes with the most trips")
    async def top_used(request: Request, limit: UpTo50 = 10) -> Response:
        query = """
            select velo_name, nombre_trajets, duree_totale_heures from compat.utilisation_velo
            order by nombre_trajets desc, velo_name limit $1::integer
        """
        return await _rows(request, query, limit)

    @get(
        "/analysis/stations/top_source_destination",
        list[Flux],
        "The stations that most trips leave or come to, both in one list",
    )
    async def top_source_destination(request: Request, limit: UpTo100 = 20) -> Response:
        query = """
            select f.station_code, s.name as station_name, f.type_flux, f.nombre_flux
            from (
                select station_code, 'Depart' as type_flux, departures as nombre_flux from compat.flux_station
                union all
                select station_code, 'Arrivee', arrivals from compat.flux_station
                order by nombre_flux desc, station_code, type_flux desc limit $1::integer
            ) as f
            left join compat.station as s on s.station_code = f.station_code
            where f.nombre_flux > 0
            order by f.nombre_flux desc, f.station_code, f.type_flux desc
        """
        return await _rows(request, query, limit)

    @get("/analysis/stations/flow_imbalance", list[Imbalance], "Stations by how much they drain or fill")
    async def flow_imbalance(
        request: Request, limit: UpTo100 = 20, start_date: StartDate = None, end_date: EndDate = None
    ) -> Response:
        return await _told(request, lambda state: _flow_imbalance(state, limit, start_date, end_date))

    _add_writes(found)
    return found


def _add_writes(found: APIRouter) -> None:
    confirm = Annotated[bool, Query(description="Has to be true.")]

    @found.post(
        "/dimensions/stations",
        response_model=Said,
        status_code=201,
        summary="Add a station, or correct the one that is there",
        responses=WRITES,
    )
    async def add_station(request: Request, given: StationAdded, writer: Writer) -> Response:
        fields = _corrections_of(given.model_dump(exclude={"station_code"}))
        of_these = _corrections_of(given.model_dump(exclude={"station_code"}, exclude_unset=True))
        corrector = Corrector(state_of(request), writer.name)
        if await corrector.ensure("station", given.station_code, fields, of_these):
            return _json({"message": f"the station {given.station_code} is added"}, 201)
        return _json({"message": f"the station {given.station_code} was there, and is updated"}, 201)

    @found.put(
        "/dimensions/stations/{station_code}", response_model=Station, summary="Correct a station", responses=WRITES
    )
    async def change_station(request: Request, station_code: Code, given: StationChanged, writer: Writer) -> Response:
        fields = given.model_dump(exclude_unset=True)
        await Corrector(state_of(request), writer.name).change("station", station_code, _corrections_of(fields))
        return await _station(request, station_code, 200)

    @found.delete(
        "/dimensions/stations/{station_code}",
        status_code=204,
        summary="Hide a station",
        responses={**WRITES, **documented(400)},
    )
    async def hide_station(request: Request, station_code: Code, writer: Writer, confirm: confirm = False) -> Response:
        return await _hide(request, "station", station_code, writer.name, confirm)

    @found.post(
        "/dimensions/velos",
        response_model=Said,
        status_code=201,
        summary="Add a bike; one that is there is left as it is",
        responses=WRITES,
    )
    async def add_velo(request: Request, given: VeloAdded, writer: Writer) -> Response:
        fields = {"bike_type": _bike_type(given.bikeelectric)}
        if await Corrector(state_of(request), writer.name).ensure("bike", given.velo_name, fields):
            return _json({"message": f"the bike {given.velo_name} is added"}, 201)
        return _json({"message": f"the bike {given.velo_name} was there, and is left as it is"}, 201)

    @found.put("/dimensions/velos/{velo_name}", response_model=Velo, summary="Correct a bike", responses=WRITES)
    async def change_velo(request: Request, velo_name: VeloName, given: VeloChanged, writer: Writer) -> Response:
        fields = {"bike_type": _bike_type(given.bikeelectric)} if "bikeelectric" in given.model_fields_set else {}
        await Corrector(state_of(request), writer.name).change("bike", velo_name, fields)
        return await _velo(request, velo_name, 200)

    @found.delete(
        "/dimensions/velos/{velo_name}",
        status_code=204,
        summary="Hide a bike",
        responses={**WRITES, **documented(400)},
    )
    async def hide_velo(request: Request, velo_name: VeloName, writer: Writer, confirm: confirm = False) -> Response:
        return await _hide(request, "bike", velo_name, writer.name, confirm)

    @found.delete(
        "/facts/localisations/{loc_id}",
        status_code=204,
        summary="Hide a bike's position in a snapshot",
        responses={**WRITES, **documented(400)},
    )
    async def hide_position(
        request: Request,
        loc_id: Annotated[int, Path(ge=0, lt=2**53, description="The position.")],
        writer: Writer,
        confirm: confirm = False,
    ) -> Response:
        _require_confirmed(confirm)
        found = await _fetch(state_of(request), _POSITION_OF_ID, loc_id)
        if not found:
            raise not_found(f"there is no position {loc_id}")
        return await _hide(request, "position", found[0]["key"], writer.name, confirm)


# loc_id is taken apart as macros/figures/first_generation.sql puts it together: so indexes find it.
_POSITION_OF_ID = """
select snapshot_id || '/' || velo_name as key from compat.localisation_velo
where snapshot_id = $1::bigint >> 21 and velo_number = (($1::bigint >> 4) & 131071)::integer and loc_id = $1::bigint
"""


async def _hide(request: Request, entity: str, key: str, who: str, is_confirmed: bool) -> Response:
    _require_confirmed(is_confirmed)
    await Corrector(state_of(request), who).hide(entity, key)
    return Response(status_code=204)


def _require_confirmed(is_confirmed: bool) -> None:
    if not is_confirmed:
        raise Problem(
            400, "say confirm=true: what is hidden is so for everybody, until that is undone", "not-confirmed"
        )


def _corrections_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {_FIELDS[name]: value for name, value in fields.items()}


def _bike_type(electric: bool | None) -> str | None:
    return None if electric is None else "electric" if electric else "mechanical"


async def _station(request: Request, code: str, status: int) -> Response:
    [row] = await _fetch(
        state_of(request), f"select {_STATION} from compat.station where station_code = $1::text", code
    )
    return _json(row, status)


async def _velo(request: Request, name: str, status: int) -> Response:
    [row] = await _fetch(
        state_of(request), "select velo_name, bikeelectric from compat.velo where velo_name = $1::text", name
    )
    return _json(row, status)


# --- how answers are made -----------------------------------------------------------------------------------------------


async def _rows(request: Request, query: str, *values: Any) -> Response:
    return await _told(request, lambda state: _fetch(state, query, *values))


async def _one(request: Request, query: str, what: str, key: str) -> Response:
    async def told(state: State) -> Any:
        rows = await _fetch(state, query, key)
        if not rows:
            raise not_found(f"there is no {what} {key}")
        return rows[0]

    return await _told(request, told)


async def _told(request: Request, make: Callable[[State], Awaitable[Any]]) -> Response:
    """Kept answers hold until a build or a correction, and caches ask each time: a correction is seen at once."""
    state = state_of(request)

    async def body() -> tuple[bytes, dict[str, str]]:
        return formats.as_json(await make(state)), {}

    told = await answer(request, state, await state.watch.now(), formats.JSON, body)
    told.headers["cache-control"] = "private, no-cache" if state.settings.reads_need_key else "public, no-cache"
    return told


async def _fetch(state: State, query: str, *values: Any) -> list[dict[str, Any]]:
    rows = await state.database.fetch(query, *values)
    return [
        {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
        for row in rows
    ]


def _json(told: Any, status: int = 200) -> Response:
    return Response(
        formats.as_json(told), status, media_type=formats.JSON.header, headers={"cache-control": "no-store"}
    )


async def _require_velo(state: State, name: str) -> None:
    """Facts of a hidden bike are told still."""
    query = """
        select 1 from compat.velo where velo_name = $1::text
        union all (select 1 from compat.v_trajets where velo_name = $1::text limit 1)
    """
    if not await state.database.fetch(query, name):
        raise not_found(f"there is no bike {name}")


async def _localisations(state: State, station: str | None, limit: int, offset: int) -> list[dict[str, Any]]:
    """Of the newest snapshots: of a station's few bikes all of these at once, else snapshot by snapshot from the newest on."""
    told = await state.database.fetch(_NEWEST, (await state.watch.now()).feed_names)
    newest = sorted({snapshot for _, snapshot in told}, reverse=True)[:MOST_SNAPSHOTS]
    if station is not None and len({feed for feed, _ in told}) == 1:  # of each bike dim_bike knows one feed's place
        bikes = [bike for [bike] in await state.database.fetch(_BIKES_LATELY_AT, station, newest[-1])]
        query = f"""
            select {_POSITION} from compat.localisation_velo
            where snapshot_id = any($1::bigint[]) and velo_name = any($2::text[]) and station_code = $3::text
            order by loc_id desc limit $4::integer offset $5::integer
        """
        return await _fetch(state, query, newest, bikes, station, limit, offset)
    wanted = """
        from compat.localisation_velo
        where snapshot_id = $1::bigint and ($2::text is null or station_code = $2::text)
    """
    # Within a snapshot the order of loc_id, in words that an index answers.
    order = "order by velo_number desc, loc_id desc limit $3::integer offset $4::integer"
    found: list[dict[str, Any]] = []
    for snapshot in newest:
        rows = await _fetch(
            state, f"select {_POSITION} {wanted} {order}", snapshot, station, limit - len(found), offset
        )
        if not rows and offset:
            [[count]] = await state.database.fetch(f"select count(*) {wanted}", snapshot, station)
            offset = max(0, offset - count)
            continue
        found, offset = found + rows, 0
        if len(found) >= limit:
            break
    return found


_NEWEST = f"""
select latest.feed, floor(extract(epoch from latest.snapshot_at))::bigint as snapshot_id
from unnest($1::text[]) as feeds (feed)
cross join lateral (
    select s.feed, s.snapshot_at, s.bike_count from mart.fct_snapshots as s where s.feed = feeds.feed
    order by s.snapshot_at desc limit {MOST_SNAPSHOTS}
) as latest
where latest.bike_count > 0
"""

# Whatever stood at a station since a snapshot: it stands there, left it for another, or is gone; or it is hidden, and no dimension
# knows where it is.
_BIKES_LATELY_AT = """
select bike_id from mart.dim_bike where current_station_code = $1::text
union
select bike_id from mart.fct_trips where origin_station_code = $1::text and departed_at >= to_timestamp($2::bigint)
union
select bike_id from mart.dim_bike where current_station_code is null and last_seen_at >= to_timestamp($2::bigint)
union
select key from mart.fct_corrections where entity = 'bike' and field = 'exists' and is_in_force
"""


async def _days(state: State) -> list[tuple[date, int]]:
    rows = await state.database.fetch("select jour, nombre_trajets from compat.trajets_par_jour order by jour desc")
    return [tuple(row) for row in rows]


async def _trajets(state: State, limit: int, offset: int, start: date | None, end: date | None) -> list[dict[str, Any]]:
    """The days' counts say in which days these trips are; only those are read."""
    days = [
        (day, count)
        for day, count in await _days(state)
        if (start is None or day >= start) and (end is None or day <= end)
    ]
    while days and offset >= days[0][1]:
        offset -= days.pop(0)[1]
    read, there = [], 0
    for day, count in days:
        read.append(day)
        there += count
        if there >= offset + limit or len(read) == MOST_DAYS:
            break
    if not read:
        return []
    query = f"""
        select {_TRIP} from compat.v_trajets where heure_depart >= $1::timestamp and heure_depart < $2::timestamp
        order by heure_depart desc, velo_name, heure_arrivee desc limit $3::integer offset $4::integer
    """
    return await _fetch(state, query, _begin(read[-1]), _begin(read[0] + timedelta(days=1)), limit, offset)


async def _top_routes(state: State, limit: int, start: date | None, end: date | None) -> list[dict[str, Any]]:
    columns, order = (
        "station_depart_code, station_arrivee_code",
        "order by nombre_trajets desc, station_depart_code, station_arrivee_code",
    )
    period = await _period(state, start, end)
    if period.is_all:
        query = f"""
            select {columns}, nombre_trajets, duree_moyenne_minutes
            from compat.trajets_par_route {order} limit $1::integer
        """
        return await _fetch(state, query, limit)
    query = f"""
        select {columns}, count(*) as nombre_trajets, avg(duree_trajet_minutes) as duree_moyenne_minutes
        from compat.v_trajets
        where heure_depart >= $1::timestamp and heure_depart < $2::timestamp
        group by {columns} {order} limit $3::integer
    """
    return await _fetch(state, query, period.begin, period.end, limit)


async def _flow_imbalance(state: State, limit: int, start: date | None, end: date | None) -> list[dict[str, Any]]:
    """Of every station, those without trips too; and of hidden ones, whose trips are told still."""
    period = await _period(state, start, end)
    flows = """
        select ends.station_code, count(*) filter (where ends.is_departure) as departures,
            count(*) filter (where not ends.is_departure) as arrivals
        from compat.v_trajets as t
        cross join lateral (values (t.station_depart_code, true), (t.station_arrivee_code, false))
            as ends (station_code, is_departure)
        where t.heure_depart >= $2::timestamp and t.heure_depart < $3::timestamp
        group by ends.station_code
    """
    moments: tuple[datetime, ...] = (period.begin, period.end)
    if period.is_all:
        moments = ()
        flows = "select station_code, departures, arrivals from compat.flux_station"
    query = f"""
        select coalesce(s.station_code, f.station_code) as station_code, s.name as station_name,
            coalesce(f.departures, 0) as departures, coalesce(f.arrivals, 0) as arrivals,
            coalesce(f.departures - f.arrivals, 0) as imbalance
        from compat.station as s full join ({flows}) as f on f.station_code = s.station_code
        order by abs(coalesce(f.departures - f.arrivals, 0)) desc, station_code limit $1::integer
    """
    return await _fetch(state, query, limit, *moments)


class _Period(NamedTuple):
    """From `begin` on, up to `end` and not that moment."""

    begin: datetime
    end: datetime
    is_all: bool
    """All there is: sums of it are kept."""


async def _period(state: State, start: date | None, end: date | None) -> _Period:
    """What is asked for of what there is: maybe nothing."""
    days = await _days(state)
    nothing = _Period(datetime(2000, 1, 1), datetime(2000, 1, 1), False)  # noqa: DTZ001 (nothing lies in it)
    if not days:
        return nothing
    (last, _), (first, _) = days[0], days[-1]
    begin, until = max(start or first, first), min(end or last, last)
    if begin > until:
        return nothing
    is_all = (begin, until) == (first, last)
    if not is_all and (until - begin).days >= MOST_DAYS:
        raise unusable("start_date", f"with end_date at most {MOST_DAYS} days, or all there is: {first} to {last}")
    return _Period(_begin(begin), _begin(until + timedelta(days=1)), is_all)


async def _stations_visitees(state: State, name: str, period: str, day: date) -> dict[str, Any]:
    await _require_velo(state, name)
    query = """
        select count(distinct ends.station_code) as n
        from compat.v_trajets as t
        cross join lateral (values (t.station_depart_code), (t.station_arrivee_code)) as ends (station_code)
        where t.velo_name = $1::text and t.heure_depart >= $2::date - $3::text::interval
            and t.heure_depart < $2::date + 1
    """
    [row] = await _fetch(state, query, name, day, PERIODS[period])
    return {"velo_name": name, "periode": period, "date_ref": day, "nombre_stations_visitees": row["n"]}


def _begin(day: date) -> datetime:
    return datetime.combine(day, time())
