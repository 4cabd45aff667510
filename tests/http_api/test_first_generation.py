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
from conftest import Client, running
from reference.archives import SHARED_DATA
from reference.first_generation import FirstGeneration
from reference.network import read_archive

from api import keys
from api.settings import Settings
from ingestion.load import load
from simulator.archive import write_archive
from simulator.config import CityConfig
from warehouse.postgres import CORRECTOR, READER, Server

pytestmark = pytest.mark.slow


def _archive(folder: Path) -> Path:
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


@pytest.fixture
def asked(
    fresh_database: str, postgres_home: Path, velib_build: Callable[..., None], tmp_path: Path
) -> Iterator[tuple[Client, str, FirstGeneration]]:
    archive = _archive(tmp_path / "archive")
    load([str(archive)])
    velib_build("--no-tests")
    [(feed, snapshots)] = read_archive([archive]).items()
    key, line = keys.new("editor", ("corrections",))
    server = Server(postgres_home)
    urls = {role: server.url(role=role, database="test") for role in (READER, CORRECTOR)}
    with running(Settings(database_url=urls[READER], corrections_url=urls[CORRECTOR], keys=line, rate=0)) as client:
        yield client, key, FirstGeneration(feed, snapshots)


def test_the_first_generation(asked: tuple[Client, str, FirstGeneration]) -> None:
    client, key, expected = asked
    _reads(client, expected)
    _writes(client, key)


# --- reading ------------------------------------------------------------------------------------------------------------


def _reads(client: Client, expected: FirstGeneration) -> None:
    def get(path: str, **query: Any) -> Any:
        answer = client.get(f"/api/v1{path}", query)
        assert answer.status == 200, (path, query, answer.body)
        return answer.json()

    stations, velos = expected.stations(), expected.velos()
    assert min(len(stations), len(velos), len(expected.trips)) > 20
    _same(get("/dimensions/stations"), stations)
    for kind in {each["type"] for each in stations} - {None} | {"none such"}:
        _same(get("/dimensions/stations", station_type=kind), [each for each in stations if each["type"] == kind])
    _same(get("/dimensions/velos"), velos)
    _same(get("/dimensions/velos", electric="true"), [each for each in velos if each["bikeelectric"] == "yes"])
    _same(get("/dimensions/velos", electric="no"), [each for each in velos if each["bikeelectric"] == "no"])
    part = velos[0]["velo_name"][1:4]
    _same(get("/dimensions/velos", search=part), [each for each in velos if part in each["velo_name"]])
    _same(get(f"/dimensions/velos/{velos[1]['velo_name']}"), velos[1])
    for station in stations:
        code = station["station_code"]
        _same(get(f"/facts/stations/{code}/etat_actuel"), expected.etat_actuel(code))
    _same(get(f"/dimensions/stations/{stations[0]['station_code']}"), stations[0])

    positions = expected.localisations()
    in_newest = sum(each["timestamp_capture"] == positions[0]["timestamp_capture"] for each in positions)
    for limit, offset in ((10, 0), (2 * in_newest, 0), (7, in_newest - 3), (5, in_newest + 20), (3, 2 * in_newest)):
        _same(_told(get("/facts/localisations", limit=limit, offset=offset)), positions[offset : offset + limit])
    code = next(each["station_code"] for each in positions if each["station_code"] is not None)
    there = [each for each in positions if each["station_code"] == code]
    _same(_told(get(f"/facts/stations/{code}/localisations", limit=5)), there[:5])

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
    _same(get("/analysis/trajets/top_routes", limit=10_000), expected.routes())
    _same(get("/analysis/trajets/top_routes"), expected.routes()[:10])
    for start, end in ((days[0], days[0]), (days[1], days[-1]), (days[0] - timedelta(days=900), days[0])):
        answer = get("/analysis/trajets/top_routes", start_date=start, end_date=end, limit=10_000)
        _same(answer, expected.routes(start, end))
    _same(get("/analysis/trajets/top_routes", start_date=days[-1] + timedelta(days=1)), [])
    _same(get("/analysis/trajets/average_by_route", limit=10_000), expected.average_by_route())
    _same(get("/analysis/trajets/average_by_route", limit=3, offset=2), expected.average_by_route()[2:5])

    used = expected.top_used()
    assert {each["velo_name"] for each in get("/analysis/velos/top_used", limit=10_000)} == {
        each["velo_name"] for each in used
    }
    _same(get("/analysis/velos/top_used", limit=5), used[:5])
    for name in [each["velo_name"] for each in used[:3]] + [velos[0]["velo_name"]]:
        _same(get(f"/analysis/trajets/velo/{name}"), [trip for trip in trips if trip["velo_name"] == name])
        _same(get(f"/analysis/velos/{name}/boomerang"), expected.boomerang(name))
        for period in ("jour", "semaine", "mois", "annee"):
            visited = get(f"/analysis/velos/{name}/stations_visitees", periode=period, date_ref=days[0])
            _same(visited, expected.stations_visited(name, period, days[0]))
        newest = get(f"/analysis/velos/{name}/stations_visitees")
        _same(newest, expected.stations_visited(name, "jour", days[-1]))
    _same(get("/analysis/stations/top_source_destination", limit=7), expected.top_source_destination(7))
    _same(get("/analysis/stations/flow_imbalance"), expected.flow_imbalance())

    for path in (
        "/dimensions/stations/x",
        "/dimensions/velos/x",
        "/facts/stations/x/etat_actuel",
        "/analysis/velos/x/boomerang",
    ):
        answer = client.get(f"/api/v1{path}")
        assert (answer.status, answer.json()["status"]) == (404, 404)
        assert isinstance(answer.json()["detail"], str)


