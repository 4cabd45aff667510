"""HEAD, compression, and what caches may keep: of every route, and byte for byte."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest
from conftest import Answer, Client
from mart_of_contracts import MartOfContracts

from velib.api import encodings, keys
from velib.api.app import create_app
from velib.api.settings import Settings
from velib.postgres.processes import wait_until

Start = Callable[..., Client]
PATHS = (
    *("/", "/health", "/ready", "/metrics", "/docs", "/docs/swagger-ui.css", "/openapi.json"),
    *("/v1/stations", "/v1/stations/1001", "/v1/stations/nowhere", "/v1/network", "/v1/kpis", "/v1/pipeline/status"),
    *("/v1/trips?format=csv", "/v1/trips?format=arrow", "/v1/trips?format=parquet", "/v1/trips?nmae=x"),
    *("/v1/trips?format=csv&limit=5000", "/v1/trips?format=parquet&limit=5000", "/api/v1/dimensions/stations"),
    *("/nothing/here", "/v1/corrections"),
)
CHANGING = ("date", "content-length")  # what /ready and /metrics tell is of the second


def decoded(answer: Answer) -> bytes:
    coding = answer.headers.get("content-encoding")
    if coding is None:
        return answer.body
    if coding == "gzip":
        return gzip.decompress(answer.body)
    source = pa.input_stream(pa.BufferReader(answer.body), compression={"br": "brotli", "zstd": "zstd"}[coding])
    whole: bytes = source.read()
    return whole


# --- HEAD -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("coding", ["", "gzip"])
def test_head_has_the_headers_of_get(client: Client, path: str, coding: str) -> None:
    asked = {"accept-encoding": coding} if coding else {}
    got, head = client.get(path, headers=asked), client.get(path, headers=asked, method="HEAD")
    assert (head.status, head.body) == (got.status, b"")
    is_moving = path in ("/ready", "/metrics", "/v1/pipeline/status")
    told, expected = (
        {name: value for name, value in each.headers.items() if name != "date" and not (is_moving and name in CHANGING)}
        for each in (head, got)
    )
    told.pop("cache-control", None), expected.pop("cache-control", None)  # max-age counts down
    assert told == expected


def test_head_reads_no_stream_to_its_end(start: Start) -> None:
    client = start(connections=2)
    for _ in range(3):
        assert client.get("/v1/trips?format=csv&limit=5000", method="HEAD").status == 200
        assert wait_until(lambda: b"velib_api_connections_in_use 0.0" in client.get("/metrics").body, 10)
    counted = client.get("/metrics").body
    assert b'velib_api_requests_total{method="HEAD",route="/v1/trips",status="200"} 3.0' in counted


# --- compression ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        (None, None),
        ("", None),
        ("identity", None),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("gzip;q=0", None),
        ("*", "zstd"),
        ("zstd;q=0, *", "br"),
        ("gzip, *;q=0", "gzip"),
        ("identity;q=1, gzip;q=0.5", None),
        ("identity;q=0.5, gzip;q=1", "gzip"),
        ("gzip;q=x, br;q=2, zstd;q=-1", None),
        ("deflate, compress", None),
        (", ;q=1,,", None),
    ],
)
def test_the_client_chooses_by_weight(accept: str | None, coding: str | None) -> None:
    assert encodings.wanted(accept) == coding


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
@pytest.mark.parametrize(
    "path",
    [
        "/v1/network",
        "/v1/kpis/kpi_station_now",
        "/v1/trips?format=csv&limit=5000",
        "/openapi.json",
        "/docs/swagger-ui.css",
    ],
)
def test_compressed_answers_are_the_same(client: Client, path: str, coding: str) -> None:
    plain, packed = client.get(path), client.get(path, headers={"accept-encoding": coding})
    assert packed.headers["content-encoding"] == coding
    assert decoded(packed) == plain.body
    assert len(packed.body) < len(plain.body)
    for answer in (plain, packed):
        assert "accept-encoding" in answer.headers["vary"].lower()
    assert "content-encoding" not in plain.headers
    if "etag" in plain.headers:
        assert packed.headers["etag"] != plain.headers["etag"], "other bytes have another tag"
    assert decoded(client.get(path, headers={"accept-encoding": coding})) == plain.body, "kept as it was sent"
    assert client.get(path).body == plain.body


@pytest.mark.parametrize("path", ["/health", "/v1/stations/1001/status", "/v1/stations/nowhere", "/v1/trips?format=parquet",
                                  "/v1/trips?format=arrow&limit=5000", "/v1/trips?format=parquet&limit=5000"])  # fmt: skip
def test_what_is_small_or_compressed_already_goes_as_it_is(client: Client, path: str) -> None:
    answer = client.get(path, headers={"accept-encoding": "gzip, br, zstd"})
    assert "content-encoding" not in answer.headers
    assert answer.body == client.get(path).body


def test_a_compressed_answer_is_known_again(client: Client) -> None:
    packed = client.get("/v1/network", headers={"accept-encoding": "gzip"})
    tag = packed.headers["etag"]
    assert tag.endswith('-gzip"')
    again = client.get("/v1/network", headers={"accept-encoding": "gzip", "if-none-match": tag})
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert "accept-encoding" in again.headers["vary"].lower()
    weak = client.get("/v1/network", headers={"accept-encoding": "gzip", "if-none-match": f"W/{tag}"})
    assert weak.status == 304
    for other in ("br", "identity"):
        answer = client.get("/v1/network", headers={"accept-encoding": other, "if-none-match": tag})
        assert answer.status == 200, "what it has is in a coding that it does not want"
    plain = client.get("/v1/stations/1001/status", headers={"accept-encoding": "gzip"}).headers["etag"]
    asked = {"accept-encoding": "gzip", "if-none-match": plain}
    assert client.get("/v1/stations/1001/status", headers=asked).status == 304


# --- caches ---------------------------------------------------------------------------------------------------------------


def every_route() -> list[tuple[str, str]]:
    """By the OpenAPI document, which has all that may need a key."""
    document = create_app(Settings(database_url="postgresql://x@127.0.0.1:1/x")).openapi()
    return [(method.upper(), path) for path, methods in document["paths"].items() for method in methods]


def test_nothing_that_needs_a_key_is_for_shared_caches(start: Start) -> None:
    """A cache that others share would give it to who has none: the audit trail, to anybody."""
    both, line = keys.new("both", ("read", "corrections"))
    reader, other_line = keys.new("reader", ("read",))
    client = start(reads_need_key=True, keys=f"{line}\n{other_line}")
    needing = 0
    for method, template in every_route():
        path = re.sub(r"\{correction_id\}", "1", template)
        path = re.sub(r"\{\w+\}", "1001", path) + ("?lat=48.9&lon=2.3" if path.endswith("nearest") else "")
        if client.get(path, method=method).status not in (401, 422):
            continue
        needing += 1
        for key in (None, "wrong", reader, both):
            for asked in (path, f"{path}{'&' if '?' in path else '?'}nmae=x"):
                answer = client.get(asked, headers={"x-api-key": key} if key else {}, method=method)
                told = answer.headers.get("cache-control", "")
                assert "private" in told or "no-store" in told, (method, asked, answer.status, told)
                assert "public" not in told, (method, asked, answer.status, told)
    assert needing > 50


def test_the_audit_trail_is_private_where_reads_are_free(start: Start, mart: MartOfContracts) -> None:
    made, line = keys.new("editor", ("corrections",))
    client = start(keys=line)
    answer = client.get("/v1/corrections", headers={"x-api-key": made})
    assert answer.status == 200
    assert answer.headers["cache-control"].startswith("private")
    assert "no-store" in client.get("/v1/corrections").headers["cache-control"]
    assert client.get("/v1/stations").headers["cache-control"].startswith("public")


# --- which build is the newest --------------------------------------------------------------------------------------------


def test_a_build_of_a_wrong_clock_is_not_the_newest_for_ever(start: Start, mart: MartOfContracts) -> None:
    mart.build("ahead", None)
    mart.execute(
        "update mart.fct_builds set started_at = '2099-01-01Z', ended_at = '2099-01-01 00:01Z', has_succeeded = true"
        " where build_id = 'ahead'"
    )
    tag = start().get("/v1/stations").headers["etag"]
    mart.build("after it", None)
    mart.execute("update mart.fct_builds set ended_at = now(), has_succeeded = false where build_id = 'after it'")
    try:
        client = start()
        assert client.get("/v1/stations").headers["etag"] != tag
        assert client.get("/v1/pipeline/status").json()["last_build"]["has_succeeded"] is False
        assert b"velib_build_succeeded 0.0" in client.get("/metrics").body
        assert client.get("/v1/pipeline/builds?limit=1").json()["data"][0]["build_id"] == "after it"
    finally:
        mart.execute("delete from mart.fct_builds where build_id in ('ahead', 'after it')")


def test_a_mart_of_before_builds_had_numbers_is_served(start: Start, mart: MartOfContracts) -> None:
    """Until its next build gives it that column."""
    mart.execute("alter table mart.fct_builds rename column build_number to no_number")
    try:
        client = start()
        assert client.get("/ready").status == 200
        assert "etag" in client.get("/v1/stations").headers
        told = client.get("/v1/pipeline/status").json()["last_build"]
        [(began,)] = mart.rows("select max(started_at) from mart.fct_builds")
        assert datetime.fromisoformat(told["started_at"]) == began
    finally:
        mart.execute("alter table mart.fct_builds rename column no_number to build_number")


@pytest.mark.parametrize("change", ["made", "undone"])
def test_a_correction_and_its_undoing_change_what_is_kept(start: Start, mart: MartOfContracts, change: str) -> None:
    told: dict[str, Any] = {"made": "insert into mart.fct_corrections (correction_id) values (999)",
                            "undone": "update mart.fct_corrections set undone_at = now() where correction_id = 998"}  # fmt: skip
    mart.execute("insert into mart.fct_corrections (correction_id) values (998)")
    try:
        tag = start().get("/v1/stations").headers["etag"]
        mart.execute(told[change])
        answer = start().get("/v1/stations", headers={"if-none-match": tag})
        assert answer.status == 200
        assert answer.headers["etag"] != tag
    finally:
        mart.execute("delete from mart.fct_corrections where correction_id >= 998")
