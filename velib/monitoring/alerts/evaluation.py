"""An evaluation: look at each rule, move its incidents on, tell who has to be told.

Incidents are committed before anybody is told, and each message is noted as it goes out. Killed anywhere, the next evaluation
does the rest. Only a message whose delivery could not be noted any more is sent again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg2

from velib.core.errors import VelibError
from velib.monitoring.alerts import messages, out_of_reach, pipeline, state, stations
from velib.monitoring.alerts.configuration import Alerts, Receiver, Rule
from velib.monitoring.alerts.delivery import Outcome, Post
from velib.monitoring.alerts.log import log
from velib.monitoring.alerts.messages import Message, Part
from velib.postgres.database import connect

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

# A rule that takes longer is given up: an alert must not hold up what it watches.
_STATEMENT_TIMEOUT = "30s"


@dataclass
class Evaluation:
    """What an evaluation came to.

    `failed_rules` could not be looked at, each with why; `unknown_names` of rules are not in the mart.
    """

    open_incidents: int = 0
    messages: Mapping[Receiver, Sequence[Message]] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    failed_rules: dict[str, str] = field(default_factory=dict)
    unknown_names: dict[str, list[str]] = field(default_factory=dict)
    is_skipped: bool = False  # another one was under way

    @property
    def failures(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.error is not None]


def evaluate_and_log(alerts: Alerts) -> Evaluation | None:
    """Evaluate alerts beside what they watch, which they must not fail: what goes wrong is a line in the log."""
    try:
        evaluation = evaluate_once(alerts)
    except VelibError as error:
        log("critical", "alerts_failed", detail=error)
        return None
    report(evaluation)
    return evaluation


def evaluate_once(alerts: Alerts, dry_run: bool = False) -> Evaluation:
    """Evaluate alerts on this warehouse, now."""
    now = datetime.now(UTC)
    try:
        with closing(connect("velib alert")) as connection:
            evaluation = evaluate(connection, alerts, now, dry_run=dry_run)
    except (VelibError, psycopg2.Error) as error:
        why = str(error)
        if isinstance(error, psycopg2.Error):
            why = f"the database failed: {_first_line(error)}; the next evaluation does the rest"
        if not dry_run:
            _report_failures(out_of_reach.tell(alerts, why, now))
        raise VelibError(why) from error
    if not dry_run:
        evaluation.outcomes += out_of_reach.is_over(alerts, now)
    return evaluation


def report(evaluation: Evaluation) -> None:
    """What went wrong, a line each."""
    for rule, why in evaluation.failed_rules.items():
        log("critical", "rule_failed", rule=rule, detail=why)
    for rule, names in evaluation.unknown_names.items():
        log("warning", "names_not_in_the_mart", rule=rule, names=", ".join(names))
    _report_failures(evaluation.failures)


def _report_failures(outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.error is not None:
            log(
                "critical",
                "not_delivered",
                receiver=outcome.receiver.name,
                title=outcome.message.title,
                detail=outcome.error,
            )


def evaluate(
    connection: Connection, alerts: Alerts, now: datetime, post: Post | None = None, dry_run: bool = False
) -> Evaluation:
    """Evaluate all rules once. With `dry_run` nothing is sent and nothing remembered.

    `connection` must not be in autocommit mode.
    """
    evaluation = Evaluation()
    with connection.cursor() as cursor, _alone(connection, cursor) as is_alone:
        if not is_alone:
            evaluation.is_skipped = True
            return evaluation
        cursor.execute("select set_config('statement_timeout', %s, false)", (_STATEMENT_TIMEOUT,))
        state.prepare(cursor, now)
        for rule in alerts.rules:
            _look(cursor, alerts, rule, now, evaluation)
            if not dry_run:
                connection.commit()  # dbt swaps these tables: no longer in its way than needed
        state.close_without_rule(cursor, [rule.name for rule in alerts.rules], now)
        evaluation.open_incidents = len(state.open_incidents(connection))
        evaluation.messages = _due(cursor, alerts, now)
        if dry_run:
            connection.rollback()
            return evaluation
        connection.commit()
        for outcome in (post or Post()).deliver(evaluation.messages):
            name, message = outcome.receiver.name, outcome.message
            state.note(cursor, name, message.title, message.told, outcome.error, now)
            connection.commit()
            evaluation.outcomes.append(outcome)
    return evaluation


def _look(cursor: Any, alerts: Alerts, rule: Rule, now: datetime, evaluation: Evaluation) -> None:
    """Look at a rule and move its incidents on; else say why not, and leave them as they are."""
    cursor.execute("savepoint rule")
    try:
        if rule.kind in pipeline.KINDS:
            seen = pipeline.look(cursor, rule, now, state.mark(cursor, rule))
            state.apply(cursor, rule, seen.findings, now)
            if seen.mark is not None:
                state.set_mark(cursor, rule, seen.mark)
        else:
            findings = stations.look(cursor, rule, alerts, now)
            if findings is not None:
                state.apply(cursor, rule, findings, now)
                names = stations.unknown_names(cursor, rule)
                if names:
                    evaluation.unknown_names[rule.name] = names
    except psycopg2.Error as error:
        if cursor.connection.closed:
            raise
        cursor.execute("rollback to savepoint rule")
        evaluation.failed_rules[rule.name] = _first_line(error)
    else:
        cursor.execute("release savepoint rule")


def _due(cursor: Any, alerts: Alerts, now: datetime) -> dict[Receiver, list[Message]]:
    found = {}
    for receiver in alerts.receivers:
        waiting = []
        for rule in alerts.rules:
            if receiver.name in rule.to:
                due = state.due(cursor, rule, receiver.name, now)
                if due:
                    waiting.append(Message((Part(rule, due),), alerts.time_zone))
        budget = None
        if receiver.per_hour is not None:
            budget = receiver.per_hour - state.delivered_lately(cursor, receiver.name, now)
        found[receiver] = messages.within(waiting, budget, receiver.per_hour)
    return found


@contextmanager
def _alone(connection: Connection, cursor: Any) -> Iterator[bool]:
    """Hold the lock on evaluations; False where somebody else does. What is not committed in it is undone."""
    cursor.execute("select pg_try_advisory_lock(%s)", (state.LOCK,))
    is_alone = cursor.fetchone() == (True,)
    connection.commit()
    try:
        yield is_alone
    finally:
        if is_alone and not connection.closed:
            connection.rollback()
            cursor.execute("select pg_advisory_unlock(%s)", (state.LOCK,))
            connection.commit()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
