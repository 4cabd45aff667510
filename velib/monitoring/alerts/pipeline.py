"""The rules over the pipeline itself: feeds that fall silent, the quarantine, runs that failed. Asked of `raw`, by the clock.

Of runs that failed also of whoever started them (failures.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from velib.building.dbt_process import BUILD_LOCK, BUILDS, NEWEST_BUILD_FIRST
from velib.core.durations import in_words
from velib.monitoring.alerts import failures
from velib.monitoring.alerts.configuration import Rule
from velib.monitoring.alerts.findings import Finding, Verdict
from velib.postgres import advisory_lock

# A feed that nobody named and that is silent for longer was an archive, or is no longer collected: nothing new is said of it.
_ARCHIVED = timedelta(days=7)

# As in velib/monitoring/status.py: a value for each row, since the planner would look for all rows' loads at once.
_FEEDS = """
select known.feed, (
    select s.snapshot_at from raw.snapshots s
    where s.feed = known.feed
        and (select l.completed_at from raw.loads l where l.load_id = s._dlt_load_id) is not null
    order by s.snapshot_at desc limit 1
)
from (
    select feed from raw.feeds where cardinality(%(feeds)s::text[]) = 0
    union
    select unnest(%(feeds)s::text[])
) as known
"""

# Loads wait for one another: one that began after the last complete one, and is not under way, has died.
_DEAD_LOADS = """
select max(l.started_at) from raw.loads l
where l.completed_at is null
    and l.started_at < coalesce(%(locked_since)s::timestamptz, 'infinity')
    and l.started_at > coalesce((select max(c.completed_at) from raw.loads c), '-infinity')
"""

# The latest build that is not under way. Plain dbt holds no lock: while somebody's dbt is connected nobody knows.
_BUILDS = f"""
select b.started_at, b.ended_at, coalesce(b.has_succeeded, false), exists (
    select from pg_stat_activity where datname = current_database() and application_name = 'dbt'
)
from {BUILDS}
where b.ended_at is not null or b.started_at < coalesce(%(locked_since)s::timestamptz, 'infinity')
order by {NEWEST_BUILD_FIRST} limit 1
"""


@dataclass(frozen=True)
class Seen:
    """What a rule finds, and what it has to remember until it looks again."""

    findings: list[Finding]
    mark: int | None = None


def look(cursor: Any, rule: Rule, now: datetime, mark: int | None) -> Seen:
    """What a rule over the pipeline finds. `mark` is what it remembers of its last look."""
    return _LOOKS[rule.kind](cursor, rule, now, mark)


def _silent(cursor: Any, rule: Rule, now: datetime, _: int | None) -> Seen:
    newest: list[tuple[str, datetime | None]] = [(feed, None) for feed in rule.feeds]
    if _exists(cursor, "raw.feeds"):
        cursor.execute(_FEEDS, {"feeds": list(rule.feeds)})
        newest = cursor.fetchall()
    found = []
    for feed, at in newest:
        if at is None:
            found.append(Finding(feed, Verdict.HOLDS, feed, "not one snapshot so far"))
        elif now - at > rule.lasting:
            is_archive = not rule.feeds and now - at > _ARCHIVED
            verdict = Verdict.UNKNOWN if is_archive else Verdict.HOLDS
            found.append(Finding(feed, verdict, feed, f"silent for {in_words(now - at)}", at))
    return Seen(found)


def _quarantine(cursor: Any, rule: Rule, _: datetime, mark: int | None) -> Seen:
    """The mark is how many files were ever quarantined: they stay on record when they are mended."""
    if not _exists(cursor, "raw.quarantined_files"):
        return Seen([], 0)
    cursor.execute("select count(*) from raw.quarantined_files")
    (ever,) = cursor.fetchone()
    new = 0 if mark is None else ever - mark
    if new < rule.files:
        return Seen([], ever)
    cursor.execute(
        """
        select reason, count(*) from (
            select reason from raw.quarantined_files order by first_seen_at desc, path limit %s
        ) as latest
        group by reason order by count(*) desc, reason
        """,
        (new,),
    )
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in cursor)
    return Seen([Finding("quarantine", Verdict.HOLDS, f"{new:,} files", reasons)], ever)


def _failed(cursor: Any, _: Rule, now: datetime, __: int | None) -> Seen:
    found = {}
    made_up_at: dict[str, datetime | None] = {}  # when a run last went well, by what the database knows
    if _exists(cursor, "raw.loads"):
        cursor.execute(_DEAD_LOADS, {"locked_since": _locked_since(cursor, advisory_lock.LOAD_LOCK)})
        (died_at,) = cursor.fetchone()
        if died_at is not None:
            found["load"] = Finding("load", Verdict.HOLDS, "velib load", "did not come to an end", died_at)
        cursor.execute("select max(completed_at) from raw.loads")
        (made_up_at["load"],) = cursor.fetchone()
    if _exists(cursor, "intermediate.builds"):
        cursor.execute(_BUILDS, {"locked_since": _locked_since(cursor, BUILD_LOCK)})
        for started_at, ended_at, has_succeeded, has_dbt in cursor.fetchall():
            if ended_at is None:
                verdict = Verdict.UNKNOWN if has_dbt else Verdict.HOLDS
                found["build"] = Finding("build", verdict, "velib build", "did not come to an end", started_at)
            elif not has_succeeded:
                found["build"] = Finding("build", Verdict.HOLDS, "velib build", "failed", started_at)
            else:
                made_up_at["build"] = ended_at
    for each in failures.standing(now):
        well_at = made_up_at.get(each.verb)
        if each.verb not in found and (well_at is None or well_at < each.last_at):
            found[each.verb] = Finding(each.verb, Verdict.HOLDS, f"velib {each.verb}", each.why, each.since)
    return Seen([*found.values()])


def _locked_since(cursor: Any, number: int) -> datetime | None:
    held = advisory_lock.holder(cursor.connection, number)
    return None if held is None else held[1]


def _exists(cursor: Any, table: str) -> bool:
    cursor.execute("select to_regclass(%s) is not null", (table,))
    return bool(cursor.fetchone()[0])


_LOOKS: dict[str, Callable[[Any, Rule, datetime, int | None], Seen]] = {
    "feed_silent": _silent,
    "quarantine_grows": _quarantine,
    "failed_run": _failed,
}
KINDS = tuple(_LOOKS)
