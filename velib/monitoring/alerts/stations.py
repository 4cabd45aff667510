"""The rules over the mart: stations, districts, and the worst of the last hours, each as of its feed's last snapshot.

Everything is asked of fct_station_status by station and time, from the newest interval backwards: what it costs follows from the
number of stations and the length of the rule's window, not from the history behind it. What is in service, and which docks count,
the mart says, so that no dashboard says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from velib.core.durations import in_words
from velib.monitoring.alerts.configuration import Alerts, Rule
from velib.monitoring.alerts.findings import Finding, Verdict
from velib.monitoring.collection_gap import gap_of_marts

# As long as that, a station that is not listed keeps its incident: nothing is known of it. After that it is gone.
_FORGOTTEN = timedelta(days=1)

NAMED = 10

# The usable docks of a status, and how many of them have a bike.
_DOCKED = "s.docks_usable, case when s.docks_usable is not null then least(s.bikes_available, s.docks_usable) end as bikes_docked"

# Each station as its feed lists it now. Of several feeds one that lists it counts, and of these the one whose name sorts last, so
# that not each snapshot of another feed says otherwise. `is_known`: listed by the last snapshot, and that is not too old.
_NOW = f"""
with feeds as materialized (
    select known.feed, newest.at, newest.at > %(now)s - %(stale_after)s as is_fresh
    from raw.feeds known
    cross join lateral (
        select s.snapshot_at as at from mart.fct_snapshots s where s.feed = known.feed order by s.snapshot_at desc limit 1
    ) as newest
    where %(feed)s::text is null or known.feed = %(feed)s
),

listed as materialized (
    select distinct on (d.station_code)
        d.station_code,
        coalesce(d.name, d.station_code) as name,
        d.district_code,
        coalesce(d.district_name, d.district_code) as district_name,
        feeds.feed,
        feeds.at,
        feeds.is_fresh and s.is_current as is_known,
        s.valid_from,
        s.bikes_available,
        s.docks_free,
        {_DOCKED},
        s.is_in_service
    from mart.dim_station d
    cross join feeds
    cross join lateral (
        select * from mart.fct_station_status s
        where s.station_code = d.station_code and s.feed = feeds.feed
        order by s.valid_from desc limit 1
    ) as s
    where d.last_seen_at > feeds.at - %(forgotten)s
        and (cardinality(%(stations)s::text[]) = 0 or d.station_code = any(%(stations)s::text[]))
        and (
            cardinality(%(districts)s::text[]) = 0
            or d.district_code = any(%(districts)s::text[])
            or d.district_name = any(%(districts)s::text[])
        )
    order by d.station_code, is_known desc, feeds.feed desc
)
"""

# Since when a station is so: from its last interval that is not, or from its last gap, whichever is later.
_RUNS = """
select listed.station_code, listed.name, listed.district_name, listed.is_known, listed.at, run.since
from listed
left join lateral (
    select max(piece.valid_from) filter (where piece.ended_at is null or piece.valid_from - piece.ended_at > %(gap)s) as since
    from (
        select s.valid_from, lag(s.valid_to) over (order by s.valid_from) as ended_at
        from mart.fct_station_status s
        where s.station_code = listed.station_code and s.feed = listed.feed and s.valid_from > coalesce((
            select other.valid_from from mart.fct_station_status other
            where other.station_code = listed.station_code and other.feed = listed.feed and ({other}) is not true
            order by other.valid_from desc limit 1
        ), '-infinity')
    ) as piece
) as run on listed.is_known
where not listed.is_known or ({listed})
"""
_IS_SO = {
    "station_empty": "{0}.is_in_service and {0}.bikes_available = 0",
    "station_full": "{0}.is_in_service and {0}.docks_free = 0",
}

# The intervals of a station that reach into a window, cut to it. The last one that begins before it is the first that may.
_PIECES = """
select
    greatest(s.valid_from, {station}.at - %(window)s) as from_at,
    least(s.valid_to, {station}.at) as to_at,
    s.valid_to > {station}.at as is_last,
    s.bikes_available,
    s.docks_free,
    {docked},
    s.is_in_service
