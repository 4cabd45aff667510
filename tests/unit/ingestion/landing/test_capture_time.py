"""Capture times from file names."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.landing.capture_time import PARIS, UnknownZoneError, check_pattern, from_name, is_plausible, stated

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
        ("20260602_083000_cetus.json", utc(2026, 6, 2, 6, 30)),
        ("20260602_083000_v2.json", utc(2026, 6, 2, 6, 30)),
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
        # digits that may mean something else are no time: a day and an hour, a counter, a day alone
        ("velib_2026060208.json", None),
        ("velib_20260602.json", None),
        ("velib_123456789.json", None),
        ("velib_17803890601.json", None),
        ("2026-06-02/084300_and_more.json", None),
        ("2026-06-02/12.json", None),
        ("2026-06-02/week_2300_0843.json", None),
        ("date=2026-06-02/hour=09/084300.json", None),
        ("084300.json", None),
        ("٢٠٢٦٠٦٠٢_٠٨٣٠٠٠.json", None),
        ("snapshot.json", None),
        ("", None),
    ],
)
def test_examples(name: str, expected: datetime | None) -> None:
    assert from_name(name, PARIS) == expected


EIGHT = utc(2026, 6, 2, 8, 30)  # in UTC
LOCAL = utc(2026, 6, 2, 6, 30)  # half past eight in Paris
FORMS = {
    # 14 digits, 12 digits
    "velib_20260602083000.json": LOCAL,
    "velib_202606020830.json": LOCAL,
    "20260602083000_velib.json.gz": LOCAL,
    # signs between the parts
    "velib_20260602-083000.json": LOCAL,
    "velib_20260602 083000.json": LOCAL,
    "velib_20260602_0830.json": LOCAL,
    "velib_2026-06-02_08-30-00.json": LOCAL,
    "velib_2026-06-02 08.30.00.json": LOCAL,
    "velib.2026.06.02.08.30.00.json": LOCAL,
    "velib-2026-06-02-08-30-00.json": LOCAL,
    "2026_06_02_08_30_00.json": LOCAL,
    "2026-06-02_08h30.json": LOCAL,
    "2026-06-02_08h30m00s.json": LOCAL,
    # ISO 8601
    "velib_2026-06-02T08:30:00Z.json": EIGHT,
    "velib_2026-06-02T08%3A30%3A00Z.json": EIGHT,
    "velib_2026-06-02T08-30-00Z.json": EIGHT,
    "velib_2026-06-02T08_30_00_Z.json": EIGHT,
    "velib_2026-06-02T08:30Z.json": EIGHT,
    "velib_2026-06-02T08:30:00.json": LOCAL,
    "velib_20260602T083000.123Z.json": EIGHT + timedelta(milliseconds=123),
    "velib_2026-06-02T08:30:00,5+00:00.json": EIGHT + timedelta(milliseconds=500),
    "velib_2026-06-02T08:30:00.123456789Z.json": EIGHT + timedelta(microseconds=123456),
    # since 1970
    "1780389000.json": EIGHT,
    "velib_1780389000.json.gz": EIGHT,
    "velib-1780389000-status.json": EIGHT,
    "1780389000123.json": EIGHT + timedelta(milliseconds=123),
    "1780389000.25.json": EIGHT + timedelta(milliseconds=250),
    # a day in the folders
    "2026-06-02/08-30-00.json": LOCAL,
    "20260602/083000.json": LOCAL,
    "2026/06/02/083000.json": LOCAL,
    "year=2026/month=6/day=2/08-30-00.json": LOCAL,
    "date=2026-06-02/083000Z.json": EIGHT,
    "date=2026-06-02/hour=08/083000.json": LOCAL,
    "2026-06-02/08/station_status_08-30-00.json": LOCAL,
    "2026-06-02/T08:30:00+00:00.json": EIGHT,
    # a zone
    "velib_20260602T083000+0000.json": EIGHT,
    "velib_20260602T043000-0400.json": EIGHT,
    "velib_20260602T043000-04:00.json": EIGHT,
    "velib_20260602T043000-04.json": EIGHT,
    "velib_2026-06-02 09:30:00+01:00.json": EIGHT,
    "velib_20260602T140000+0530.json": EIGHT,
    "velib_20260602_083000_GMT.json": EIGHT,
    "velib_20260602_083000-UTC.json": EIGHT,
    "velib_20260602_083000.UTC.json": EIGHT,
    "velib_20260602_083000 UTC.json": EIGHT,
    "velib_20260602_083000_utc.json": EIGHT,
    "velib_20260602_103000_GMT+2.json": EIGHT,
    "velib_20260602_103000_UTC+02:00.json": EIGHT,
    "velib_20260602_093000_CET.json": EIGHT,
    "velib_20260602_103000-CEST.json": EIGHT,
}


@pytest.mark.parametrize(("name", "expected"), FORMS.items())
def test_forms(name: str, expected: datetime) -> None:
    assert from_name(f"/landing/{name}", PARIS) == expected


def test_a_name_says_whether_it_has_a_zone() -> None:
    for name, expected in FORMS.items():
        found = stated(f"/landing/{name}", PARIS)
        assert found is not None
        assert found.has_zone is (expected >= EIGHT), name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("20260602_083000_EDT.json", "'EDT'"),
        ("20260602_083000_BST.json", "'BST'"),
        ("20260602_083000_est.json", "'est'"),
        ("2026-06-02/083000_EDT.json", "'EDT'"),
        ("20260602_083000_CETUS.json", "'CETUS'"),
        ("20260602_083000_UTC2.json", "'_UTC2'"),
        ("20260602_083000_PM.json", "'_PM'"),
        ("2026-06-02 08.30.00 pm.json", "' pm'"),
        ("20260602_083000-04.json", "'-04'"),
        ("20260602_083000+9900.json", "'+9900'"),
        ("20260602_083000-0015.json", "'-0015'"),
        ("20260602_083000+0110.json", "'+0110'"),
    ],
)
def test_a_zone_that_is_not_understood_is_not_guessed(name: str, words: str) -> None:
    with pytest.raises(UnknownZoneError, match=re.escape(words)):
        from_name(name, PARIS)


@pytest.mark.parametrize(
    ("zone", "name", "expected"),
    [
        ("America/New_York", "20260602_043000_EDT.json", EIGHT),
        ("America/New_York", "20261101_013000_EDT.json", utc(2026, 11, 1, 5, 30)),
        ("America/New_York", "20261101_013000_EST.json", utc(2026, 11, 1, 6, 30)),
        ("America/New_York", "20261101_013000.json", utc(2026, 11, 1, 5, 30)),
        ("America/Chicago", "20260602_033000_CDT.json", EIGHT),
        ("Europe/London", "20260602_093000_BST.json", EIGHT),
        ("Asia/Kolkata", "20260602_140000_IST.json", EIGHT),
        ("Asia/Jerusalem", "20260102_103000_IST.json", utc(2026, 1, 2, 8, 30)),
    ],
)
def test_a_zone_has_names_of_its_own(zone: str, name: str, expected: datetime) -> None:
    assert from_name(name, ZoneInfo(zone)) == expected


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("%d.%m.%Y_%Hh%M", "velib 02.06.2026_08h30.json", LOCAL),
        ("%d%m%Y-%H%M%S", "velib-02062026-083000.json", LOCAL),
        ("%Y%m%d%H", "velib_2026060208.json", LOCAL - timedelta(minutes=30)),
        ("%Y-%m-%d/%H%M", "in/2026-06-02/0830.json", LOCAL),
        ("%Y/%j/%H%M", "in/2026/153/0830.json", LOCAL),
        ("%d %b %Y %I.%M %p", "2 Jun 2026 8.30 AM.json", LOCAL),
        ("%Y%m%d_%H%M%S%z", "20260602_043000-0400.json", EIGHT),
        ("%Y%m%d_%H%M%S_%Z", "20260602_083000_GMT.json", EIGHT),
        # what it leaves out does not count
        ("%Y%m%d_%H%M%S", "20260602_083000_EDT.json", LOCAL),
        # the last of several, and none in the middle of a number
        ("%y%m%d%H%M", "2601010000_2606020830.json", LOCAL),
        ("%y%m%d%H%M", "velib_20260602083000.json", None),
        ("%Y%m%d_%H%M", "20261302_0830.json", None),
        ("%Y%m%d_%H%M", "1780389000.json", None),
        ("100%%_%Y%m%d_%H%M", "100%_20260602_0830.json", LOCAL),
    ],
)
def test_a_pattern(pattern: str, name: str, expected: datetime | None) -> None:
    check_pattern(pattern)
    assert from_name(f"/landing/{name}", PARIS, pattern) == expected


def test_a_pattern_does_not_guess_a_zone_either() -> None:
    with pytest.raises(UnknownZoneError, match="'EDT'"):
        from_name("20260602_083000_EDT.json", PARIS, "%Y%m%d_%H%M%S_%Z")


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("%Y%m%d", "a day and an hour"),
        ("%H%M%S", "a day and an hour"),
        ("%m%d_%H%M", "a day and an hour"),
        ("velib", "a day and an hour"),
        ("", "a day and an hour"),
        ("%Y%m%d_%H%M%Q", "%Q"),
        ("%s", "%s"),
        ("%Y%m%d_%H%M%", "ends"),
        ("%Y%m%d_%H%M_%d", "twice"),
    ],
)
def test_a_pattern_that_cannot_be(pattern: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_pattern(pattern)


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


@given(INSTANTS, st.sampled_from(["%Y%m%d%H%M%S", "%Y-%m-%d_%H-%M-%S", "%Y-%m-%d/%H.%M.%S", "%Y_%m_%dT%H:%M:%S"]))
def test_a_local_time_comes_back_in_every_form(instant: datetime, form: str) -> None:
    local = instant.astimezone(PARIS)
    expected = instant - timedelta(hours=1) if local.fold else instant
    assert from_name(f"/x/{local.strftime(form)}.json", PARIS) == expected
    assert from_name(f"/x/{local.strftime(form)}.json", PARIS, form) == expected


@given(INSTANTS, st.integers(-12 * 4, 14 * 4).filter(lambda quarters: abs(quarters) % 4 != 1 and not -4 < quarters < 4))
def test_an_offset_comes_back(instant: datetime, quarters: int) -> None:
    local = instant.astimezone(timezone(timedelta(minutes=15 * quarters)))
    for form in ("%Y%m%dT%H%M%S%z", "%Y-%m-%d_%H-%M-%S%:z"):
        offset = f"{local:%z}"
        name = local.strftime(form.replace("%:z", f"{offset[:3]}:{offset[3:]}"))
        assert from_name(f"{name}.json", PARIS) == instant


@given(st.integers(1_000_000_000, 1_999_999_999), st.integers(0, 999))
def test_the_seconds_since_1970_come_back(seconds: int, milliseconds: int) -> None:
    instant = datetime.fromtimestamp(seconds, UTC)
    assert from_name(f"velib_{seconds}.json", PARIS) == instant
    exact = instant + timedelta(milliseconds=milliseconds)
    assert from_name(f"{seconds}{milliseconds:03}.json", PARIS) == exact


@given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)))  # noqa: DTZ001 (digits)
def test_a_day_and_an_hour_are_no_seconds_since_1970(moment: datetime) -> None:
    assert from_name(f"velib_{moment:%Y%m%d%H}.json", PARIS) is None


@given(st.text() | st.text("0123456789-_.:TZ+UCGM/ ="))
def test_any_name_is_answered(name: str) -> None:
    try:
        result = from_name(name, PARIS)
    except UnknownZoneError:
        return
    assert result is None or result.utcoffset() == timedelta(0)


@given(st.text("%YmdHMSfzZjbpyI/_-. ") | st.text())
def test_any_pattern_is_answered(pattern: str) -> None:
    try:
        check_pattern(pattern)
        result = from_name("/in/2026-06-02/083000_UTC.json", PARIS, pattern)
    except ValueError:
        return
    assert result is None or result.utcoffset() == timedelta(0)


@given(st.from_regex(r"\A[0-9]{8}[_T][0-9]{6}(_CEST|_CET|_UTC|Z)?\Z"))
def test_any_digits_are_answered(stamp: str) -> None:
    result = from_name(stamp + ".json", PARIS)
    assert result is None or result.utcoffset() == timedelta(0)
