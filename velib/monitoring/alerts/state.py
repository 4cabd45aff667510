"""What is remembered, in the schema `alerting`: incidents, who was told what of them, and what was sent. The state machine.

An incident is a rule and a subject for which it holds; there is at most one open of each. A finding opens it, the lack of one
ends it. It comes back within the rule's cool-down: then it had never been over. So its end is final, and told, after that.

Messages are not queued. Who still has to be told follows at each evaluation from what incidents there are and what each
receiver was told of them (`tellings`): what could not be delivered is due again, and what is over by then is not, unless it
is of the kind that happens (Rule.happens).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from velib.monitoring.alerts.configuration import Rule
from velib.monitoring.alerts.findings import Finding

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

# Our number of PostgreSQL's advisory locks: two evaluations at once would tell everything twice.
LOCK = 0x7E11B_A1E7

# So long a receiver is tried to be told that an incident is over.
_GIVE_UP = timedelta(days=1)
_KEPT = timedelta(days=400)
_DELIVERIES_KEPT = timedelta(days=30)
HOUR = timedelta(hours=1)

_TABLES = """
create schema if not exists alerting;
create table if not exists alerting.incidents (
    incident_id bigint generated always as identity primary key,
    rule text not null,
    subject text not null,
    severity text not null,
    label text not null,
    fact text not null,
    since timestamptz,
    opened_at timestamptz not null,
    last_notified_at timestamptz,
    recovered_at timestamptz
);
create unique index if not exists one_open_incident on alerting.incidents (rule, subject) where recovered_at is null;
create index if not exists incidents_by_recovery on alerting.incidents (recovered_at);
-- Of whom no row is there, was told nothing of that incident.
create table if not exists alerting.tellings (
    incident_id bigint not null references alerting.incidents on delete cascade,
    receiver text not null,
    last_told_at timestamptz not null,
    recovery_told_at timestamptz,
    primary key (incident_id, receiver)
);
-- One row a message, delivered or not. A digest is of several rules.
create table if not exists alerting.deliveries (
    delivery_id bigint generated always as identity primary key,
    receiver text not null,
    rules text[] not null,
    title text not null,
    attempted_at timestamptz not null,
    is_delivered boolean not null,
    error text
);
create index if not exists deliveries_by_time on alerting.deliveries (attempted_at);
create table if not exists alerting.marks (
    rule text primary key,
    mark bigint not null
);
create table if not exists alerting.last_evaluation (
    only_row boolean primary key default true check (only_row),
    evaluated_at timestamptz not null
);
"""
# Whoever reads the mart may see the incidents (the API shows them to anybody), and no deliveries: an error of one may quote a URL.
# So may why a run failed, or a path of this machine: that is for those who are told of it (failed_run of pipeline.py).
_FOR_READERS = """
do $$
begin
    if to_regclass('alerting.public_incidents') is null then
        create view alerting.public_incidents as
        select
            incident_id, rule, severity, subject, label,
            case when label = 'velib ' || subject and fact <> 'did not come to an end' then 'failed' else fact end as fact,
            since, opened_at, last_notified_at, recovered_at, recovered_at is null as is_open
        from alerting.incidents;
    end if;
    if
        exists (select from pg_roles where rolname = 'velib_reader')
        and not has_table_privilege('velib_reader', 'alerting.public_incidents', 'select')
    then
        grant usage on schema alerting to velib_reader;
        grant select on alerting.public_incidents to velib_reader;
    end if;
exception
    when insufficient_privilege then null;  -- not ours to give
