"""The first generation's paths on a mart that dbt has built: every answer, field by field, as the snapshots say; and its writes."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import tiny
from conftest import Client, running
from reference.archives import SHARED_DATA
from reference.first_generation import PARIS, FirstGeneration
from reference.network import read_archive

from ingestion.loading.load import load
from velib.api import keys
from velib.api.settings import Settings
from velib.postgres.connections import connect_to
from velib.postgres.home_files import CORRECTOR, READER
from velib.postgres.server import Server
from velib.simulator.archive import write_archive
from velib.simulator.config import CityConfig

pytestmark = pytest.mark.slow


TRIP_TYPES = {
    *("gap", "flicker", "maintenance", "rebalancing", "implausible", "long", "boomerang", "round_trip", "trip"),
}


def _network(folder: Path) -> Path:
    """Some of the snapshots of four days of a real network, or a simulated one where the recording is not at hand."""
    recording = sorted((SHARED_DATA / "nextbike_mainz").glob("*.json.gz"))[::5]
    if not recording:
        start = datetime(2026, 6, 2, 18)  # noqa: DTZ001 (local Paris time is what the simulator asks for)
        write_archive(folder, CityConfig(snapshots=120, bikes=300, stations=40, start=start, seed=3, every=300))
        return folder
    folder.mkdir()
    for file in recording:
        shutil.copy(file, folder)
    return folder


def _each_type(folder: Path) -> Path:
    """A bike for each type of movement, named after it: a minutely quarter of an hour, then every 20 minutes, then a gap."""
    stays: dict[str, list[tuple[int, str]]] = {  # from that minute on at that station; away where there is none
        "flicker": [(0, "100"), (3, ""), (4, "100")],
        "boomerang": [(0, "100"), (3, ""), (6, "100")],
        "round_trip": [(0, "100"), (3, ""), (13, "100"), (60, ""), (100, "100")],
        "trip": [(0, "100"), (3, ""), (13, "200"), (60, ""), (100, "300")],
        **{f"rebalancing {number}": [(0, "100"), (5, ""), (12, "300")] for number in range(3)},
        "maintenance": [(0, "200"), (3, ""), (13, "300")],
        "implausible": [(0, "300"), (3, ""), (13, "400")],
        "long": [(0, "200"), (20, ""), (280, "300")],
        "gap": [(0, "100"), (360, "200")],
        "never moved": [(0, "500")],
    }
    for minute in (*range(15), *range(20, 301, 20), 360, 361):
        listed = {code: [] for code in ("100", "200", "300", "400", "500")}
        for bike, moves in stays.items():
            at = [code for begin, code in moves if begin <= minute][-1]
            status = "indisponible" if bike == "maintenance" and minute < 3 else "disponible"
            if at:
                listed[at].append(f"{bike}/1/{status}")
        entries = [
            tiny.station(code, bikes, longitude=2.6 if code == "400" else 2.35) for code, bikes in listed.items()
        ]
        tiny.write(folder, 700 + minute, tiny.app(entries))  # from 21:40 local time on
    return folder


@pytest.fixture
def asked(
    request: pytest.FixtureRequest,
    fresh_database: str,
    postgres_home: Path,
    velib_build: Callable[..., None],
    tmp_path: Path,
) -> Iterator[tuple[Client, str, FirstGeneration]]:
    archive = request.param(tmp_path / "archive")
    load([str(archive)])
    velib_build("--no-tests")
    [(feed, snapshots)] = read_archive([archive]).items()
    key, line = keys.new("editor", ("corrections",))
    server = Server(postgres_home)
    urls = {role: server.url(role=role, database="test") for role in (READER, CORRECTOR)}
    with running(Settings(database_url=urls[READER], corrections_url=urls[CORRECTOR], keys=line, rate=0)) as client:
        yield client, key, FirstGeneration(feed, snapshots)


@pytest.mark.parametrize("asked", [_network], indirect=True)
def test_the_first_generation(asked: tuple[Client, str, FirstGeneration]) -> None:
    client, key, expected = asked
    assert min(len(expected.stations()), len(expected.velos()), len(expected.trips)) > 20
    _reads(client, expected)
    _writes(client, key)
    _positions_are_hidden(client, key, expected)


@pytest.mark.parametrize("asked", [_each_type], indirect=True)
def test_every_type_of_movement_but_flicker(asked: tuple[Client, str, FirstGeneration], fresh_database: str) -> None:
    client, _, expected = asked
    of_type = {trip.trip_type: {other.bike_id for other in expected.movements if other.trip_type == trip.trip_type}
               for trip in expected.movements}  # fmt: skip
    assert of_type.keys() == TRIP_TYPES
    assert all(bike.startswith(trip_type) for trip_type, bikes in of_type.items() for bike in bikes)
    _reads(client, expected)
    views = {
        "v_trajets": "count(*)",
        "trajets_par_route": "sum(nombre_trajets)",
        "trajets_par_jour": "sum(nombre_trajets)",
        "utilisation_velo": "sum(nombre_trajets)",
        "flux_station": "sum(departures + arrivals) / 2.0",
    }
    with contextlib.closing(connect_to(fresh_database, "velib tests")) as connection, connection.cursor() as cursor:
        for view, total in views.items():
            cursor.execute(f"select {total} from compat.{view}")
            assert cursor.fetchone() == (len(expected.trips),), view
        for view in ("v_trajets", "utilisation_velo"):
            cursor.execute(f"select distinct velo_name from compat.{view}")
            assert {bike for (bike,) in cursor.fetchall()} == {trip.bike_id for trip in expected.trips}, view


# --- reading ------------------------------------------------------------------------------------------------------------


def _reads(client: Client, expected: FirstGeneration) -> None:
    def get(path: str, **query: Any) -> Any:
        answer = client.get(f"/api/v1{path}", query)
        assert answer.status == 200, (path, query, answer.body)
        return answer.json()

    def is_refused(status: int, path: str, **query: Any) -> None:
        answer = client.get(f"/api/v1{path}", query)
        assert answer.status == status, (path, query, answer.body)
        assert isinstance(answer.json()["detail"], str)

    assert "is up" in client.get("/").json()["message"]
    stations, velos = expected.stations(), expected.velos()
    _same(get("/dimensions/stations"), stations)
    for kind in {each["type"] for each in stations} - {""} | {"none such"}:
        _same(get("/dimensions/stations", station_type=kind), [each for each in stations if each["type"] == kind])
    _same(get("/dimensions/velos"), velos)
    _same(get("/dimensions/velos", electric="true"), [each for each in velos if each["bikeelectric"] is True])
    _same(get("/dimensions/velos", electric="no"), [each for each in velos if each["bikeelectric"] is False])
    part = velos[0]["velo_name"][1:4]
    _same(get("/dimensions/velos", search=part), [each for each in velos if part in each["velo_name"]])
    _same(get(f"/dimensions/velos/{velos[1]['velo_name']}"), velos[1])
    for station in stations:
        code = station["station_code"]
        _same(get(f"/facts/stations/{code}/etat_actuel"), expected.etat_actuel(code))
    _same(get(f"/dimensions/stations/{stations[0]['station_code']}"), stations[0])

    positions = expected.localisations()
    assert len({each["loc_id"] for each in positions}) == len(positions)
    assert max(each["loc_id"] for each in positions) < 2**53
    in_newest = sum(each["timestamp_capture"] == positions[0]["timestamp_capture"] for each in positions)
    for limit, offset in ((10, 0), (2 * in_newest, 0), (7, in_newest - 3), (5, in_newest + 20), (3, 2 * in_newest)):
        _same(_told(get("/facts/localisations", limit=limit, offset=offset)), positions[offset : offset + limit])
    seconds = sorted({each["snapshot_id"] for each in positions}, reverse=True)
    last_twelve = [each for each in positions if each["snapshot_id"] in seconds[:12]]
    codes = sorted({each["station_code"] for each in last_twelve if each["station_code"] is not None})
    for code in codes[:30]:
        there = [each for each in last_twelve if each["station_code"] == code]
        _same(_told(get(f"/facts/stations/{code}/localisations", limit=1_000)), there)
    _same(_told(get(f"/facts/stations/{code}/localisations", limit=5, offset=2)), there[2:7])

    trips = expected.trajets()
    for limit, offset in ((100, 0), (10_000, 0), (50, len(trips) // 2), (10, len(trips))):
        _same(get("/analysis/trajets", limit=limit, offset=offset), trips[offset : offset + limit])
    days = [date.fromisoformat(each["jour"]) for each in expected.by_day()]
    assert len(days) > 1, "all trips are of one day: periods are not tested"
    _same(
        get("/analysis/trajets", start_date=days[1], end_date=days[1], limit=10_000),
        [trip for trip in trips if trip["heure_depart"].startswith(days[1].isoformat())],
    )
    _same(get("/analysis/trajets/by_day"), expected.by_day())
    _same(get("/analysis/trajets/top_routes", limit=100), expected.routes()[:100])
    _same(get("/analysis/trajets/top_routes"), expected.routes()[:10])
    some_days = ((days[0], days[0]), (days[1], days[-1]), (days[0] - timedelta(days=900), days[0]))
    for start, end in some_days:
        answer = get("/analysis/trajets/top_routes", start_date=start, end_date=end, limit=100)
        _same(answer, expected.routes(start, end)[:100])
    _same(get("/analysis/trajets/top_routes", start_date=days[-1] + timedelta(days=1)), [])
    _same(get("/analysis/trajets/average_by_route", limit=50), expected.average_by_route()[:50])
    _same(get("/analysis/trajets/average_by_route"), expected.average_by_route()[:10])

    used = expected.top_used()
    _same(get("/analysis/velos/top_used", limit=50), used[:50])
    _same(get("/analysis/velos/top_used"), used[:10])
    for name in [each["velo_name"] for each in used[:3]] + [velos[0]["velo_name"]]:
        _same(get(f"/analysis/trajets/velo/{name}"), [trip for trip in trips if trip["velo_name"] == name])
        _same(get(f"/analysis/velos/{name}/boomerang"), expected.boomerang(name))
        path = f"/analysis/velos/{name}/stations_visitees"
        # What the recording has is in reach of these, by one day more or less.
        first, last = days[0], days[-1]
        for period, ends in {
            "jour": days,
            "semaine": [last, first + timedelta(days=7), last + timedelta(days=8)],
            "mois": [last, _month_after(first), _month_after(last) + timedelta(days=1)],
            "annee": [last, first.replace(year=first.year + 1), last.replace(year=last.year + 1) + timedelta(days=1)],
        }.items():
            for day in ends:
                _same(get(path, periode=period, date_ref=day), expected.stations_visited(name, period, day))
        for day in (last, _month_after(last)):
            assert get(path, date_ref=day) == get(path, date_ref=day, periode="mois")
        today = datetime.now(PARIS).date()
        assert date.fromisoformat(get(path)["date_ref"]) - today <= timedelta(days=1)  # it may be midnight
        is_refused(400, path, periode="mensuel")
    flows = expected.top_source_destination()
    _same(get("/analysis/stations/top_source_destination", limit=7), flows[:7])
    _same(get("/analysis/stations/top_source_destination"), flows[:20])
    _same(get("/analysis/stations/flow_imbalance"), expected.flow_imbalance()[:20])
    _same(get("/analysis/stations/flow_imbalance", limit=100), expected.flow_imbalance()[:100])
    for start, end in (*some_days, (days[-1] + timedelta(days=1), None)):
        asked = {"start_date": start, **({"end_date": end} if end else {}), "limit": 100}
        _same(get("/analysis/stations/flow_imbalance", **asked), expected.flow_imbalance(start, end)[:100])

    for path, most in {
        "/analysis/stations/flow_imbalance": 100,
        "/analysis/stations/top_source_destination": 100,
        "/analysis/trajets/top_routes": 100,
        "/analysis/trajets/average_by_route": 50,
        "/analysis/velos/top_used": 50,
    }.items():
        get(path, limit=1)
        get(path, limit=most)
        is_refused(422, path, limit=0)
        is_refused(422, path, limit=most + 1)

    for path in (
        "/dimensions/stations/x",
        "/dimensions/velos/x",
        "/facts/stations/x/etat_actuel",
        "/analysis/velos/x/boomerang",
    ):
        answer = client.get(f"/api/v1{path}")
        assert (answer.status, answer.json()["status"]) == (404, 404)
        assert isinstance(answer.json()["detail"], str)


def _month_after(day: date) -> date:
    return day.replace(year=day.year + day.month // 12, month=day.month % 12 + 1)


def _told(positions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what a snapshot alone does not tell."""
    unsaid = {"bikeblockcause", "bikebatterylevel"}
    assert all(unsaid <= each.keys() for each in positions)
    return [{name: value for name, value in each.items() if name not in unsaid} for each in positions]