from mart.fct_station_status s
where s.station_code = {station}.station_code and s.feed = {station}.feed and s.valid_to > {station}.at - %(window)s
    and s.valid_from >= coalesce((
        select earlier.valid_from from mart.fct_station_status earlier
        where earlier.station_code = {station}.station_code and earlier.feed = {station}.feed
            and earlier.valid_from <= {station}.at - %(window)s
        order by earlier.valid_from desc limit 1
    ), {station}.at - %(window)s)
"""

# A district's share of usable docks with a bike: now, and for those that are short now at each change within the window.
_DISTRICTS = f"""
, now_short as materialized (
    select
        listed.district_code,
        min(listed.district_name) as district_name,
        bool_or(listed.is_known) as is_known,
        sum(listed.bikes_docked) filter (where listed.is_known) as bikes,
        sum(listed.docks_usable) filter (where listed.is_known) as docks
    from listed
    where listed.district_code is not null
    group by listed.district_code
    having not bool_or(listed.is_known) or coalesce(
        sum(listed.bikes_docked) filter (where listed.is_known)
        < %(below)s * sum(listed.docks_usable) filter (where listed.is_known),
        false
    )
),

changes as (
    select listed.district_code, change.at, sum(change.bikes) as bikes, sum(change.docks) as docks
    from listed
    join now_short on now_short.district_code = listed.district_code and now_short.is_known
    cross join lateral ({_PIECES.format(station="listed", docked=_DOCKED)}) as piece
    cross join lateral (
        values
            (piece.from_at, piece.bikes_docked, piece.docks_usable),
            (case when not piece.is_last then piece.to_at end, -piece.bikes_docked, -piece.docks_usable)
    ) as change (at, bikes, docks)
    where listed.is_known and piece.docks_usable is not null and change.at is not null
    group by listed.district_code, change.at
),

levels as (
    select
        changes.district_code,
        changes.at,
        sum(changes.bikes) over through_now as bikes,
        sum(changes.docks) over through_now as docks
    from changes
    window through_now as (partition by changes.district_code order by changes.at)
)

select
    now_short.district_code,
    now_short.district_name,
    now_short.is_known,
    now_short.bikes,
    now_short.docks,
    -- The first level after the last that was not short, and whether there was such a one in the window.
    (
        select min(levels.at) from levels
        where levels.district_code = now_short.district_code and levels.at > (
            select max(l.at) from levels l
            where l.district_code = now_short.district_code and (l.bikes < %(below)s * l.docks) is not true
        )
    ) as short_since,
    exists (
        select from levels l
        where l.district_code = now_short.district_code and (l.bikes < %(below)s * l.docks) is not true
    ) as was_fine,
    (select min(levels.at) from levels where levels.district_code = now_short.district_code) as known_since,
    (select max(listed.at) from listed where listed.district_code = now_short.district_code and listed.is_known) as at
from now_short
"""

_CRITICAL = f"""
, unusable as (
    select
        listed.station_code,
        listed.name,
        listed.district_name,
        sum(piece.to_at - piece.from_at) filter (where piece.bikes_available = 0) as empty,
        sum(piece.to_at - piece.from_at) filter (where piece.docks_free = 0) as full,
        sum(piece.to_at - piece.from_at) as total
    from listed
    cross join lateral ({_PIECES.format(station="listed", docked=_DOCKED)}) as piece
    where listed.is_known and piece.is_in_service and (piece.bikes_available = 0 or piece.docks_free = 0)
    group by listed.station_code, listed.name, listed.district_name
)

select
    unusable.station_code, unusable.name, unusable.district_name,
    coalesce(unusable.empty, interval '0'), coalesce(unusable.full, interval '0'), (select bool_or(is_known) from listed)
