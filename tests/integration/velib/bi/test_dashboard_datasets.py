"""What the dashboards' own queries make of a mart: notes on what cannot be known, weeks beside each other. Without Superset."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import yaml

from velib.bi.inside import prepare
from velib.core import settings

FIRST = datetime(2026, 6, 1, tzinfo=UTC)  # a Monday


def dataset(name: str) -> dict[str, Any]:
    (found,) = [each for _, each in prepare.objects("datasets") if each["table_name"] == name]
    return found


@pytest.fixture
def mart(cursor: Any) -> Any:
    cursor.execute("create schema mart; set time zone 'UTC'")
    for model in ("fct_snapshots", "kpi_network_hourly"):
        page = next((settings.dbt_project() / "models" / "mart").rglob(f"{model}.yml"))
        (described,) = [each for each in yaml.safe_load(page.read_text())["models"] if each["name"] == model]
        columns = ", ".join(f"{each['name']} {each['data_type']}" for each in described["columns"])
        cursor.execute(f"create table mart.{model} ({columns})")
    return cursor


def notes(mart: Any, **feeds: list[tuple[datetime, int]]) -> dict[tuple[str, str], str]:
    for feed, snapshots in feeds.items():
        for at, bikes in snapshots:
            mart.execute(
                "insert into mart.fct_snapshots (feed, snapshot_at, bike_count) values (%s, %s, %s)", (feed, at, bikes)
            )
    mart.execute(f"select feed, about, note from ({dataset('notes')['sql']}) as told")
    return {(feed, about): note for feed, about, note in mart.fetchall()}


def test_an_archive_says_its_age_and_a_live_feed_nothing(mart: Any) -> None:
    now = datetime.now(UTC)
    old = datetime(2020, 11, 6, 21, 15, tzinfo=UTC)
    told = notes(mart, archive=[(old - timedelta(days=8), 5), (old, 5)], live=[(now - timedelta(days=8), 5), (now, 5)])
    years = int((now - old).total_seconds() // 31_557_600)
    assert told == {
        ("archive", "age"): (
            f"The newest snapshot is of Friday, 6 November 2020, 21:15, {years} years ago. All on this page is as of then."
        )
    }


def test_what_a_week_has_to_tell_is_known_after_one(mart: Any) -> None:
    told = notes(
        mart, young=[(FIRST, 5), (FIRST + timedelta(days=6), 5)], week=[(FIRST, 5), (FIRST + timedelta(days=7), 5)]
    )
    assert {key for key in told if key[1] != "age"} == {("young", "rides missed"), ("young", "idle")}
    assert "can be known from 8 June 2026, 00:00 on" in told["young", "rides missed"]
    assert "can be known from 8 June 2026, 00:00 on" in told["young", "idle"]


def test_a_feed_without_bikes_says_what_it_cannot_tell(mart: Any) -> None:
    without = [(FIRST, 0), (FIRST + timedelta(days=30), 0)]
    told = notes(mart, counts=without)
    assert {about for _, about in told} == {"age", "rides missed", "departures", "rides", "bikes"}
    assert all("counts says how many bikes stand" in told["counts", each] for each in ("departures", "rides"))
    told = notes(mart, lists=[(FIRST, 5), (FIRST + timedelta(days=30), 5)])
    assert {about for feed, about in told if feed == "lists"} == {"age"}
    assert "bikes" not in {about for _, about in told}, "another feed lists them"


def test_weeks_are_compared_up_to_the_same_hour(mart: Any) -> None:
    """Of the newest Wednesday nine hours are there: so many count of each Wednesday. Half a day is no day to compare."""
    for day in range(-14, 3):
        for hour in range(24):
            if (day == 2 and hour > 9) or (day == -7 and hour < 12):
                continue
            at = FIRST + timedelta(days=day, hours=hour)
            mart.execute(
                "insert into mart.kpi_network_hourly (feed, hour_at, date_day, hour_of_day, observed_seconds, in_service_seconds,"
                " empty_seconds, departures) values ('f', %s, %s, %s, 3600, 3600, %s, 1)",
                (at, at.date(), hour, 36 * (1 + (date(2026, 6, 1) <= at.date()))),
            )
    found = dataset("network_weeks")
    expression = {each["column_name"]: each["expression"] for each in found["columns"]}
    metric = {each["metric_name"]: each["expression"] for each in found["metrics"]}
    mart.execute(
        f"select {expression['week']}, {expression['weekday']}, {metric['rides']}, {metric['empty_share']}"
        f" from ({found['sql']}) as weeks group by 1, 2"
    )
    told = {(week, weekday): (rides, share) for week, weekday, rides, share in mart.fetchall()}
    assert told["newest week", "1 Mon"] == (24, 0.02)
    assert [told[week, "3 Wed"][0] for week in ("newest week", "1 week before", "2 weeks before")] == [9, 9, 9]
    assert told["1 week before", "1 Mon"] == (None, 0.01), "half of it was not observed"
    assert ("newest week", "4 Thu") not in told
    assert len(told) == 3 + 7 + 7
