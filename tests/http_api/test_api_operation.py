"""Running the API: who may ask, how often and how much; whether it is ready; what it tells Prometheus; what it says of failures."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import psycopg2
import pytest
from click.testing import CliRunner
from conftest import Client
from mart_of_contracts import FEEDS, MartOfContracts
from prometheus_client.parser import text_string_to_metric_families

from velib.api import keys
from velib.api.commands import api
from velib.api.guard import Rates, client_of
from velib.core.errors import VelibError
from velib.postgres.processes import wait_until

Start = Callable[..., Client]


@pytest.fixture
def locked_stations(mart: MartOfContracts) -> Iterator[None]:
    """Nobody can read dim_station, as while a build puts a new one in its place, for long."""
    mart.execute("begin; lock table mart.dim_station in access exclusive mode")
    yield
    mart.execute("rollback")


# --- who may ask --------------------------------------------------------------------------------------------------------


def test_reads_may_need_a_key(start: Start, tmp_path: Path) -> None:
    reader, line = keys.new("notebook", ("read",))
    writer, other_line = keys.new("editor", ("corrections",))
    file = tmp_path / "keys"
    file.write_text(f"# ours\n{other_line}\n")
    client = start(reads_need_key=True, keys=line, keys_file=file)
    assert client.get("/v1/stations").status == 401
    assert client.get("/v1/stations", headers={"x-api-key": ""}).status == 401
    for wrong in ("x", reader[:-1], reader + "a", line.rpartition(":")[2], "é" * 300):
        answer = client.get("/v1/stations", headers={"x-api-key": wrong.encode().decode("latin-1")})
        assert answer.status == 401, wrong
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == "ApiKey"
    assert client.get("/v1/stations", headers={"x-api-key": writer}).status == 403
    answer = client.get("/v1/stations", headers={"x-api-key": reader})
    assert answer.status == 200
    assert answer.headers["cache-control"].startswith("private")
    tag = {"if-none-match": answer.headers["etag"]}
    assert client.get("/v1/stations", headers=tag).status == 401, (
        "who may not read is not told that nothing has changed"
    )
    assert client.get("/health").status == 200


def test_without_keys_nobody_has_a_scope(start: Start) -> None:
    client = start(reads_need_key=True)
    assert client.get("/v1/stations").status == 401
    assert client.get("/v1/stations", headers={"x-api-key": hashlib.sha256(b"").hexdigest()}).status == 401


def test_a_key_that_is_taken_out_of_the_file_counts_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_LOOK_AGAIN_SECONDS", 0)
    made, line = keys.new("a", ("read",))
    file = tmp_path / "keys"
    file.write_text(line)
    known = keys.Keys("", file)
    assert known.find(made) is not None
    file.write_text("nonsense")
    assert known.find(made) is None, "a file that cannot be read has no keys"
    file.write_text(f"{line}\n")
    assert known.find(made) is not None
    file.unlink()
    assert known.find(made) is None


@pytest.mark.parametrize("line", ["a:read", "a:admin:" + "0" * 64, "a:read:xyz", "a b:read:" + "0" * 64])
def test_a_line_that_is_no_key_stops_the_start(line: str) -> None:
    with pytest.raises(VelibError, match="a line of a key"):
        keys.Keys(line, None)


def test_keys_are_made_and_saved_by_their_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "home" / "keys"
    monkeypatch.setenv("VELIB_API_KEYS_FILE", str(file))
    for name in ("one", "two"):
        done = CliRunner().invoke(api, ["key", "new", "--name", name, "--scope", "read", "--save"])
        assert done.exit_code == 0, done.output
        made = re.search(r"key:  (\S+)", done.output)
        assert made is not None
        assert made[1] not in file.read_text()
        found = keys.Keys("", file).find(made[1])
        assert found is not None
        assert (found.name, found.scopes) == (name, {"read"})
    assert os.stat(file).st_mode & 0o777 == 0o600
    assert CliRunner().invoke(api, ["key", "new", "--name", "a:b", "--scope", "read"]).exit_code != 0


def test_cors_is_for_the_origins_that_are_named(start: Start) -> None:
    client = start(cors_origins=("https://map.example",))
    answer = client.get("/v1/stations", headers={"origin": "https://map.example"})
    assert answer.headers["access-control-allow-origin"] == "https://map.example"
    assert (
        "access-control-allow-origin" not in client.get("/v1/stations", headers={"origin": "https://x.example"}).headers
    )


def test_the_reader_can_only_read(mart: MartOfContracts) -> None:
    with contextlib.closing(psycopg2.connect(mart.reader_url)) as connection, connection.cursor() as cursor:
        for statement in ("delete from mart.dim_station", "create table mart.mine (x int)"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(statement)
            connection.rollback()


# --- how often and how much ----------------------------------------------------------------------------------------------


def test_too_many_requests_are_refused_and_told_when_to_go_on(start: Start) -> None:
    client = start(rate=5)
    answers = [client.get("/") for _ in range(15)]
    refused = [answer for answer in answers if answer.status == 429]
    assert [answer.status for answer in answers[:10]] == [200] * 10
    assert refused
    assert refused[0].headers["retry-after"] == "1"
    assert refused[0].headers["content-type"] == "application/problem+json"
    assert client.get("/health").status == 200


def test_rates_are_by_client_and_bounded_in_memory() -> None:
    rates = Rates(10, most_clients=3)
    assert [rates.wait("a", 0.0) for _ in range(20)] == [0.0] * 20
    assert rates.wait("a", 0.0) == pytest.approx(0.1)
    assert rates.wait("a", 0.15) == 0.0
    assert rates.wait("b", 0.0) == 0.0
    for client in ("c", "d", "e"):
        rates.wait(client, 1.0)
    assert len(rates._buckets) == 3
    one, other = ({"client": (f"2001:db8::{end}", 1)} for end in (1, "ffff"))
    assert client_of(one) == client_of(other), "a household is one client"
    assert client_of({"client": None}) == ""


def test_a_query_has_its_time(start: Start, locked_stations: None) -> None:
    answer = start(statement_seconds=0.3).get("/v1/stations")
    assert answer.status == 503
    assert answer.json()["type"] == "urn:velib:query-timeout"
    assert int(answer.headers["retry-after"]) >= 1


def test_when_all_connections_are_taken_one_is_sent_away_soon(start: Start, locked_stations: None) -> None:
    client = start(connections=1, statement_seconds=4)
    with ThreadPoolExecutor(3) as pool:
        answers = [each.result() for each in [pool.submit(client.get, f"/v1/stations?limit={n}") for n in (1, 2, 3)]]
    assert {answer.json()["type"] for answer in answers} == {"urn:velib:query-timeout", "urn:velib:busy"}
    assert client.get("/health").status == 200


def test_when_all_streams_are_taken_another_is_refused_at_once(start: Start, locked_stations: None) -> None:
    """Half of the connections stay free for what is no stream."""
    client = start(connections=4, statement_seconds=4)
    stream = "/v1/stations?format=csv&limit=5000"
    with ThreadPoolExecutor(2) as pool:
        under_way = [pool.submit(client.get, stream) for _ in range(2)]
        assert wait_until(lambda: b"velib_api_connections_in_use 2.0" in client.get("/metrics").body, 10)
        refused = client.get(stream)
        assert (refused.status, refused.json()["type"]) == (503, "urn:velib:busy")
        assert refused.headers["retry-after"] == "5"
        assert client.get("/v1/kpis/kpi_station_now?limit=1").status == 200
        assert {each.result().json()["type"] for each in under_way} == {"urn:velib:query-timeout"}


# --- whether it is ready -------------------------------------------------------------------------------------------------


def test_ready_says_how_fresh_the_mart_is(start: Start) -> None:
    assert start().get("/ready").json()["status"] == "ready"
    fresh_enough = start(fresh_seconds=timedelta(days=36_500).total_seconds())
    assert fresh_enough.get("/ready").status == 200
    stale = start(fresh_seconds=60).get("/ready")
    assert (stale.status, stale.json()["type"]) == (503, "urn:velib:stale")


def test_a_database_that_is_away_is_said_and_hinders_no_start(start: Start) -> None:
    client = start(database_url="postgresql://nobody:secret@127.0.0.1:1/nothing")
    for path in ("/ready", "/v1/stations", "/v1/trips?format=csv&limit=5000", "/v1/pipeline/status"):
        answer = client.get(path)
        assert answer.status == 503, path
        assert answer.json()["type"] == "urn:velib:database-away"
        assert b"secret" not in answer.body
    assert client.get("/health").status == 200
    assert client.get("/v1/kpis").status == 200
    assert b"velib_mart_up 0.0" in client.get("/metrics").body


def test_it_goes_on_when_its_connections_were_cut(start: Start, mart: MartOfContracts) -> None:
    client = start()
    assert client.get("/v1/stations?limit=1").status == 200
    mart.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'velib api'")
    time.sleep(0.2)
    assert client.get("/v1/stations?limit=2").status == 200


def test_a_model_that_is_not_built_yet_is_said(start: Start, mart: MartOfContracts) -> None:
    mart.execute("alter table mart.kpi_station_now rename to elsewhere")
    try:
        answer = start().get("/v1/kpis/kpi_station_now")
        assert (answer.status, answer.json()["type"]) == (503, "urn:velib:not-built")
    finally:
        mart.execute("alter table mart.elsewhere rename to kpi_station_now")


def test_a_relation_that_is_made_anew_is_read_on(start: Start, mart: MartOfContracts) -> None:
    """As dbt does it at each build: statements that were prepared on the old one are not in the way."""
    client = start()
    assert client.get("/v1/stations?limit=1").status == 200
    mart.execute(
        "begin; create table mart.new as table mart.dim_station; alter table mart.dim_station rename to old;"
        " alter table mart.new rename to dim_station; alter table mart.dim_station add column later text;"
        " grant select on mart.dim_station to velib_reader; drop table mart.old; commit"
    )
    for limit in (2, 3, 4):
        assert client.get(f"/v1/stations?limit={limit}").status == 200


def test_what_nobody_expected_is_a_bare_500(start: Start, mart: MartOfContracts) -> None:
    mart.execute("alter table mart.dim_bike rename to kept")
    mart.execute(
        "create table mart.dim_bike (like mart.kept);"
        " alter table mart.dim_bike alter column bike_id type jsonb using null; grant select on mart.dim_bike to velib_reader"
    )
    try:
        answer = start().get("/v1/bikes?bike_id=x")
        assert answer.status == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json() == {
            "type": "urn:velib:internal-server-error",
            "title": "Internal Server Error",
            "status": 500,
            "detail": "a mistake on this side; the log has it",
            "instance": "/v1/bikes",
        }
        assert answer.headers["x-content-type-options"] == "nosniff"
    finally:
        mart.execute("drop table mart.dim_bike; alter table mart.kept rename to dim_bike")


def test_a_stream_that_its_client_leaves_frees_its_connection(start: Start) -> None:
    client = start(connections=2)
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", client.port), timeout=30) as connection:
            connection.sendall(b"GET /v1/trips?format=csv&limit=5000 HTTP/1.1\r\nhost: x\r\n\r\n")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # gone, at once

    def is_free() -> bool:
        return b"velib_api_connections_in_use 0.0" in client.get("/metrics").body

    assert wait_until(is_free, 10)
    assert client.get("/v1/trips?format=csv&limit=5001").status == 200
    assert wait_until(is_free, 10)


# --- what it tells -------------------------------------------------------------------------------------------------------


def test_prometheus_finds_requests_by_route_and_the_pipelines_figures(start: Start, mart: MartOfContracts) -> None:
    client = start()
    client.get("/v1/stations/1001")
    client.get("/v1/stations/16107")
    client.get("/v1/stations/nowhere")
    client.get("/nothing/here")
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").body.decode())
        for sample in family.samples
    }
    route = "/v1/stations/{station_code}"
    assert found["velib_api_requests_total", *sorted((route, "GET", "200"))] == 2
    assert found["velib_api_requests_total", *sorted((route, "GET", "404"))] == 1
    assert found["velib_api_requests_total", *sorted(("none", "GET", "404"))] == 1
    assert found["velib_api_request_seconds_count", route] == 3
    assert found["velib_mart_up",] == 1
    for feed in FEEDS:
        [[count, newest]] = mart.rows(
            "select count(*), extract(epoch from max(snapshot_at)) from mart.fct_snapshots where feed = %s", feed
        )
        assert found["velib_snapshots", feed] == count
        assert found["velib_newest_snapshot_timestamp_seconds", feed] == float(newest)
        assert ("velib_quarantined_files", feed) in found
    assert found["velib_build_succeeded",] == 1
    assert found["velib_build_seconds",] == 30


def test_the_pipelines_status(client: Client, mart: MartOfContracts) -> None:
    told = client.get("/v1/pipeline/status").json()
    assert [feed["feed"] for feed in told["feeds"]] == list(FEEDS)
    assert {feed["gaps"] for feed in told["feeds"]} == {1}
    assert told["last_build"]["has_succeeded"] is True
    rows = client.get("/v1/pipeline/refresh-times", {"limit": 1000}).json()["data"]
    assert len(rows) == mart.rows("select count(*) from mart.fct_refresh")[0][0]


def test_the_documentation_loads_nothing_from_elsewhere(client: Client) -> None:
    page = client.get("/docs")
    assert page.status == 200
    named = re.findall(r'(?:src|href)="([^"]+)"', page.body.decode())
    assert named
    assert all(name.startswith(("docs/", "data:")) for name in named)
    for name in named:
        if name.startswith("docs/"):
            assert client.get(f"/{name}").status == 200, name
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe-inline" not in page.headers["content-security-policy"].partition("script-src")[2].partition(";")[0]


def test_requests_at_once_are_answered_each_with_its_own(client: Client) -> None:
    codes = ["1001", "16107", "31024_relais"] * 10
    barrier = threading.Barrier(10)

    def ask(code: str) -> str:
        barrier.wait(10)
        answer: str = client.get(f"/v1/stations/{code}/status").json()["station_code"]
        return answer

    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(ask, codes)) == codes