from unusable
where unusable.total >= %(lasting)s
union all
select null, null, null, null, null, (select bool_or(is_known) from listed)
order by 4 desc nulls last, 1
"""


def look(cursor: Any, rule: Rule, alerts: Alerts, now: datetime) -> list[Finding] | None:
    """What a rule over the mart finds; None where no mart has been built."""
    cursor.execute(
        "select to_regclass('mart.fct_station_status'), to_regclass('mart.dim_station'), to_regclass('raw.feeds')"
    )
    if None in cursor.fetchone():
        return None
    given = {
        "now": now,
        "stale_after": alerts.stale_after,
        "forgotten": _FORGOTTEN,
        "gap": gap_of_marts(cursor),
        "feed": rule.feed,
        "stations": list(rule.stations),
        "districts": list(rule.districts),
        "lasting": rule.lasting,
        "within": rule.within,
        "window": rule.within if rule.kind == "critical_stations" else rule.lasting,
        "below": rule.below,
    }
    return _LOOKS[rule.kind](cursor, rule, given)


_UNKNOWN = """
select named.code from unnest(%(stations)s::text[]) as named (code)
where not exists (select from mart.dim_station d where d.station_code = named.code)
union all
select named.district from unnest(%(districts)s::text[]) as named (district)
where not exists (
    select from mart.dim_station d where d.district_code = named.district or d.district_name = named.district
)
union all
select %(feed)s::text where %(feed)s is not null and not exists (select from raw.feeds f where f.feed = %(feed)s)
"""


def unknown_names(cursor: Any, rule: Rule) -> list[str]:
    """The stations, districts and the feed that a rule names and the mart does not have: of these it would never find any."""
    if not (rule.stations or rule.districts or rule.feed):
        return []
    given = {"stations": list(rule.stations), "districts": list(rule.districts), "feed": rule.feed}
    cursor.execute(_UNKNOWN, given)
    return [name for (name,) in cursor]


def _stations(cursor: Any, rule: Rule, given: dict[str, Any]) -> list[Finding]:
    condition = _IS_SO[rule.kind]
    query = _RUNS.format(listed=condition.format("listed"), other=condition.format("other"))
    cursor.execute(_NOW + query, given)
    found = []
    for code, name, district, is_known, at, since in cursor:
        verdict = Verdict.UNKNOWN
        if is_known:
            verdict = Verdict.HOLDS if at - since >= rule.lasting else Verdict.LINGERS
        found.append(Finding(code, verdict, _label(code, name, district), since=since))
    return found


def _districts(cursor: Any, rule: Rule, given: dict[str, Any]) -> list[Finding]:
    cursor.execute(_NOW + _DISTRICTS, given)
    found = []
    for code, name, is_known, bikes, docks, short_since, was_fine, known_since, at in cursor:
        if not is_known:
            found.append(Finding(code, Verdict.UNKNOWN, name))
            continue
        is_long = not was_fine and known_since is not None and at - known_since >= rule.lasting
        verdict = Verdict.HOLDS if is_long else Verdict.LINGERS
        # What lasts all through the window began before it: when, is not looked for.
        found.append(Finding(code, verdict, name, f"bikes in {bikes:,} of {docks:,} docks", short_since))
    return found


def _critical(cursor: Any, rule: Rule, given: dict[str, Any]) -> list[Finding]:
    cursor.execute(_NOW + _CRITICAL, given)
    rows = cursor.fetchall()
    *worst, (*_, is_known) = rows
    if not is_known:
        return [Finding("network", Verdict.UNKNOWN, "the network")]
    if len(worst) < rule.at_least:
        return []
    worst.sort(key=lambda row: (-max(row[3], row[4]), row[0]))
    lines = [
        f"{_label(*row[:3])}: {f'empty {in_words(row[3])}' if row[3] >= row[4] else f'full {in_words(row[4])}'}"
        for row in worst[:NAMED]
    ]
    if len(worst) > NAMED:
        lines.append(f"… and {len(worst) - NAMED:,} more")
    return [Finding("network", Verdict.HOLDS, f"{len(worst):,} stations", "\n".join(lines))]


def _label(code: str, name: str, district: str | None) -> str:
    named = code if name == code else f"{name} ({code})"
    return f"{named}, {district}" if district else named


_LOOKS: dict[str, Callable[[Any, Rule, dict[str, Any]], list[Finding]]] = {
    "station_empty": _stations,
    "station_full": _stations,
    "district_short": _districts,
    "critical_stations": _critical,
}
KINDS = tuple(_LOOKS)
