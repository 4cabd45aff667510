"""What the API answers is what the database says: pages, sorting, filters, formats, moments, distances, caching."""

from __future__ import annotations

import csv
import io
import json
import math
import time
import urllib.parse
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from mart_of_contracts import BIKES, FEEDS, NEWEST, START, STATIONS, MartOfContracts, rows_of

from velib.api.contracts import Relation, read
from velib.api.search import Names

CONTRACTS = read()
KPIS = [relation.name for relation in CONTRACTS.kpis()]
ALL_TIME = {"from": "2026-01-01", "to": "2026-12-31"}
ALL_HOURS = {"from": "2026-05-15T00:00:00Z", "to": "2026-06-15T00:00:00Z"}


def seen(value: Any) -> Any:
    """A value of the database as JSON has it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value


def rows_in(mart: MartOfContracts, relation: Relation, order: str = "", where: str = "true") -> list[dict[str, Any]]:
    """Asked for as directly as can be."""
    names = [column.name for column in relation.columns]
    asked = [
        {"uuid": f"{column.name}::text", "real": f"{column.name}::text::float8"}.get(column.data_type, column.name)
        if column.name != "valid_to"
        else "case when not is_current then valid_to end"
        for column in relation.columns
    ]
    tail = f" order by {order}" if order else ""
    found = mart.rows(f"select {', '.join(asked)} from {relation.table} as t where {where}{tail}")
    return [{name: seen(value) for name, value in zip(names, row, strict=True)} for row in found]


def own(relation: Relation, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of rows of an answer what is the relation's own, without what stands beside its codes."""
    return [{column.name: row[column.name] for column in relation.columns} for row in rows]


