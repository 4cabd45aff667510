"""Trying again: what Retry-After says, how long is waited, when it ends."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velib.collecting.client import FetchError
from velib.collecting.clock import Clock
from velib.collecting.retry import LONGEST_RETRY_AFTER, Retrying, parse_retry_after

NOW = 1_800_000_000.0


class FakeClock(Clock):
    """Time passes only in sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return NOW + self.seconds

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> bool:
        self.slept.append(seconds)
        self.seconds += seconds
        return True


@given(st.integers(0, 10**30), st.sampled_from(["", " ", "\t"]))
def test_seconds(number: int, space: str) -> None:
    assert parse_retry_after(f"{space}{number}{space}", NOW) == min(number, LONGEST_RETRY_AFTER)


@given(st.datetimes(timezones=st.just(UTC)).filter(lambda date: 1970 < date.year < 9999))
def test_dates(date: datetime) -> None:
    date = date.replace(microsecond=0)
    wait = min(max(0.0, date.timestamp() - NOW), LONGEST_RETRY_AFTER)
    assert parse_retry_after(format_datetime(date, usegmt=True), NOW) == wait
    assert parse_retry_after(format_datetime(date), NOW) == wait
    assert parse_retry_after(format_datetime(date.replace(tzinfo=None)), NOW) == wait  # "-0000"


@given(st.one_of(st.text(), st.from_regex(r"-?[0-9:, A-Za-z+]{0,40}", fullmatch=True)))
def test_anything_is_bounded(value: str) -> None:
    wait = parse_retry_after(value, NOW)
    assert wait is None or 0 <= wait <= LONGEST_RETRY_AFTER


@pytest.mark.parametrize(
    "value", [None, "", "soon", "-1", "1.5", "٣", "Fri, 99 Nov 2026 00:00:00 GMT", "9" * 5000 + "x"]
)
def test_what_says_nothing(value: str | None) -> None:
    assert parse_retry_after(value, NOW) is None


def test_thousands_of_digits() -> None:
    assert parse_retry_after("9" * 5000, NOW) == LONGEST_RETRY_AFTER


@given(st.integers(1, 900))
def test_backoff_grows_up_to_its_limit(failures: int) -> None:
    most = Retrying(chance=lambda low, high: high).pause(failures)
    assert most == min(20.0, float(2**failures))
    assert Retrying(chance=lambda low, high: low).pause(failures) == 0.0
    assert 0.0 <= Retrying().pause(failures) <= most


class Failing:
    """Fails with these, then answers."""

    def __init__(self, *errors: FetchError) -> None:
        self.errors = list(errors)
        self.tries = 0

    def __call__(self) -> str:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


PASSING = FetchError("server_error", "HTTP 500", is_passing=True)
LASTING = FetchError("refused", "HTTP 404")


def upper() -> Retrying:
    return Retrying(chance=lambda low, high: high)


def test_it_tries_again() -> None:
    clock = FakeClock()
    assert upper().call(Failing(PASSING, PASSING), clock, 100.0) == "answer"
    assert clock.slept == [2.0, 4.0]


def test_it_gives_up() -> None:
    clock, failing = FakeClock(), Failing(*[PASSING] * 9)
    with pytest.raises(FetchError):
        upper().call(failing, clock, 100.0)
    assert failing.tries == 4


def test_what_does_not_pass_is_tried_once() -> None:
    failing = Failing(LASTING)
    with pytest.raises(FetchError):
        upper().call(failing, FakeClock(), 100.0)
    assert failing.tries == 1


def test_a_server_is_taken_at_its_word() -> None:
    clock = FakeClock()
    wait = FetchError("asked_to_wait", "HTTP 429", is_passing=True, retry_after=7.0)
    assert upper().call(Failing(wait), clock, 100.0) == "answer"
    assert clock.slept == [7.0]


def test_a_wait_that_lasts_longer_than_the_tick_is_not_begun() -> None:
    clock = FakeClock()
    wait = FetchError("asked_to_wait", "HTTP 429", is_passing=True, retry_after=101.0)
    with pytest.raises(FetchError) as raised:
        upper().call(Failing(wait), clock, 100.0)
    assert raised.value.retry_after == 101.0
    assert clock.slept == []


def test_an_end_cuts_the_waiting_short() -> None:
    clock, failing = Clock(), Failing(*[PASSING] * 9)
    clock.end()
    with pytest.raises(FetchError):
        Retrying(base=1000, longest=1000).call(failing, clock, clock.monotonic() + 10_000)
    assert failing.tries == 1
