"""What is sent to break the API, each with its answer. None of it may be a 500, change anything, or tell of the inside."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from conftest import Answer, Client
from mart_of_contracts import MartOfContracts

INJECTIONS = (
    "' or 1=1 --",
    "'; drop table mart.dim_station; --",
    "1); select pg_sleep(10); --",
    "$1",
    "{0}",
    "%s",
    "\\' or \\'1",
    "x' union select passwd from pg_shadow --",
    "ʼ or 1=1",
)
# Parameters of each kind: where a value that is any text is welcome, the answer is 200 or 404, and not what the attack wants.
TEXTS = (
    "/v1/stations?name={}",
    "/v1/stations?q={}",
    "/v1/trips?bike_id={}",
    "/v1/stations?filter=name.eq.{}",
    "/v1/kpis/kpi_trips_daily?feed={}",
)
# Where it is not, 422.
STRICT = (
    "/v1/stations?sort={}",
    "/v1/stations?filter={}",
    "/v1/stations?filter=capacity.eq.{}",
    "/v1/stations?filter=name.{}.x",
    "/v1/stations?limit={}",
    "/v1/stations?cursor={}",
    "/v1/stations?format={}",
    "/v1/stations?is_active={}",
    "/v1/stations?{}=1",
    "/v1/trips?from={}",
    "/v1/trips?trip_id={}",
    "/v1/network?at={}",
    "/v1/stations/nearest?lat={}&lon=2",
    "/v1/kpis/kpi_trips_daily?from={}",
)  # fmt: skip


def harmless(answer: Answer, sent: str = "") -> None:
    """An error is a problem, and says nothing that an attacker has use for. What was sent may come back, as text."""
    assert answer.status < 500
    if answer.status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        told = answer.json()
        assert told["status"] == answer.status
        assert {"type", "title", "status", "detail", "instance"} <= set(told)
        text = json.dumps({key: value for key, value in told.items() if key != "instance"}).lower()
        text = text.replace(json.dumps(sent)[1:-1].lower(), "")
        for word in ("traceback", "asyncpg", "postgres", "select ", "syntax", "mart.", ".py", "pydantic"):
            assert word not in text, text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers


@pytest.mark.parametrize("attack", INJECTIONS)
def test_injections_find_nothing(client: Client, mart: MartOfContracts, attack: str) -> None:
    for path in TEXTS:
        answer = client.get(path.format(quote(attack, safe="")))
        harmless(answer)
        assert answer.status == 200, path
        assert answer.json()["data"] == [], path
    for path in STRICT:
        answer = client.get(path.format(quote(attack, safe="")))
        harmless(answer, attack)
        assert answer.status == 422, path
    for path in ("/v1/stations/{}", "/v1/stations/{}/status", "/v1/bikes/{}/trips", "/v1/kpis/{}"):
        answer = client.get(path.format(quote(attack, safe="")))
        harmless(answer)
        assert answer.status == 404, path
    assert mart.rows("select count(*) from mart.dim_station")[0][0] == 5


def cursor_of(*told: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")


def forged(client: Client, path: str, *values: Any) -> Answer:
    """With the signature of a true cursor and other values."""
    true = client.get(path).json()["next_cursor"]
    signed, _, begin = json.loads(base64.urlsafe_b64decode(true + "=" * (-len(true) % 4)))
    return client.get(path, None) if not values else client.get(f"{path}&cursor={cursor_of(signed, *values, begin)}")


LONG = "x" * 101
REQUESTS: list[tuple[str, int]] = [
    # Sizes.
    (f"/v1/stations?name={LONG}", 422),
    (f"/v1/stations/{LONG}", 422),
    ("/v1/stations?" + "&".join(["name=x"] * 51), 422),
    ("/v1/stations?" + "&".join(["filter=name.eq.x"] * 11), 422),
    ("/v1/stations?cursor=" + "A" * 2001, 422),
    ("/v1/stations?name=" + "x" * 9000, 414),
    ("/v1/stations?limit=0", 422),
    ("/v1/stations?limit=-1", 422),
    ("/v1/stations?limit=1001", 422),
    ("/v1/stations?limit=1000001&format=csv", 422),
    ("/v1/stations?limit=1e3", 422),
    ("/v1/stations?limit=99999999999999999999999", 422),
    ("/v1/stations?filter=capacity.eq.99999999999999999999", 422),
    ("/v1/stations?filter=capacity.gt.2147483648", 422),
    ("/v1/stations?filter=latitude.gt.nan", 422),
    ("/v1/stations?filter=latitude.gt.1e999", 422),
    ("/v1/stations?filter=latitude.gt.1e308", 200),
    ("/v1/kpis/kpi_station_daily?filter=fill_rate_max.gt.1e39", 422),
    ("/v1/stations?sort=name,state,capacity,latitude,longitude", 422),
    ("/v1/stations?sort=name,name", 422),
    # Columns that are there, but not here; and what is no column.
    ("/v1/stations?sort=bike_id", 422),
    ("/v1/stations?sort=ctid", 422),
    ("/v1/stations?sort=name;", 422),
    ("/v1/stations?filter=ctid.notnull", 422),
    ("/v1/stations?filter=name.null.x", 422),
    ("/v1/stations?filter=name.like.%25", 422),
    ("/v1/stations?nmae=x", 422),
    # Periods.
    ("/v1/trips?from=2026-06-02", 422),
    ("/v1/trips?from=2026-06-02T08:00:00", 422),
    ("/v1/trips?from=0001-01-01T00:00:00%2B14:00", 422),
    ("/v1/trips?from=9999-12-31T23:59:59-14:00", 422),
    ("/v1/trips?from=infinity", 422),
    ("/v1/trips?from=2026-06-02T08:00:00Z&to=2026-06-02T08:00:00Z", 422),
    ("/v1/trips?from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", 422),
    ("/v1/trips?sort=duration_seconds", 422),
    ("/v1/kpis/kpi_station_hourly?from=2020-01-01T00:00:00Z", 422),
    ("/v1/kpis/kpi_station_daily?from=1900-01-01", 422),
    ("/v1/network?at=2026-13-01T00:00:00Z", 422),
    ("/v1/network?at=1e400", 422),
    ("/v1/network?at=2026-06-02T08:00:00Z&at=x", 422),
    # Bytes.
    ("/v1/stations/%00", 422),
    ("/v1/stations?name=%00", 422),
    ("/v1/stations?q=%00", 422),
    ("/v1/stations?filter=name.eq.%00", 422),
    ("/v1/stations/%ff%fe", 404),
    ("/v1/stations?name=%ff", 200),
    ("/v1/stations?name=%ed%a0%80", 200),
    ("/v1/stations?name=", 422),
    # Paths.
    ("/v1/stations/", 404),
    ("/v1/stations/..%2f..%2fetc%2fpasswd", 404),
    ("/v1/stations/../../etc/passwd", 404),
    ("//v1/stations", 404),
    ("/v1//stations", 404),
    ("/V1/stations", 404),
    ("/docs/..%2f..%2fcore.py", 404),
    ("/docs/%2e%2e/core.py", 404),
    ("/docs/redoc.standalone.js", 404),
    ("/v1/kpis/dim_station", 404),
    ("/v1/kpis/pg_shadow", 404),
    ("/v1/kpis/kpi_station_now;x", 404),
    ("/.env", 404),
    ("/openapi.json/../health", 404),
    # Cursors.
    ("/v1/stations?cursor=x", 422),
    ("/v1/stations?cursor=%C3%A9", 422),
    (f"/v1/stations?cursor={cursor_of()}", 422),
    (f"/v1/stations?cursor={cursor_of('x', ['1001'], None)}", 400),
    (f"/v1/stations?cursor={cursor_of(1, 2, 3)}", 422),
    (f"/v1/stations?cursor={base64.urlsafe_b64encode(b'[' * 1400).decode()}", 422),
]  # fmt: skip


@pytest.mark.parametrize(("path", "status"), REQUESTS, ids=[path[:60] for path, _ in REQUESTS])
def test_malformed_and_oversized_requests(client: Client, path: str, status: int) -> None:
    answer = client.get(path)
    harmless(answer)
    assert answer.status == status, answer.body


@pytest.mark.parametrize(
    "values", [[], [1], ["a", "b"], [None], [{"a": 1}], [["a"]], ["\0"], "abc", {"a": 1}, None], ids=repr
)
def test_a_forged_cursor_is_none(client: Client, values: Any) -> None:
    answer = forged(client, "/v1/stations?limit=1", values)
    harmless(answer)
    assert answer.status == 422


def test_a_cursor_is_for_its_own_query(client: Client) -> None:
    cursor = client.get("/v1/stations?limit=1").json()["next_cursor"]
    assert client.get(f"/v1/stations?limit=3&cursor={cursor}").status == 200, "the size of pages may change"
    for path in ("/v1/stations?sort=-station_code", "/v1/stations?is_active=true", "/v1/bikes?limit=1"):
        answer = client.get(f"{path}&cursor={cursor}")
        assert (answer.status, answer.json()["type"]) == (400, "urn:velib:cursor-of-another-query"), path


@pytest.mark.parametrize(
    ("path", "others"),
    [
        ("/v1/bikes/08047/trips?limit=1", ["/v1/bikes/00001/trips?limit=1"]),
        ("/v1/stations/1001/history?limit=1", ["/v1/stations/16107/history?limit=1"]),
        (
            "/v1/trips?limit=1&feed=app&filter=distance_m.notnull&from=2026-06-02T08:00:00Z&to=2026-06-02T11:30:00Z",
            [
                "/v1/trips?limit=1&feed=opendata&filter=distance_m.notnull&from=2026-06-02T08:00:00Z&to=2026-06-02T11:30:00Z",
                "/v1/trips?limit=1&feed=app&feed=opendata&filter=distance_m.notnull&from=2026-06-02T08:00:00Z&to=2026-06-02T11:30:00Z",
                "/v1/trips?limit=1&feed=app&filter=distance_m.null&from=2026-06-02T08:00:00Z&to=2026-06-02T11:30:00Z",
                "/v1/trips?limit=1&feed=app&from=2026-06-02T08:00:00Z&to=2026-06-02T11:30:00Z",
                "/v1/trips?limit=1&feed=app&filter=distance_m.notnull&from=2026-06-02T08:01:00Z&to=2026-06-02T11:30:00Z",
                "/v1/trips?limit=1&feed=app&filter=distance_m.notnull&from=2026-06-02T08:00:00Z&to=2026-06-02T11:31:00Z",
                "/v1/trips?limit=1&feed=app&filter=distance_m.notnull&from=2026-06-02T08:00:00Z",
            ],
        ),
        (
            "/v1/stations?limit=1&q=a",
            ["/v1/stations?limit=1&q=b", "/v1/stations?limit=1&q=a%20b", "/v1/stations?limit=1"],
        ),
    ],
    ids=["the bike of the path", "the station of the path", "each filter of trips", "what is searched for"],
)
def test_a_cursor_knows_every_filter_that_it_was_made_for(
    start: Any, mart: MartOfContracts, path: str, others: list[str]
) -> None:
    mart.execute("update mart.dim_station set name = 'a b'")
    client = start()
    cursor = client.get(path).json()["next_cursor"]
    assert cursor is not None, "else it proves nothing"
    assert client.get(f"{path}&cursor={cursor}").status == 200
    for other in others:
        answer = client.get(f"{other}&cursor={cursor}")
        assert (answer.status, answer.json()["type"]) == (400, "urn:velib:cursor-of-another-query"), other


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "PROPFIND"])
def test_nothing_is_to_be_done_but_read(client: Client, method: str) -> None:
    for path in ("/v1/stations", "/v1/stations/1001", "/v1/trips", "/health"):
        answer = client.get(path, method=method)
        assert answer.status == 405
        assert answer.headers["allow"] == "GET, HEAD"


def test_a_body_has_its_limit(client: Client) -> None:
    head = b"POST /v1/stations HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
    assert b" 413 " in client.raw(head + b"content-length: 100000000\r\n\r\n")[0]
    assert b" 405 " in client.raw(head + b"content-length: 5\r\n\r\nhello")[0]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /v1/stations HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"GET /v1/stations HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /v1/stations HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 2_000_000 + b"\r\n\r\n",
        b"GET " + b"/" * 100_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /v1/stations\r\n\r\n",
        b"\0" * 1000,
    ],
    ids=lambda sent: repr(sent[:50]),
)
def test_what_is_no_http_is_refused(client: Client, request_bytes: bytes) -> None:
    told, is_cut = client.raw(request_bytes)
    assert told.startswith(b"HTTP/1.1 4") or (is_cut and not told), told[:200]
    assert client.get("/health").status == 200


def test_headers_do_not_lead_astray(client: Client) -> None:
    headers = {
        "host": "evil.example",
        "x-forwarded-host": "evil.example",
        "x-forwarded-for": "1.2.3.4",
        "x-original-url": "/metrics",
        "x-http-method-override": "DELETE",
        "if-none-match": "*",
        "accept": "a" * 5000,
        "range": "bytes=0-1",
        "x-api-key": "' or 1=1",
    }
    answer = client.get("/v1/stations?limit=1", headers={**headers, "accept": "application/json"})
    assert answer.status == 200
    assert b"evil" not in answer.body
    assert "evil" not in str(answer.headers)
    assert client.get("/v1/stations", headers=headers).status == 406
    assert (
        "access-control-allow-origin"
        not in client.get("/v1/stations", headers={"origin": "https://evil.example"}).headers
    )