def same_set(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> bool:
    return sorted(json.dumps(row, sort_keys=True) for row in one) == sorted(
        json.dumps(row, sort_keys=True) for row in other
    )


def whole_period(relation: Relation) -> dict[str, str]:
    times = [column.data_type for column in map(relation.__getitem__, relation.key) if column.data_type != "text"]
    if "date" in times:
        return ALL_TIME
    return ALL_HOURS if "timestamp with time zone" in times else {}


@pytest.mark.parametrize("name", KPIS)
def test_every_key_figure_gives_all_its_rows_and_columns(client: Client, mart: MartOfContracts, name: str) -> None:
    relation = CONTRACTS[name]
    answer = client.get(f"/v1/kpis/{name}", {**whole_period(relation), "limit": 1000})
    assert answer.status == 200, answer.body
    rows = answer.json()["data"]
    assert rows
    assert same_set(rows, rows_in(mart, relation))
    assert client.get(f"/v1/kpis/{name}").status == 200, "without a period, too"


def test_the_list_of_key_figures_is_of_the_contracts(client: Client) -> None:
    told = client.get("/v1/kpis").json()["data"]
    assert [each["name"] for each in told] == KPIS
    assert all(each["description"] and each["columns"] for each in told)


# --- pages ------------------------------------------------------------------------------------------------------------

WALKED = {
    "/v1/stations": "dim_station",
    "/v1/bikes": "dim_bike",
    "/v1/trips": "fct_trips",
    "/v1/kpis/kpi_trips_daily": "kpi_trips_daily",
    "/v1/kpis/kpi_station_hourly": "kpi_station_hourly",
    "/v1/kpis/kpi_station_now": "kpi_station_now",
}


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(data=st.data())
def test_all_pages_together_are_the_rows_in_their_order(
    client: Client, mart: MartOfContracts, data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(sorted(WALKED)))
    relation = CONTRACTS[WALKED[path]]
    sortable = [column for column in relation.columns if column.name != "valid_to"]
    columns = data.draw(st.lists(st.sampled_from(sortable), max_size=3, unique_by=lambda column: column.name))
    turned = data.draw(st.lists(st.booleans(), min_size=len(columns), max_size=len(columns)))
    period = ALL_HOURS if path == "/v1/trips" else whole_period(relation)
    asked: dict[str, Any] = {**period, "limit": data.draw(st.sampled_from([1, 3, 7, 1000]))}
    where, filtered = data.draw(st.sampled_from([("true", None), ("feed = 'app'", ("feed", "app"))]))
    if filtered and "feed" in relation.by_name:
        asked[filtered[0]] = filtered[1]
    else:
        where = "true"
    if columns:
        asked["sort"] = ",".join(
            ("-" if down else "") + column.name for column, down in zip(columns, turned, strict=True)
        )
    pages = list(client.pages(path, asked))
    rows = [row for page in pages for row in page["data"]]
    assert all(len(page["data"]) == asked["limit"] for page in pages[:-1])
    rows = own(relation, rows)
    assert same_set(rows, rows_in(mart, relation, where=where)), "each row once, and none is missing"
    if columns:
        order = ", ".join(
            f"t.{column.name} {'desc' if down else 'asc'} nulls last"
            for column, down in zip(columns, turned, strict=True)
        )
        names = [column.name for column in columns]
        expected = rows_in(mart, relation, order, where)
        assert [[row[name] for name in names] for row in rows] == [[row[name] for name in names] for row in expected]


def test_a_cursor_outlives_what_comes_and_goes(client: Client, mart: MartOfContracts) -> None:
    pages = client.pages("/v1/stations", {"limit": 2})
    first = next(pages)["data"]
    row = next(rows_of(CONTRACTS["dim_station"]))
    mart.fill(CONTRACTS["dim_station"], [{**row, "station_code": "0000"}, {**row, "station_code": "zzzz"}])
    mart.execute("delete from mart.dim_station where station_code = %s", first[1]["station_code"])
    try:
        rest = [station["station_code"] for page in pages for station in page["data"]]
        told = [station["station_code"] for station in first]
        assert [*told, *rest] == sorted([*STATIONS, "zzzz"]), "none twice, none missing, the late one at its place"
    finally:
        mart.execute("truncate mart.dim_station")
        mart.fill(CONTRACTS["dim_station"], list(rows_of(CONTRACTS["dim_station"])))


def test_the_next_page_is_in_a_header_too_in_any_format(client: Client) -> None:
    path, found = "/v1/trips?limit=9&format=csv", []
    while path:
        answer = client.get(path)
        found += list(csv.DictReader(io.StringIO(answer.body.decode())))
        path = answer.headers.get("link", "").partition(">")[0].lstrip("<")
    assert len({row["trip_id"] for row in found}) == len(found) == 40


# --- filters ----------------------------------------------------------------------------------------------------------

FILTERS = [
    ({"trip_type": "a"}, "trip_type = 'a'"),
    ({"trip_type": ["a", "B"], "is_customer_trip": "true"}, "trip_type in ('a', 'B') and is_customer_trip"),
    ({"origin_station_code": STATIONS[3]}, "origin_station_code = 'it''s \"one\"'"),
    ({"bike_id": "b'3", "filter": "distance_m.notnull"}, "bike_id = 'b''3' and distance_m is not null"),
    ({"filter": ["distance_m.gte.0.1", "distance_m.lt.1000"]}, "distance_m >= 0.1 and distance_m < 1000"),
    ({"filter": "bike_type.null"}, "bike_type is null"),
    ({"filter": "bike_type.ne.'"}, "bike_type <> ''''"),
    (
        {"from": "2026-06-02T08:30:00Z", "to": "2026-06-02T11:30:00+02:00"},
        "departed_at >= '2026-06-02 08:30Z' and departed_at < '2026-06-02 09:30Z'",
    ),
    ({"trip_id": "00000000-0000-0000-0000-000000000007"}, "trip_id = '00000000-0000-0000-0000-000000000007'"),
]


def test_pages_go_on_after_a_null_at_the_end_of_the_order(client: Client, mart: MartOfContracts) -> None:
    asked = {"from": "2026-01-01", "to": "2026-12-31", "limit": 1}
    for sort in ("trip_type", "-trip_type", "bike_type", "trip_type,bike_type"):
        pages = client.pages("/v1/kpis/kpi_trips_daily", {**asked, "sort": sort})
        rows = [row for page in pages for row in page["data"]]
        assert same_set(rows, rows_in(mart, CONTRACTS["kpi_trips_daily"])), sort


@pytest.mark.parametrize(("asked", "where"), FILTERS, ids=[where for _, where in FILTERS])
def test_filters_compose(client: Client, mart: MartOfContracts, asked: dict[str, Any], where: str) -> None:
    answer = client.get("/v1/trips", {**asked, "limit": 1000})
    assert answer.status == 200, answer.body
    expected = rows_in(mart, CONTRACTS["fct_trips"], where=where)
    assert expected
    assert same_set(own(CONTRACTS["fct_trips"], answer.json()["data"]), expected)


NAMES = {
    "1001": "Châtelet - Les Halles",
    "16107": "50 %_\\ Zôla",
    "31024_relais": "Römerpassage",
    'it\'s "one"': "Rue de l’Hôtel-de-Ville / Œuvre",
    "é%_\\": "Łódź Straße",
}


@pytest.fixture
def named(start: Any, mart: MartOfContracts) -> Iterator[Client]:
    """An API on stations with these names."""
    for code, name in NAMES.items():
        mart.execute("update mart.dim_station set name = %s where station_code = %s", name, code)
    yield start()
    mart.execute("truncate mart.dim_station")
    mart.fill(CONTRACTS["dim_station"], list(rows_of(CONTRACTS["dim_station"])))


@pytest.mark.parametrize(
    ("part", "found"),
    [
        *((each, ["1001"]) for each in ("châtelet", "chatelet", "CHATELET", "halles chat", "atele", "cha\u0302telet", "halles,")),
        *((each, ["31024_relais"]) for each in ("romerpassage", "Römer", "ROMERP", "passage")),
        *((each, ["16107"]) for each in ("zÔL", "%_\\", "50 zola")),
        *((each, ['it\'s "one"']) for each in ("l'hotel", "hôtel de ville", "hotel-de-ville", "oeuvre", "l hotel")),
        *((each, ["é%_\\"]) for each in ("lodz", "strasse", "STRASSE", "straße")),
        *((each, []) for each in ("%%", "0%z", "chatelet zola", "hotelx", "ß ß ß x")),
        ("%", ["16107"]),
        ("-", ["1001", 'it\'s "one"']),
    ],
)  # fmt: skip
def test_a_name_is_found_by_its_parts_whatever_accents_and_case(named: Client, part: str, found: list[str]) -> None:
    answer = named.get("/v1/stations", {"q": part})
    assert [row["station_code"] for row in answer.json()["data"]] == sorted(found)


def test_searching_1500_stations_is_quick() -> None:
    names = Names({str(number): f"Rue de l'Hôtel-de-Ville {number} - Châtelet" for number in range(1_500)})
    begin = time.perf_counter()
    for _ in range(10):
        assert len(names.find("chatelet 149 hotel")) == 12
    assert time.perf_counter() - begin < 1, "some milliseconds each"


# --- what stands beside codes -------------------------------------------------------------------------------------------


def test_names_stand_beside_codes_in_every_format(named: Client, mart: MartOfContracts) -> None:
    mart.execute("delete from mart.dim_station where station_code = '1001'")
    rows = 0
    for path, codes in (
        ("/v1/trips", ("origin_station_code", "destination_station_code")),
        ("/v1/routes", ("origin_station_code", "destination_station_code")),
        (f"/v1/bikes/{BIKES[1]}/trips", ("origin_station_code", "destination_station_code")),
        (f"/v1/bikes/{BIKES[1]}/locations", ("station_code",)),
        ("/v1/bikes", ("current_station_code",)),
    ):
        for asked in ({"limit": 1000}, {"limit": 1000, "format": "parquet"}, {"limit": 5000, "format": "arrow"}):
            answer = named.get(path, asked)
            assert answer.status == 200, answer.body
            found = table_of(asked["format"], answer.body).to_pylist() if "format" in asked else answer.json()["data"]
            for row in found:
                rows += 1
                for code in codes:
                    name = NAMES.get(row[code]) if row[code] != "1001" else None
                    assert row[f"{code.removesuffix('_code')}_name"] == name
                    order = list(row)
                    assert order.index(f"{code.removesuffix('_code')}_name") == order.index(code) + 1
    assert rows > 100
    one = named.get(f"/v1/bikes/{BIKES[1]}").json()
    assert "current_station_name" in one


def test_stations_have_their_counts_now(named: Client, mart: MartOfContracts) -> None:
    expected = mart.rows(
        "select distinct on (station_code) station_code, bikes_available, bikes_mechanical, bikes_electric, docks_free, docks_total"
        " from mart.fct_station_status where valid_from <= %s and valid_to > %s order by station_code, feed desc",
        *(NEWEST, NEWEST),
    )
    told = {row["station_code"]: row for row in named.get("/v1/stations", {"limit": 1000}).json()["data"]}
    assert len(expected) == len(told)
    for code, *counts in expected:
        names = ("bikes_available", "bikes_mechanical", "bikes_electric", "docks_free", "docks_total")
        assert [told[code][name] for name in names] == counts
    assert named.get("/v1/stations/1001").json() == told["1001"]
    mart.execute("delete from mart.kpi_station_now where station_code = '1001'")
    mart.build("unobserved", datetime.now(UTC))
    time.sleep(2.1)
    try:
        assert named.get("/v1/stations/1001").json()["bikes_available"] is None
    finally:
        mart.execute("truncate mart.kpi_station_now")
        mart.fill(CONTRACTS["kpi_station_now"], list(rows_of(CONTRACTS["kpi_station_now"])))


# --- formats ----------------------------------------------------------------------------------------------------------


def table_of(form: str, body: bytes) -> pa.Table:
    return pq.read_table(io.BytesIO(body)) if form == "parquet" else pa.ipc.open_stream(body).read_all()


@pytest.mark.parametrize("name", ["fct_trips", "kpi_station_daily", "fct_builds"])
@pytest.mark.parametrize("limit", [7, 5000])
def test_formats_hold_the_same(client: Client, name: str, limit: int) -> None:
    relation = CONTRACTS[name]
    path = {"fct_trips": "/v1/trips", "fct_builds": "/v1/pipeline/builds"}.get(name, f"/v1/kpis/{name}")
    asked = whole_period(relation) if path.startswith("/v1/kpis") else {}
    rows = client.get(path, {**asked, "limit": min(limit, 1000)}).json()["data"]
    assert rows
    for form in ("arrow", "parquet"):
        answer = client.get(path, {**asked, "limit": limit, "format": form})
        assert answer.status == 200, answer.body
        table = table_of(form, answer.body)
        assert [{key: seen(value) for key, value in row.items()} for row in table.to_pylist()] == rows
    answer = client.get(path, {**asked, "limit": limit}, {"accept": "text/csv"})
    told = list(csv.reader(io.StringIO(answer.body.decode(), newline="")))
    assert told[0] == list(rows[0])
    for line, row in zip(told[1:], rows, strict=True):
        for name, text in zip(told[0], line, strict=True):
            data_type = relation[name].data_type if name in relation.by_name else "text"
            assert from_text(data_type, text) == row[name], name


def from_text(data_type: str, text: str) -> Any:
    if text == "":
        return None
    if data_type == "boolean":
        return {"true": True, "false": False}[text]
    if data_type in ("double precision", "real"):
        return float(text)
    if data_type in ("smallint", "integer", "bigint"):
        return int(text)
    return seen(datetime.fromisoformat(text)) if data_type == "timestamp with time zone" else text


@pytest.mark.parametrize(
    ("accept", "given", "expected"),
    [
        ("", "", "application/json"),
        ("*/*", "", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "", "application/json"),
        ("application/vnd.apache.parquet;q=0.5, text/csv", "", "text/csv; charset=utf-8; header=present"),
        ("application/vnd.apache.arrow.stream", "", "application/vnd.apache.arrow.stream"),
        ("application/json", "parquet", "application/vnd.apache.parquet"),
        ("image/png", "", "application/problem+json"),
    ],
)
def test_accept_and_format_choose(client: Client, accept: str, given: str, expected: str) -> None:
    answer = client.get("/v1/stations", {"format": given} if given else {}, {"accept": accept} if accept else {})
    assert answer.headers["content-type"] == expected
    assert answer.status == (406 if "problem" in expected else 200)


def test_a_large_answer_is_no_json(client: Client) -> None:
    answer = client.get("/v1/trips", {"limit": 1001})
    assert answer.status == 422
    assert "next_cursor" in answer.json()["detail"]


# --- moments ----------------------------------------------------------------------------------------------------------


def moments() -> Iterator[datetime]:
    yield from (START + timedelta(minutes=minute) for minute in (-20, 0, 1, 33, 61, 90, 140, 179, 400))


@pytest.mark.parametrize("at", list(moments()), ids=str)
def test_the_network_at_a_moment_is_what_its_intervals_say(client: Client, mart: MartOfContracts, at: datetime) -> None:
    told = client.get("/v1/network", {"at": at.isoformat()}).json()
    assert told["at"] == seen(at)
    expected = mart.rows(
        "select feed, station_code, bikes_available, valid_from, case when not is_current then valid_to end"
        " from mart.fct_station_status where valid_from <= %s and valid_to > %s order by station_code, feed",
        *(at, at),
    )
    names = ("feed", "station_code", "bikes_available", "valid_from", "valid_to")
    found = sorted([[row[name] for name in names] for row in told["data"]], key=str)
    assert found == sorted([[seen(value) for value in row] for row in expected], key=str)
    for code in STATIONS:
        one = client.get(f"/v1/stations/{urllib.parse.quote(code)}/status", {"at": at.isoformat()}).json()["data"]
        assert [[row["feed"], row["valid_from"]] for row in one] == sorted(
            [seen(feed), seen(begin)] for feed, station, _, begin, _ in expected if station == code
        )


def network(client: Client, **asked: Any) -> list[dict[str, Any]]:
    answer = client.get("/v1/network", asked)
    assert answer.status == 200, answer.body
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows


def test_the_network_within_a_box_of_a_feed_and_some_columns(client: Client) -> None:
    whole = network(client)
    assert network(client, feed="app") == [row for row in whole if row["feed"] == "app"]
    assert network(client, feed=["app", "opendata"]) == whole
    assert network(client, feed="none such") == []
    inside = [row for row in whole if row["longitude"] is not None and 2.3 <= row["longitude"] <= 2.35]
    placed = [row for row in whole if row["longitude"] is not None and row["latitude"] is not None]
    assert network(client, bbox="2.3,-90,2.35,90") == [row for row in inside if row["latitude"] is not None]
    assert network(client, bbox="-180,-90,180,90") == placed
    assert network(client, bbox="2.3,0,2.3,1") == []
    assert network(client, bbox="170,-90,2.32,90") == [row for row in placed if row["longitude"] <= 2.32]
    names = ["bikes_available", "station_code"]
    told = network(client, fields=",".join(names), feed="app")
    assert told == [{name: row[name] for name in names} for row in whole if row["feed"] == "app"]
    assert [list(row) for row in told] == [names] * len(told), "in the order that was asked for"
    answer = client.get("/v1/network", {"fields": "station_code,docks_free", "format": "parquet"})
    assert table_of("parquet", answer.body).column_names == ["station_code", "docks_free"]
    header = client.get("/v1/network", {"fields": "station_code", "format": "csv"}).body.decode().splitlines()[0]
    assert header == '"station_code"'


@pytest.mark.parametrize(
    "asked",
    [
        *(
            {"bbox": each}
            for each in ("", "1,2,3", "1,2,3,4,5", "a,b,c,d", "1,50,2,49", "181,0,2,1", "0,-91,1,1", "nan,0,1,1")
        ),
        *({"fields": each} for each in ("", "nothing", "station_code,nothing", "station_code;", ",", "ctid")),
        {"feed": ""},
    ],
    ids=str,
)
def test_a_box_or_column_that_is_none_is_said(client: Client, asked: dict[str, str]) -> None:
    answer = client.get("/v1/network", asked)
    assert answer.status == 422
    assert answer.json()["errors"][0]["name"].startswith(next(iter(asked)))


def test_critical_stations_before_a_moment(client: Client, mart: MartOfContracts) -> None:
    rows = client.get("/v1/stations/critical", {"limit": 3}).json()
    assert rows["at"] == seen(NEWEST)
    assert same_set(rows["data"], rows_in(mart, CONTRACTS["kpi_critical_stations"], where="rank <= 3"))
    assert rows["data"]
    at = START + timedelta(minutes=30)
    told = client.get("/v1/stations/critical", {"at": at.isoformat(), "feed": "app", "limit": 100}).json()
    assert told["at"] == seen(at)
    assert {row["feed"] for row in told["data"]} == {"app"}
    assert {row["to_at"] for row in told["data"]} == {seen(at)}


def test_now_is_the_newest_snapshot(client: Client) -> None:
    assert client.get("/v1/network").json()["at"] == seen(NEWEST)
    assert (
        client.get("/v1/network").json()["data"]
        == client.get("/v1/network?at=2026-06-02T13:00:00+02:00").json()["data"]
    )
    codes = {row["station_code"] for row in client.get("/v1/network").json()["data"]}
    assert codes == set(STATIONS)


def test_a_history_has_the_intervals_that_overlap_the_period(client: Client, mart: MartOfContracts) -> None:
    begin, end = START + timedelta(minutes=33), START + timedelta(minutes=95)
    asked = {"from": begin.isoformat(), "to": end.isoformat()}
    for path, relation, where in (
        ("/v1/stations/16107/history", CONTRACTS["fct_station_status"], "station_code = '16107'"),
        ("/v1/stations/16107/attributes", CONTRACTS["dim_station_history"], "station_code = '16107'"),
        (f"/v1/bikes/{BIKES[1]}/locations", CONTRACTS["fct_bike_locations"], f"bike_id = '{BIKES[1]}'"),
    ):
        rows = [row for page in client.pages(path, {**asked, "limit": 3}) for row in page["data"]]
        within = f"{where} and valid_from < '{end}' and valid_to > '{begin}'"
        assert own(relation, rows) == rows_in(
            mart, relation, "valid_from desc" + (", feed desc" if "feed" in relation.by_name else ""), within
        )
        assert rows


def test_the_nearest_stations_are_the_nearest(client: Client, mart: MartOfContracts) -> None:
    latitude, longitude = 48.9, 2.35

    def distance(there: tuple[float, float]) -> float:
        one, other = math.radians(latitude), math.radians(there[0])
        h = (
            math.sin((one - other) / 2) ** 2
            + math.cos(one) * math.cos(other) * math.sin(math.radians(longitude - there[1]) / 2) ** 2
        )
        return 2 * 6371008.8 * math.asin(math.sqrt(h))

    answer = client.get("/v1/stations/nearest", {"lat": latitude, "lon": longitude, "radius_m": 50_000, "limit": 100})
    told = answer.json()["data"]
    places = mart.rows(
        "select station_code, latitude, longitude from mart.dim_station where is_active and latitude is not null"
    )
    # The rows of this mart are made up column by column: one without a longitude is nowhere.
    expected = sorted((distance((lat, lon)), code) for code, lat, lon in places if lon is not None)
    far_by_code = {code: far for far, code in expected}
    assert [row["station_code"] for row in told if row["feed"] == FEEDS[0]] == [code for _, code in expected]
    assert all(abs(row["distance_m"] - far_by_code[row["station_code"]]) < 0.01 for row in told)


# --- one thing --------------------------------------------------------------------------------------------------------


def test_one_station_and_one_bike(client: Client, mart: MartOfContracts) -> None:
    for code in STATIONS:
        answer = client.get(f"/v1/stations/{urllib.parse.quote(code)}")
        [row] = [row for row in rows_in(mart, CONTRACTS["dim_station"]) if row["station_code"] == code]
        assert own(CONTRACTS["dim_station"], [answer.json()]) == [row]
    assert client.get("/v1/bikes/08047").json()["bike_id"] == "08047"
    for path in (
        "/v1/stations/x",
        "/v1/stations/x/status",
        "/v1/stations/x/history",
        "/v1/bikes/8047",
        "/v1/bikes/8047/trips",
    ):
        assert client.get(path).status == 404, path


# --- caching ----------------------------------------------------------------------------------------------------------


def test_an_answer_holds_until_the_next_build(client: Client, mart: MartOfContracts, start: Any) -> None:
    fresh = start()
    first = fresh.get("/v1/stations")
    tag = first.headers["etag"]
    assert fresh.get("/v1/stations", headers={"if-none-match": tag}).status == 304
    assert fresh.get("/v1/stations", headers={"if-none-match": f'"other", W/{tag}'}).body == b""
    assert fresh.get("/v1/stations", headers={"if-none-match": '"other"'}).status == 200
    assert fresh.get("/v1/stations?format=csv", headers={"if-none-match": tag}).status == 200
    assert "must-revalidate" in first.headers["cache-control"]

    mart.build("under way", None)
    under_way = start()
    assert "etag" not in under_way.get("/v1/stations").headers
    assert under_way.get("/v1/stations").headers["cache-control"] == "public, no-cache"

    mart.execute("update mart.fct_builds set ended_at = now(), has_succeeded = true where build_id = 'under way'")
    mart.execute("update mart.dim_station set capacity = 77 where station_code = '1001'")
    after = start()
    changed = after.get("/v1/stations", headers={"if-none-match": tag})
    assert changed.status == 200
    assert changed.headers["etag"] != tag
    assert [row["capacity"] for row in changed.json()["data"] if row["station_code"] == "1001"] == [77]
