"""Capture times from file names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.landing.capture_time import PARIS, from_name, is_plausible

BERLIN = ZoneInfo("Europe/Berlin")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("response_20260602_083000_CEST.json.gz", utc(2026, 6, 2, 6, 30)),
        ("response_20260102_083000_CET.json.gz", utc(2026, 1, 2, 7, 30)),
        ("x_20260602_083000_UTC.json", utc(2026, 6, 2, 8, 30)),
        ("x_20260602T083000Z.json", utc(2026, 6, 2, 8, 30)),
        ("x_20260602T083000_Z.json", utc(2026, 6, 2, 8, 30)),
        ("x_20260602T083000CEST.json", utc(2026, 6, 2, 6, 30)),
        ("x_20260602t083000z.json", utc(2026, 6, 2, 8, 30)),
        ("velib_data_20241104_090501.json.gz", utc(2024, 11, 4, 8, 5, 1)),
        ("meinrad_mainz_raw_berlin_20260713T000059.json.gz", utc(2026, 7, 12, 22, 0, 59)),
        ("20260602_083000", utc(2026, 6, 2, 6, 30)),
        ("20260602_083000_Zurich.json", utc(2026, 6, 2, 6, 30)),
        ("20260602_083000_CETUS.json", utc(2026, 6, 2, 6, 30)),
        ("20260602_083000_123456.json", utc(2026, 6, 2, 6, 30)),
        # a stated offset is believed, whatever the season
        ("20260102_083000_CEST.json", utc(2026, 1, 2, 6, 30)),
        # the last of several, folders do not count
        ("20250101_000000_UTC-20260602_083000_UTC.json", utc(2026, 6, 2, 8, 30)),
        ("20260101_20260602_083000_UTC.json", utc(2026, 6, 2, 8, 30)),
        ("20250101_000000_UTC/20260602_083000_UTC.json", utc(2026, 6, 2, 8, 30)),
        ("s3://bucket/20250101_000000_UTC/x.json", None),
        # October's repeated hour: the first, unless said
        ("20261025_023000.json", utc(2026, 10, 25, 0, 30)),
        ("20261025_023000_CEST.json", utc(2026, 10, 25, 0, 30)),
        ("20261025_023000_CET.json", utc(2026, 10, 25, 1, 30)),
        ("20261025_030000.json", utc(2026, 10, 25, 2)),
        # March's skipped hour
        ("20260329_015959.json", utc(2026, 3, 29, 0, 59, 59)),
        ("20260329_020000.json", None),
        ("20260329_023000.json", None),
        ("20260329_030000.json", utc(2026, 3, 29, 1)),
        ("20260329_023000_UTC.json", utc(2026, 3, 29, 2, 30)),
        # no time
        ("20261302_083000.json", None),
        ("20260230_083000.json", None),
        ("20260602_243000.json", None),
        ("20260602_083060.json", None),
        ("00000000_000000.json", None),
        ("00010101_000000.json", utc(1, 1, 1)),
        ("99991231_235959_CET.json", utc(9999, 12, 31, 22, 59, 59)),
        ("120260602_083000.json", None),
        ("20260602_0830001.json", None),
        ("20260602-083000.json", None),
        ("٢٠٢٦٠٦٠٢_٠٨٣٠٠٠.json", None),
        ("snapshot.json", None),
        ("", None),
    ],
)
def test_examples(name: str, expected: datetime | None) -> None:
    assert from_name(name, PARIS) == expected


@pytest.mark.parametrize(
    ("instant", "plausible"),
    [
        (utc(1, 1, 1), False),
        (utc(1970, 1, 1), False),
        (utc(1999, 12, 31, 23, 59, 59), False),
        (utc(2000, 1, 1), True),
        (utc(2099, 12, 31, 23, 59, 59), True),
        (utc(2100, 1, 1), False),
        (utc(9999, 12, 31), False),
    ],
)
def test_a_clock_that_was_never_set(instant: datetime, plausible: bool) -> None:
    assert is_plausible(instant) is plausible


def test_another_zone() -> None:
    assert from_name("20260602_083000.json", ZoneInfo("America/New_York")) == utc(2026, 6, 2, 12, 30)
    assert from_name("20260602_083000_UTC.json", ZoneInfo("America/New_York")) == utc(2026, 6, 2, 8, 30)


SECONDS = st.integers(631152000, 4102444800)  # 1990 to 2100
INSTANTS = SECONDS.map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
SEPARATORS = st.sampled_from("_T")


@given(INSTANTS, SEPARATORS, st.sampled_from(["_UTC", "UTC", "Z", "_Z"]), st.sampled_from(["", "response_", "a-1_"]))
def test_utc_comes_back(instant: datetime, separator: str, suffix: str, prefix: str) -> None:
    name = f"/x/{prefix}{instant:%Y%m%d}{separator}{instant:%H%M%S}{suffix}.json.gz"
    assert from_name(name, BERLIN) == instant


@given(INSTANTS, SEPARATORS)
def test_paris_with_its_abbreviation_comes_back(instant: datetime, separator: str) -> None:
    local = instant.astimezone(PARIS)
    assert from_name(f"{local:%Y%m%d}{separator}{local:%H%M%S}_{local:%Z}.json", BERLIN) == instant


@given(INSTANTS)
def test_local_without_suffix_comes_back_but_for_the_repeated_hour(instant: datetime) -> None:
    local = instant.astimezone(PARIS)
    expected = instant - timedelta(hours=1) if local.fold else instant
    assert from_name(f"{local:%Y%m%d_%H%M%S}.json", PARIS) == expected


@given(st.text())
def test_any_name_is_answered(name: str) -> None:
    result = from_name(name, PARIS)
    assert result is None or result.utcoffset() == timedelta(0)


@given(st.from_regex(r"\A[0-9]{8}[_T][0-9]{6}(_CEST|_CET|_UTC|Z)?\Z"))
def test_any_digits_are_answered(stamp: str) -> None:
    result = from_name(stamp + ".json", PARIS)
    assert result is None or result.utcoffset() == timedelta(0)