def _same(found: Any, expected: Any) -> None:
    """Equal, field by field; numbers with fractions to the ninth digit."""
    if isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            _same(one, other)
    else:
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert found[name] == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value), (
                name,
                found,
                expected,
            )


# --- writing ------------------------------------------------------------------------------------------------------------


def _ask(client: Client, method: str, path: str, body: Any = None, key: str | None = None) -> tuple[int, Any]:
    headers = {"content-type": "application/json", **({"x-api-key": key} if key else {})}
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", client.port, timeout=30)) as connection:
        connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
        answer = connection.getresponse()
        read = answer.read()
        return answer.status, json.loads(read) if read else None


def _writes(client: Client, key: str) -> None:
    def ask(method: str, path: str, body: Any = None, key: str | None = key) -> tuple[int, Any]:
        return _ask(client, method, path, body, key)

    stations, velos = "/api/v1/dimensions/stations", "/api/v1/dimensions/velos"
    known = ask("GET", stations)[1][0]
    code = known["station_code"]

    # Without a key nothing is written, and nothing is told of what would be.
    for method, path, body in (
        *(
            ("POST", stations, {"station_code": "x"}),
            ("PUT", f"{stations}/{code}", {"name": "x"}),
            ("POST", stations, {"no": 1}),
        ),
        *(("DELETE", f"{stations}/{code}?confirm=true", None), ("POST", velos, {"velo_name": "x"})),
        *(("GET", "/v1/corrections", None), ("POST", "/v1/corrections", {}), ("POST", "/v1/corrections/1/undo", None)),
    ):
        for wrong in (None, "velib_x"):
            status, told = ask(method, path, body, wrong)
            assert status == 401, (method, path)
            assert told["detail"]

    added = {
        "station_code": "new",
        "name": "Né à côté",
        "latitude": 48.25,
        "longitude": 2.5,
        "type": "yes",
        "nbdock_total": 9,
    }
    row = {**added, "maxbikeoverflow": None}

    def is_said(answer: tuple[int, Any]) -> None:
        status, told = answer
        assert (status, list(told)) == (201, ["message"])
        assert isinstance(told["message"], str)

    is_said(ask("POST", stations, added))
    assert ask("GET", f"{stations}/new") == (200, row)
    is_said(ask("POST", stations, added))
    assert ask("GET", "/v1/stations/new")[1]["capacity"] == 9
    # What is there is updated, in the fields that are given; what is read can be sent back.
    is_said(ask("POST", stations, {"station_code": code, "name": "Posted"}))
    assert ask("GET", f"{stations}/{code}") == (200, {**known, "name": "Posted"})
    is_said(ask("POST", stations, known))
    assert ask("GET", f"{stations}/{code}") == (200, known)
    made = len(ask("GET", "/v1/corrections")[1]["data"])
    assert ask("PUT", f"{stations}/{code}", known) == (200, known)
    assert ask("PUT", f"{stations}/{code}", {**known, "station_code": "another"}) == (200, known), "the path counts"
    assert len(ask("GET", "/v1/corrections")[1]["data"]) == made
    assert ask("GET", f"{stations}/another")[0] == 404
    assert ask("PUT", f"{stations}/nowhere", {"name": "x"})[0] == 404
    for undone in range(made, made - 2, -1):
        ask("POST", f"/v1/corrections/{undone}/undo")
    changed = {**known, "name": "Other", "nbdock_total": 77}
    for _ in range(2):  # the second changes nothing
        assert ask("PUT", f"{stations}/{code}", {"name": "Other", "nbdock_total": 77}) == (200, changed)
    assert ask("GET", f"{stations}/{code}") == (200, changed)
    trail = ask("GET", "/v1/corrections")[1]["data"]
    assert [each["field"] for each in trail if each["key"] == code][:3] == ["capacity", "docks_total", "name"]
    assert {each["made_by"] for each in trail} == {"editor"}
    assert (trail[-1]["field"], trail[-1]["old_value"], trail[-1]["new_value"]) == ("exists", "false", "true")

    assert ask("DELETE", f"{stations}/{code}")[0] == 400
    assert ask("DELETE", f"{stations}/nowhere")[0] == 400
    assert ask("DELETE", f"{stations}/{code}?confirm=true") == (204, None)
    assert ask("DELETE", f"{stations}/{code}?confirm=true")[0] == 404
    assert ask("GET", f"{stations}/{code}")[0] == 404
    assert ask("PUT", f"{stations}/{code}", {"name": "x"})[0] == 404
    assert ask("GET", f"/api/v1/facts/stations/{code}/etat_actuel")[0] == 200, "facts are kept"
    hidden, capacity, docks, name = (
        each["correction_id"] for each in ask("GET", f"/v1/corrections?key={code}")[1]["data"][:4]
    )
    for correction in (hidden, capacity, docks, name, name):  # what is undone stays so
        status, told = ask("POST", f"/v1/corrections/{correction}/undo", {"reason": "a trial"})
        assert (status, told["undone_by"], told["undone_reason"], told["is_in_force"]) == (
            200,
            "editor",
            "a trial",
            False,
        )
    assert ask("GET", f"{stations}/{code}") == (200, known)
    assert ask("POST", "/v1/corrections/999999/undo")[0] == 404

    # Hidden and added anew: it is what was said last, and not what was said before.
    assert ask("DELETE", f"{stations}/new?confirm=true")[0] == 204
    is_said(ask("POST", stations, {"station_code": "new", "name": "Again"}))
    assert ask("GET", f"{stations}/new")[1] == {
        **dict.fromkeys(row), "station_code": "new", "name": "Again", "type": "",
    }  # fmt: skip

    is_said(ask("POST", velos, {"velo_name": "v1", "bikeelectric": True}))
    assert ask("GET", f"{velos}/v1") == (200, {"velo_name": "v1", "bikeelectric": True})
    is_said(ask("POST", velos, {"velo_name": "v1", "bikeelectric": False}))
    assert ask("GET", f"{velos}/v1") == (200, {"velo_name": "v1", "bikeelectric": True}), "what is there is left"
    sent = {"velo_name": "v2", "bikeelectric": False}
    assert ask("PUT", f"{velos}/v1", sent) == (200, {"velo_name": "v1", "bikeelectric": False}), "the path counts"
    assert ask("PUT", f"{velos}/v2", sent)[0] == 404
    assert ask("DELETE", f"{velos}/v1")[0] == 400
    assert ask("DELETE", f"{velos}/v1?confirm=true") == (204, None)
    assert ask("DELETE", f"{velos}/v1?confirm=true")[0] == 404
    assert ask("GET", f"{velos}/v1")[0] == 404

    def correct(**given: Any) -> int:
        return ask("POST", "/v1/corrections", {"entity": "station", "key": code, **given})[0]

    assert correct(field="city_name", value="Elsewhere", reason="it moved") == 204
    assert correct(field="capacity", value=5) == 204
    assert ask("GET", f"/v1/stations/{code}")[1]["city_name"] == "Elsewhere"
    for field, value in (
        *(("capacity", "5"), ("capacity", -1), ("capacity", 1.5), ("capacity", True), ("name", ""), ("name", "\x00")),
        *(
            ("latitude", 91),
            ("latitude", None),
            ("exists", 1),
            ("exists", None),
            ("first_seen_at", "x"),
            ("made_by", "x"),
        ),
    ):
        assert correct(field=field, value=value) == 422, (field, value)
    assert correct(field="exists", value=True) == 409
    assert ask("POST", stations, {"station_code": "half", "latitude": 48.0})[0] == 422
    assert ask("GET", f"{stations}/half")[0] == 404, "what is refused is undone whole"
    assert ask("POST", stations, {"station_code": "x" * 101})[0] == 422