def _told(positions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what a snapshot alone does not tell."""
    unsaid = {"loc_id", "bikeblockcause", "bikebatterylevel"}
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


def _writes(client: Client, key: str) -> None:
    def ask(method: str, path: str, body: Any = None, key: str | None = key) -> tuple[int, Any]:
        headers = {"content-type": "application/json", **({"x-api-key": key} if key else {})}
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", client.port, timeout=30)) as connection:
            connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
            answer = connection.getresponse()
            read = answer.read()
            return answer.status, json.loads(read) if read else None

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
    assert ask("POST", stations, added) == (201, row)
    assert ask("GET", f"{stations}/new") == (200, row)
    assert ask("POST", stations, added)[0] == 409
    assert ask("GET", "/v1/stations/new")[1]["capacity"] == 9
    changed = {**known, "name": "Other", "nbdock_total": 77}
    for _ in range(2):  # the second changes nothing
        assert ask("PUT", f"{stations}/{code}", {"name": "Other", "nbdock_total": 77}) == (200, changed)
    assert ask("GET", f"{stations}/{code}") == (200, changed)
    trail = ask("GET", "/v1/corrections")[1]["data"]
    assert [each["field"] for each in trail if each["key"] == code] == ["capacity", "docks_total", "name"]
    assert {each["made_by"] for each in trail} == {"editor"}
    assert (trail[-1]["field"], trail[-1]["old_value"], trail[-1]["new_value"]) == ("exists", "false", "true")

    assert ask("DELETE", f"{stations}/{code}")[0] == 400
    assert ask("DELETE", f"{stations}/{code}?confirm=true")[0] == 200
    assert ask("DELETE", f"{stations}/{code}?confirm=true")[0] == 404
    assert ask("GET", f"{stations}/{code}")[0] == 404
    assert ask("PUT", f"{stations}/{code}", {"name": "x"})[0] == 404
    assert ask("GET", f"/api/v1/facts/stations/{code}/etat_actuel")[0] == 200, "facts are kept"
    hidden, capacity, docks, name = (
        each["correction_id"] for each in ask("GET", f"/v1/corrections?key={code}")[1]["data"]
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
    assert ask("DELETE", f"{stations}/new?confirm=true")[0] == 200
    assert ask("POST", stations, {"station_code": "new", "name": "Again"})[1] == {
        **dict.fromkeys(row), "station_code": "new", "name": "Again",
    }  # fmt: skip

    assert ask("POST", velos, {"velo_name": "v1", "bikeelectric": True}) == (
        201,
        {"velo_name": "v1", "bikeelectric": "yes"},
    )
    assert ask("PUT", f"{velos}/v1", {"bikeelectric": "no"}) == (200, {"velo_name": "v1", "bikeelectric": "no"})
    assert ask("DELETE", f"{velos}/v1?confirm=true")[0] == 200
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