end
$$
"""


@dataclass(frozen=True)
class Incident:
    """An incident, as it is told."""

    incident_id: int
    label: str
    fact: str
    since: datetime | None
    opened_at: datetime
    recovered_at: datetime | None


@dataclass(frozen=True)
class OpenIncident:
    """An incident that is open, for whoever asks how things are."""

    rule: str
    severity: str
    subject: str
    label: str
    fact: str
    since: datetime | None
    opened_at: datetime
    last_notified_at: datetime | None


@dataclass(frozen=True)
class Due:
    """What a receiver is to be told of a rule now."""

    opened: tuple[Incident, ...] = ()
    still: tuple[Incident, ...] = ()
    recovered: tuple[Incident, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.opened or self.still or self.recovered)


def open_incidents(connection: Connection) -> list[OpenIncident]:
    """The incidents that are open, the gravest first. None where alerts were never evaluated."""
    with connection.cursor() as cursor:
        cursor.execute("select to_regclass('alerting.incidents') is not null")
        if cursor.fetchone() != (True,):
            return []
        cursor.execute(
            """
            select rule, severity, subject, label, fact, since, opened_at, last_notified_at from alerting.incidents
            where recovered_at is null
            order by array_position(array['critical', 'warning', 'info'], severity), rule, opened_at, label
            """
        )
        return [OpenIncident(*row) for row in cursor]


def prepare(cursor: Any, now: datetime) -> None:
    """Make the tables, and forget what is long past."""
    cursor.execute("select to_regclass('alerting.last_evaluation') is not null")
    if cursor.fetchone() != (True,):
        cursor.execute(_TABLES)
    cursor.execute(_FOR_READERS)
    cursor.execute("select evaluated_at from alerting.last_evaluation")
    before = cursor.fetchone()
    if before is not None and before[0] > now:
        _set_back(cursor, now)
    cursor.execute(
        """
        insert into alerting.last_evaluation (evaluated_at) values (%s)
        on conflict (only_row) do update set evaluated_at = excluded.evaluated_at
        """,
        (now,),
    )
    cursor.execute("delete from alerting.incidents where recovered_at < %s", (now - _KEPT,))
    cursor.execute("delete from alerting.deliveries where attempted_at < %s", (now - _DELIVERIES_KEPT,))


def _set_back(cursor: Any, now: datetime) -> None:
    """The clock was set back: what would lie in the future is now, else it would silence us until then."""
    for table, columns in {
        "incidents": ("opened_at", "last_notified_at", "recovered_at"),
        "tellings": ("last_told_at", "recovery_told_at"),
        "deliveries": ("attempted_at",),
    }.items():
        for column in columns:
            cursor.execute(f"update alerting.{table} set {column} = %(now)s where {column} > %(now)s", {"now": now})


def mark(cursor: Any, rule: Rule) -> int | None:
    """What the rule remembers of its last look; None before the first."""
    cursor.execute("select mark from alerting.marks where rule = %s", (rule.name,))
    row = cursor.fetchone()
    return None if row is None else int(row[0])


def set_mark(cursor: Any, rule: Rule, value: int) -> None:
    cursor.execute(
        "insert into alerting.marks values (%s, %s) on conflict (rule) do update set mark = excluded.mark",
        (rule.name, value),
    )


def apply(cursor: Any, rule: Rule, findings: Sequence[Finding], now: datetime) -> None:
    """Open, keep, reopen and end incidents of a rule, as its findings say."""
    given = {
        "rule": rule.name,
        "severity": rule.severity,
        "now": now,
        "cool_down": rule.cool_down,
        "subjects": [each.subject for each in findings],
        "verdicts": [str(each.verdict) for each in findings],
        "labels": [each.label for each in findings],
        "facts": [each.fact for each in findings],
        "since": [each.since for each in findings],
    }
    found = """
        with found as (
            select * from unnest(
                %(subjects)s::text[], %(verdicts)s::text[], %(labels)s::text[], %(facts)s::text[], %(since)s::timestamptz[]
            ) as f (subject, verdict, label, fact, since)
        )
    """
    # What is no longer found is over.
    cursor.execute(
        """
        update alerting.incidents set recovered_at = %(now)s
        where rule = %(rule)s and recovered_at is null and subject <> all(%(subjects)s::text[])
        """,
        given,
    )
    # The newest one of a subject comes back, unless somebody was told that it is over.
    cursor.execute(
        found
        + """
        update alerting.incidents set recovered_at = null
        where incident_id in (
            select max(i.incident_id) from alerting.incidents i
            where i.rule = %(rule)s and i.recovered_at > %(now)s - %(cool_down)s
                and i.subject in (select subject from found where verdict in ('holds', 'lingers'))
                and not exists (
                    select from alerting.incidents o
                    where o.rule = i.rule and o.subject = i.subject and o.recovered_at is null
                )
                and not exists (
                    select from alerting.tellings t where t.incident_id = i.incident_id and t.recovery_told_at is not null
                )
            group by i.subject
        )
        """,
        given,
    )
    cursor.execute(
        found
        + """
        update alerting.incidents
        set severity = %(severity)s, label = found.label, fact = found.fact, since = coalesce(found.since, incidents.since)
        from found
        where rule = %(rule)s and recovered_at is null and incidents.subject = found.subject and found.verdict <> 'unknown'
            and (incidents.severity, incidents.label, incidents.fact, incidents.since)
                is distinct from (%(severity)s, found.label, found.fact, coalesce(found.since, incidents.since))
        """,
        given,
    )
    cursor.execute(
        found
        + """
        insert into alerting.incidents (rule, subject, severity, label, fact, since, opened_at)
        select %(rule)s, subject, %(severity)s, label, fact, since, %(now)s from found where verdict = 'holds'
        on conflict (rule, subject) where recovered_at is null do nothing
        """,
        given,
    )


def close_without_rule(cursor: Any, rules: Sequence[str], now: datetime) -> None:
    """End the incidents of rules that are no more. Nobody is told: nothing is known of them."""
    cursor.execute(
        "update alerting.incidents set recovered_at = %s where recovered_at is null and rule <> all(%s)",
        (now, list(rules)),
    )
    cursor.execute("delete from alerting.marks where rule <> all(%s)", (list(rules),))


def due(cursor: Any, rule: Rule, receiver: str, now: datetime) -> Due:
    """What the receiver is to be told of the rule: what it was not told, what it was told long ago, what is over."""
    cursor.execute(
        """
        select exists (
            select from alerting.deliveries
            where attempted_at > %s and receiver = %s and %s = any(rules) and is_delivered
        )
        """,
        (now - rule.pause, receiver, rule.name),
    )
    if cursor.fetchone() == (True,):
        return Due()
    cursor.execute(
        """
        select
            case when t.incident_id is null then 'opened' when i.recovered_at is null then 'still' else 'recovered' end,
            t.last_told_at,
            i.incident_id, i.label, i.fact, i.since, i.opened_at,
            case when t.incident_id is not null then i.recovered_at end  -- what is new to them is told as it began
        from alerting.incidents i
        left join alerting.tellings t on t.incident_id = i.incident_id and t.receiver = %(receiver)s
        where i.rule = %(rule)s and (
            i.recovered_at is null
            or (%(happens)s and t.incident_id is null and i.recovered_at > %(now)s - %(give_up)s)
            or (
                i.recovered_at > %(now)s - %(give_up)s
                and i.recovered_at <= %(now)s - %(cool_down)s
                and t.incident_id is not null
                and t.recovery_told_at is null
            )
        )
        order by coalesce(i.since, i.opened_at), i.label, i.incident_id
        """,
        {
            "receiver": receiver,
            "rule": rule.name,
            "now": now,
            "give_up": _GIVE_UP + rule.cool_down,
            "cool_down": rule.cool_down,
            "happens": rule.happens,
        },
    )
    rows: dict[str, list[Incident]] = {"opened": [], "still": [], "recovered": []}
    told = []
    for what, told_at, *incident in cursor:
        rows[what].append(Incident(*incident))
        if what == "still":
            told.append(told_at)
    # One reminder for all, when the first of them is due: not one for each, minute after minute.
    is_reminded = bool(rule.repeat and told and min(told) <= now - rule.repeat)
    return Due(tuple(rows["opened"]), tuple(rows["still"]) if is_reminded else (), tuple(rows["recovered"]))


def delivered_lately(cursor: Any, receiver: str, now: datetime) -> int:
    """How many messages the receiver got within the last hour."""
    cursor.execute(
        "select count(*) from alerting.deliveries where receiver = %s and attempted_at > %s and is_delivered",
        (receiver, now - HOUR),
    )
    return int(cursor.fetchone()[0])


def note(cursor: Any, receiver: str, title: str, told: Mapping[str, Due], error: str | None, now: datetime) -> None:
    """Remember that a message went out, or why it did not; of one that did, what the receiver knows now. `told` is by rule."""
    cursor.execute(
        """
        insert into alerting.deliveries (receiver, rules, title, attempted_at, is_delivered, error)
        values (%s, %s, %s, %s, %s, %s)
        """,
        (receiver, list(told), title, now, error is None, error),
    )
    if error is not None:
        return
    opened = [each.incident_id for due in told.values() for each in (*due.opened, *due.still)]
    recovered = [each.incident_id for due in told.values() for each in due.recovered]
    cursor.execute(
        """
        insert into alerting.tellings (incident_id, receiver, last_told_at) select unnest(%s::bigint[]), %s, %s
        on conflict (incident_id, receiver) do update set last_told_at = excluded.last_told_at
        """,
        (opened, receiver, now),
    )
    cursor.execute(
        "update alerting.tellings set recovery_told_at = %s where receiver = %s and incident_id = any(%s)",
        (now, receiver, recovered),
    )
    cursor.execute(
        "update alerting.incidents set last_notified_at = %s where incident_id = any(%s)", (now, opened + recovered)
    )
