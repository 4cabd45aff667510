"""From findings to messages: what opens and ends an incident, who is told when, and that nothing of it depends on luck."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from small_mart import SmallMart, small_mart
from tiny import minute

from velib.monitoring.alerts import state, stations
from velib.monitoring.alerts.configuration import Alerts, Receiver, Rule
from velib.monitoring.alerts.delivery import Outcome
from velib.monitoring.alerts.evaluation import Evaluation, evaluate
from velib.monitoring.alerts.findings import Finding, Verdict
from velib.monitoring.alerts.messages import Message

EMPTY = Rule("empty", "station_empty", to=("ops",), lasting=timedelta(minutes=30), cool_down=timedelta(minutes=10))
OPS, BOSS = Receiver("ops", "log"), Receiver("boss", "log")


class Crash(BaseException):
    """The process dies here."""


@dataclass
class Inbox:
    """Stands in for the receivers: what they got. Those that are `down` get nothing; it dies before sending `dies_at` more."""

    got: list[tuple[str, Message]] = field(default_factory=list)
    down: set[str] = field(default_factory=set)
    dies_at: int | None = None

    def deliver(self, messages: Mapping[Receiver, Sequence[Message]]) -> Iterator[Outcome]:
        for receiver, each in messages.items():
            for message in each:
                if receiver.name in self.down:
                    yield Outcome(receiver, message, "no connection")
                    break
                if self.dies_at is not None:
                    self.dies_at -= 1
                    if self.dies_at < 0:
                        raise Crash
                self.got.append((receiver.name, message))
                yield Outcome(receiver, message, None)

    def titles(self) -> list[str]:
        """What came since the last time."""
        titles = [f"{name}: {message.title}" for name, message in self.got]
        self.got.clear()
        return titles


class Desk:
    """Alerts, evaluated minute by minute on a small mart."""

    def __init__(
        self, mart: SmallMart, rules: Sequence[Rule] = (EMPTY,), receivers: Sequence[Receiver] = (OPS,)
    ) -> None:
        mart.clear()
        self.mart, self.inbox = mart, Inbox()
        self.alerts = Alerts(tuple(rules), tuple(receivers))

    def evaluate(self, at: float, dry_run: bool = False) -> Evaluation:
        now = minute(0) + timedelta(minutes=at)
        return evaluate(self.mart.other, self.alerts, now, self.inbox, dry_run)  # type: ignore[arg-type]

    def at(self, minutes: float) -> list[str]:
        """Evaluate then; the titles of what came."""
        self.evaluate(minutes)
        return self.inbox.titles()

    def open(self) -> list[str]:
        return [each.subject for each in state.open_incidents(self.mart.connection)]


class Findings:
    """Stands in for the rules over stations: finds what it is told to."""

    def __init__(self) -> None:
        self.by_rule: dict[str, list[Finding] | None] = {}

    def look(self, cursor: object, rule: Rule, alerts: Alerts, now: datetime) -> list[Finding] | None:
        return self.by_rule.get(rule.name, [])

    def are(self, *subjects: str, rule: str = "empty") -> None:
        """These hold; `?name` is unknown, `~name` lingers."""
        verdicts = {"?": Verdict.UNKNOWN, "~": Verdict.LINGERS}
        self.by_rule[rule] = [
            Finding(each.lstrip("?~"), verdicts.get(each[0], Verdict.HOLDS), f"Station {each.lstrip('?~')}")
            for each in subjects
        ]


@pytest.fixture(scope="module")
def mart(postgres_home: Path) -> Iterator[SmallMart]:
    with small_mart(postgres_home) as made:
        yield made


@pytest.fixture
def findings(monkeypatch: pytest.MonkeyPatch) -> Findings:
    found = Findings()
    monkeypatch.setattr(stations, "look", found.look)
    return found


def test_two_hundred_stations_at_once_are_one_message(mart: SmallMart) -> None:
    desk = Desk(mart)
    mart.snapshot(120)
    for number in range(200):
        mart.station(f"{number:03}", last_seen=120)
        mart.status(f"{number:03}", number / 10, None, 0)
    desk.evaluate(121)
    ((_, message),) = desk.inbox.got
    assert message.text().splitlines() == [
        "warning: empty: 200 new",
        "stations without a bike for 30 min",
        "new:",
        *(f"  - Station {n:03} ({n:03}): since 02.06. {'10:01' if n == 10 else '10:00'}" for n in range(10)),
        "  - … and 190 more",
    ]
    blocks = message.slack()["blocks"]
    assert [block["type"] for block in blocks] == ["header", "section"]
    assert blocks[1]["text"]["text"].count("\n") == 12
    assert message.slack()["text"] == "warning: empty: 200 new"


def test_an_incident_is_told_once_reminded_of_and_ended(mart: SmallMart, findings: Findings) -> None:
    desk = Desk(mart, [replace(EMPTY, repeat=timedelta(hours=1))])
    findings.are("1", "~2")
    assert desk.at(0) == ["ops: warning: empty: 1 new"]
    assert desk.at(1) == desk.at(59) == []
    assert desk.at(60) == ["ops: warning: empty: 1 still open"]
    findings.are("1", "3")
    assert desk.at(90) == ["ops: warning: empty: 1 new"]
    assert desk.at(120) == ["ops: warning: empty: 2 still open"]  # all of them, so that it is not one each half hour
    assert desk.at(150) == []
    findings.are("3")
    assert desk.at(160) == []
    assert desk.open() == ["3"]
    assert desk.at(170) == ["ops: recovered: empty: 1 recovered"]
    assert desk.at(171) == []
    findings.are("1", "3")
    assert desk.at(175) == ["ops: warning: empty: 1 new"]  # its end was told: this is another one


@pytest.mark.parametrize("meanwhile", ["the cool-down is made longer", "the clock is set back"])
def test_what_was_told_to_be_over_does_not_come_back(meanwhile: str, mart: SmallMart, findings: Findings) -> None:
    """Nobody would hear of it: of the incident that they know, they were told that it is open, and that it is over."""
    desk = Desk(mart, [replace(EMPTY, to=("ops", "boss"))], [OPS, BOSS])
    findings.are("1")
    assert desk.at(1000) == ["ops: warning: empty: 1 new", "boss: warning: empty: 1 new"]
    findings.are()
    assert desk.at(1001) == []
    desk.inbox.down = {"boss"}
    assert desk.at(1011) == ["ops: recovered: empty: 1 recovered"]
    desk.inbox.down = set()
    again = 1012
    if meanwhile == "the cool-down is made longer":
        desk.alerts = replace(desk.alerts, rules=(replace(desk.alerts.rules[0], cool_down=timedelta(hours=2)),))
    else:
        again = 5
    findings.are("1")
    assert desk.at(again) == ["ops: warning: empty: 1 new", "boss: warning: empty: 1 new"]
    assert mart.rows("select count(*) from alerting.incidents") == [(2,)]


def test_what_flaps_is_one_incident(mart: SmallMart, findings: Findings) -> None:
    desk = Desk(mart)
    findings.are("1")
    assert desk.at(0) == ["ops: warning: empty: 1 new"]
    for at in range(5, 100, 10):
        findings.are()
        assert desk.at(at) == []
        findings.are("~1")  # empty again, not for long: enough to go on
        assert desk.at(at + 5) == []
    assert mart.rows("select count(*) from alerting.incidents") == [(1,)]
    findings.are("?1")
    assert desk.at(200) == []
    assert desk.open() == ["1"], "not seen is not recovered"
    findings.by_rule["empty"] = None
    assert desk.at(300) == []
    assert desk.open() == ["1"], "a rule that sees nothing changes nothing"


def test_whoever_could_not_be_reached_is_told_later_and_only_what_matters(mart: SmallMart, findings: Findings) -> None:
    desk = Desk(mart, [replace(EMPTY, to=("ops", "boss"))], [OPS, BOSS])
    desk.inbox.down = {"ops"}
    findings.are("1", "2")
    assert desk.at(0) == ["boss: warning: empty: 2 new"]
    findings.are("2", "3")
    assert desk.at(5) == ["boss: warning: empty: 1 new"]
    desk.inbox.down = set()
    # What came and went meanwhile is no news, neither that it began nor that it ended.
    assert desk.at(15) == ["ops: warning: empty: 2 new", "boss: recovered: empty: 1 recovered"]
    findings.are()
    desk.at(20)
    desk.inbox.down = {"ops"}
    assert desk.at(30) == ["boss: recovered: empty: 2 recovered"]
    desk.inbox.down = set()
    assert desk.at(40) == ["ops: recovered: empty: 2 recovered"]
    failed = mart.rows("select receiver, error from alerting.deliveries where not is_delivered")
    assert failed == [("ops", "no connection")] * 3


def test_the_end_of_an_incident_is_no_news_for_ever(mart: SmallMart, findings: Findings) -> None:
    desk = Desk(mart)
    findings.are("1")
    desk.at(0)
    findings.are()
    desk.inbox.down = {"ops"}
    for at in (1, 30, 24 * 60, 24 * 60 + 20):
        assert desk.at(at) == []
    desk.inbox.down = set()
    assert desk.at(24 * 60 + 21) == []
    findings.are("1")
    assert desk.at(24 * 60 + 22) == ["ops: warning: empty: 1 new"]  # nor does it come back


def test_a_rate_limit_and_the_digest_that_ends_it(mart: SmallMart, findings: Findings) -> None:
    rules = [replace(EMPTY, name=name, severity=severity) for name, severity in RANKED.items()]
    desk = Desk(mart, rules, [replace(OPS, per_hour=3)])
    for name in RANKED:
        findings.are("1", rule=name)
    desk.evaluate(0)
    assert [message.title for _, message in desk.inbox.got] == [
        "critical: c: 1 new",
        "warning: b: 1 new",
        "info: 2 alerts in one message",
    ]
    digest = desk.inbox.got[-1][1]
    assert [part.title for part in digest.parts] == ["a: 1 new", "d: 1 new"]
    assert digest.text().endswith(
        "No more than 3 messages an hour come here: what happens next waits, and comes as one."
    )
    desk.inbox.got.clear()
    findings.are("1", "2", rule="c")
    assert desk.at(10) == desk.at(59) == []
    findings.are("1", "2", "3", rule="c")
    assert desk.at(61) == ["ops: critical: c: 2 new"]


def test_what_is_not_delivered_uses_up_neither_the_hour_nor_the_pause(mart: SmallMart, findings: Findings) -> None:
    """A receiver that was down for a while would else be silent for an hour once it is back."""
    desk = Desk(mart, [replace(EMPTY, pause=timedelta(minutes=30))], [replace(OPS, per_hour=1)])
    desk.inbox.down = {"ops"}
    findings.are("1")
    assert desk.at(0) == desk.at(1) == desk.at(2) == []
    assert mart.rows("select count(*) from alerting.deliveries where not is_delivered") == [(3,)]
    desk.inbox.down = set()
    assert desk.at(3) == ["ops: warning: empty: 1 new"]
    # What was delivered uses up both.
    findings.are("1", "2")
    assert desk.at(20) == desk.at(62) == []
    assert desk.at(64) == ["ops: warning: empty: 1 new"]


RANKED = {"a": "info", "b": "warning", "c": "critical", "d": "info"}


def test_a_rule_keeps_its_pause(mart: SmallMart, findings: Findings) -> None:
    desk = Desk(mart, [replace(EMPTY, pause=timedelta(minutes=5))])
    for at, expected in enumerate([1, 0, 0, 0, 0, 5, 0]):
        findings.are(*(str(number) for number in range(at + 1)))
        assert desk.at(at) == ([f"ops: warning: empty: {expected} new"] if expected else [])


def test_rules_and_receivers_come_and_go(mart: SmallMart, findings: Findings) -> None:
    desk = Desk(mart)
    findings.are("1")
    desk.at(0)
    desk.alerts = Alerts((replace(EMPTY, to=("ops", "boss")),), (OPS, BOSS))
    assert desk.at(1) == ["boss: warning: empty: 1 new"]  # who is new hears what is open
    desk.alerts = Alerts((replace(EMPTY, name="other"),), (OPS,))
    assert desk.at(2) == []
    assert desk.open() == []


def test_a_clock_that_is_set_back_silences_nobody(mart: SmallMart, findings: Findings) -> None:
    desk = Desk(mart, [replace(EMPTY, repeat=timedelta(hours=1))], [replace(OPS, per_hour=2)])
    findings.are("1")
    assert desk.at(100_000) == ["ops: warning: empty: 1 new"]
    assert desk.at(0) == []
    assert desk.at(61) == ["ops: warning: empty: 1 still open"]
    findings.are()
    assert desk.at(62) == []
    assert desk.at(73) == ["ops: recovered: empty: 1 recovered"]


def test_a_rule_that_fails_stops_no_other(mart: SmallMart) -> None:
    full = replace(EMPTY, name="full", kind="station_full")
    desk = Desk(mart, [EMPTY, full, replace(EMPTY, name="silent", kind="feed_silent", feeds=("never",))])
    mart.execute("alter table mart.fct_station_status rename bikes_available to bikes")
    try:
        evaluation = desk.evaluate(0)
    finally:
        mart.execute("alter table mart.fct_station_status rename bikes to bikes_available")
    assert list(evaluation.failed_rules) == ["empty", "full"]
    assert "does not exist" in evaluation.failed_rules["empty"]
    assert desk.inbox.titles() == ["ops: warning: silent: 1 new"]


def test_a_name_that_nothing_has_is_said(mart: SmallMart) -> None:
    named = replace(EMPTY, stations=("1", "99"), districts=("A", "District A", "B"), feed="g")
    desk = Desk(mart, [named, replace(named, name="known", stations=("1",), districts=("A",), feed="f")])
    mart.snapshot(0)
    mart.station("1", "A")
    assert desk.evaluate(1).unknown_names == {"empty": ["99", "B", "g"]}


def test_a_dry_run_leaves_no_trace(mart: SmallMart, findings: Findings) -> None:
    mart.execute("drop schema if exists alerting cascade")
    desk = Desk(mart)
    findings.are("1")
    assert state.open_incidents(mart.connection) == []  # never evaluated
    evaluation = desk.evaluate(0, dry_run=True)
    assert [message.title for message in evaluation.messages[OPS]] == ["warning: empty: 1 new"]
    assert not desk.inbox.got
    assert mart.rows("select to_regnamespace('alerting')") == [(None,)]


def test_one_evaluation_at_a_time(mart: SmallMart, findings: Findings) -> None:
    desk = Desk(mart)
    findings.are("1")
    mart.execute("select pg_advisory_lock(%s)", state.LOCK)
    assert desk.evaluate(0).is_skipped
    mart.execute("select pg_advisory_unlock(%s)", state.LOCK)
    assert desk.at(1) == ["ops: warning: empty: 1 new"]


def test_the_quarantine_is_counted_from_one_evaluation_to_the_next(mart: SmallMart) -> None:
    desk = Desk(mart, [Rule("grows", "quarantine_grows", to=("ops",), cool_down=timedelta())])

    def quarantine(*paths: str) -> None:
        for path in paths:
            mart.execute(
                """
                insert into raw.quarantined_files (
                    path, content_hash, reason, detail, file_bytes, first_seen_at, last_seen_at
                ) values (%s, '', 'no_time', '', 1, now(), now())
                """,
                path,
            )

    quarantine("a")
    assert desk.at(0) == []
    quarantine("b", "c")
    desk.evaluate(1, dry_run=True)
    assert desk.at(2) == ["ops: warning: grows: 1 new"]
    assert desk.at(3) == ["ops: recovered: grows: 1 recovered"]
    # That it had grown is so however soon it grew no more: who could not be told then is told later.
    desk.inbox.down = {"ops"}
    quarantine("d")
    assert desk.at(4) == desk.at(5) == []
    desk.inbox.down = set()
    assert desk.at(6) == ["ops: warning: grows: 1 new"]
    assert desk.at(7) == ["ops: recovered: grows: 1 recovered"]
    assert desk.at(8) == []


# --- the state machine -----------------------------------------------------------------------------------------------

SUBJECTS = ("1", "2", "3")
Step = tuple[int, list[str | None], set[str], int | None]
STEPS = st.lists(
    st.tuples(
        st.integers(1, 25),  # minutes since the step before
        st.lists(st.sampled_from(["", "", "~", "?", None]), min_size=6, max_size=6),  # of each rule and subject
        st.sets(st.sampled_from(["ops", "boss"])),  # who is down
        st.none() | st.integers(0, 3),  # it dies before sending so many
    ),
    min_size=4,
    max_size=14,
)
MACHINE = (
    replace(EMPTY, name="a", to=("ops", "boss"), repeat=timedelta(minutes=45)),
    replace(EMPTY, name="b", to=("ops",), severity="critical", repeat=timedelta(), pause=timedelta(minutes=20)),
)
LIMITED = (replace(OPS, per_hour=3), replace(BOSS, per_hour=1))


@settings(
    max_examples=int(os.environ.get("ALERT_EXAMPLES", "8")),
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(STEPS)
def test_whatever_happens(mart: SmallMart, findings: Findings, steps: list[Step]) -> None:
    def live(crashing: bool) -> list[tuple[float, str, Message]]:
        desk, now, got = Desk(mart, MACHINE, LIMITED), 0, []
        for passed, verdicts, down, dies_at in steps:
            now += passed
            for number, rule in enumerate(MACHINE):
                of_rule = zip(verdicts[number * 3 :], SUBJECTS, strict=False)
                findings.are(
                    *(f"{verdict}{subject}" for verdict, subject in of_rule if verdict is not None), rule=rule.name
                )
            desk.inbox.down, desk.inbox.dies_at = down, dies_at if crashing else None
            try:
                desk.evaluate(now)
            except Crash:
                desk.inbox.dies_at = None
                desk.evaluate(now)
            got += [(now, name, message) for name, message in desk.inbox.got]
            desk.inbox.got.clear()
            opened = mart.rows("select rule, subject from alerting.incidents where recovered_at is null")
            assert len(set(opened)) == len(opened)
        return got

    got = live(crashing=False)
    for receiver in LIMITED:
        times = [at for at, name, _ in got if name == receiver.name]
        assert all(sum(at - 60 < each <= at for each in times) <= (receiver.per_hour or 0) for at in times)
        is_over: dict[int, bool] = {}
        for _, name, message in got:
            for due in message.told.values() if name == receiver.name else ():
                for each in due.opened:
                    assert each.incident_id not in is_over, "told twice that it began"
                    is_over[each.incident_id] = False
                for each in due.still:
                    assert is_over[each.incident_id] is False, "reminded of what was not told, or is over"
                for each in due.recovered:
                    assert is_over[each.incident_id] is False, "its end was told before its beginning, or twice"
                    is_over[each.incident_id] = True
    times = [at for at, _, message in got if "b" in message.told]
    assert all(after - before >= 20 for before, after in pairwise(times)), "the rule's pause"

    again = live(crashing=True)
    assert [(at, name, message.text()) for at, name, message in again] == [
        (at, name, message.text()) for at, name, message in got
    ], "a restart changed what was told"