def _positions_are_hidden(client: Client, key: str, expected: FirstGeneration) -> None:
    """Each of which its loc_id finds, in whatever snapshot; the bike's other positions stay, and so does it when that is undone."""
    everything = expected.localisations()
    path = "/api/v1/facts/localisations"
    count = 50

    def newest() -> list[int]:
        return [each["loc_id"] for each in client.get(path, {"limit": count}).json()]

    first = newest()
    assert first == [each["loc_id"] for each in everything[:count]]
    for gone in (first[3], everything[len(everything) // 2]["loc_id"]):
        assert _ask(client, "DELETE", f"{path}/{gone}?confirm=true", key=None)[0] == 401
        assert _ask(client, "DELETE", f"{path}/{gone}", key=key)[0] == 400
        assert _ask(client, "DELETE", f"{path}/{gone}?confirm=true", key=key) == (204, None)
        assert _ask(client, "DELETE", f"{path}/{gone}?confirm=true", key=key)[0] == 404
    assert _ask(client, "DELETE", f"{path}/{first[0] + 1}?confirm=true", key=key)[0] == 404
    assert newest() == [each["loc_id"] for each in everything[: count + 1] if each["loc_id"] != first[3]]
    _, told = _ask(client, "GET", "/v1/corrections?entity=position", key=key)
    assert [each["key"].partition("/")[2] for each in told["data"]][-1] == everything[3]["velo_name"]
    assert _ask(client, "POST", f"/v1/corrections/{told['data'][-1]['correction_id']}/undo", key=key)[0] == 200
    assert newest() == first
