"""/v1/alerts on the very tables that `velib alert` makes, asked as velib_reader."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest
from conftest import Client
from mart_of_contracts import MartOfContracts

from velib.api.routes.alerts import INCIDENTS
from velib.core import settings
from velib.monitoring.alerts import failures, pipeline, state
from velib.monitoring.alerts.configuration import Rule
from velib.monitoring.alerts.findings import Finding, Verdict

Start = Callable[..., Client]
NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)


@pytest.fixture
def evaluate(mart: MartOfContracts) -> Iterator[Callable[..., None]]:
    """As an evaluation does it: rules find, incidents move on."""

    def evaluated(at: datetime, **found: Verdict) -> None:
        with mart.connection.cursor() as cursor:
            state.prepare(cursor, at)
            rule = Rule("stations", "station_empty")
            findings = [Finding(each, verdict, f"Station {each}", "empty", at) for each, verdict in found.items()]
            state.apply(cursor, rule, findings, at)

    yield evaluated
    mart.execute("drop schema if exists alerting cascade")


def test_where_nothing_was_ever_evaluated_there_is_no_alert(client: Client) -> None:
    answer = client.get("/v1/alerts")
    assert (answer.status, answer.json()["data"], answer.json()["next_cursor"]) == (200, [], None)
    assert client.get("/v1/alerts?format=csv").body.decode().strip().count(",") == len(INCIDENTS.columns) - 1


def test_open_incidents_and_those_of_before(
    client: Client, mart: MartOfContracts, evaluate: Callable[..., None]
) -> None:
    evaluate(NOW, a=Verdict.HOLDS, b=Verdict.HOLDS)
    evaluate(NOW + timedelta(hours=1), b=Verdict.HOLDS, c=Verdict.HOLDS)
    rows = client.get("/v1/alerts").json()["data"]
    assert [(row["subject"], row["is_open"]) for row in rows] == [("c", True), ("b", True), ("a", False)]
    assert rows[2]["recovered_at"] == "2026-06-02T13:00:00Z"
    assert rows[1] == {
        "incident_id": rows[1]["incident_id"],
        "rule": "stations",
        "severity": "warning",
        "subject": "b",
        "label": "Station b",
        "fact": "empty",
        "since": "2026-06-02T13:00:00Z",
        "opened_at": "2026-06-02T12:00:00Z",
        "last_notified_at": None,
        "recovered_at": None,
        "is_open": True,
    }
    for asked, found in (
        ("is_open=true", "cb"),
        ("is_open=false", "a"),
        ("subject=a&subject=c", "ca"),
        ("from=2026-06-02T12:30:00Z", "c"),
        ("to=2026-06-02T12:30:00Z", "ba"),
        ("filter=recovered_at.null&sort=subject", "bc"),
        ("rule=none", ""),
    ):
        assert "".join(row["subject"] for row in client.get(f"/v1/alerts?{asked}").json()["data"]) == found, asked
    pages = client.pages("/v1/alerts", {"limit": 1})
    assert [row["subject"] for page in pages for row in page["data"]] == ["c", "b", "a"]


def test_an_alert_is_seen_at_once_without_a_build(client: Client, evaluate: Callable[..., None]) -> None:
    evaluate(NOW, a=Verdict.HOLDS)
    answer = client.get("/v1/alerts?is_open=true")
    assert answer.headers["cache-control"] == "public, no-cache"
    assert "etag" not in answer.headers
    assert len(answer.json()["data"]) == 1
    evaluate(NOW + timedelta(minutes=1))
    assert client.get("/v1/alerts?is_open=true").json()["data"] == []


def test_the_reader_sees_incidents_alone(mart: MartOfContracts, client: Client, evaluate: Callable[..., None]) -> None:
    evaluate(NOW)
    with contextlib.closing(psycopg2.connect(mart.reader_url)) as connection, connection.cursor() as cursor:
        for table in ("incidents", "deliveries", "tellings", "marks"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(f"select * from alerting.{table}")
            connection.rollback()
    mart.execute("revoke select on alerting.public_incidents from velib_reader")
    answer = client.get("/v1/alerts")
    assert (answer.status, answer.json()["type"]) == (503, "urn:velib:not-granted")
    evaluate(NOW + timedelta(minutes=1))
    assert client.get("/v1/alerts").status == 200, "a database of before is mended by the next evaluation"


def test_why_a_run_failed_is_for_those_who_are_told_of_it(
    client: Client,
    mart: MartOfContracts,
    evaluate: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """It may quote a path or an address, as that of a feed with its key."""
    evaluate(NOW)
    monkeypatch.setenv(settings.HOME, str(tmp_path))
    failures.note("load", "error: /srv/private/landing: no such folder", NOW)
    failures.note("build", "error: cannot reach https://user:secret@host/", NOW)
    rule = Rule("runs", "failed_run")
    with mart.connection.cursor() as cursor:
        state.apply(cursor, rule, pipeline.look(cursor, rule, NOW, None).findings, NOW)
    assert mart.rows("select count(*) from alerting.incidents where fact like '%/%'") == [(2,)], "they are told all"
    told = client.get("/v1/alerts?rule=runs").json()["data"]
    assert sorted((row["label"], row["fact"]) for row in told) == [("velib build", "failed"), ("velib load", "failed")]
    assert b"/srv" not in client.get("/v1/alerts?format=csv").body


def test_the_columns_are_those_of_the_table(mart: MartOfContracts, evaluate: Callable[..., None]) -> None:
    evaluate(NOW)
    there = mart.rows(
        """
        select attname, format_type(atttypid, null) from pg_attribute
        where attrelid = 'alerting.public_incidents'::regclass and attnum > 0 and not attisdropped
        """
    )
    assert sorted(there) == sorted((column.name, column.data_type) for column in INCIDENTS.columns)
