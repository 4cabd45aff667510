"""Small plots in metadata: bars by day, as an image in Markdown. Dagster itself plots what is one number a run."""

import base64
from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

DAYS = 30
_WIDTH, _HEIGHT, _LABEL = 600, 120, 16

# Of the last days for which there are any. Both read no more than those days.
_SNAPSHOTS = """
select (s.snapshot_at at time zone 'UTC')::date, count(distinct (s.feed, s.snapshot_at))
from raw.feeds f
cross join lateral (
    select s.snapshot_at from raw.snapshots s where s.feed = f.feed order by s.snapshot_at desc limit 1
) as newest
join raw.snapshots s on s.feed = f.feed and s.snapshot_at > newest.snapshot_at - make_interval(days => %(days)s)
group by 1 order by 1
"""
_TRIPS = """
select date_day, sum(trips)::bigint from mart.kpi_trips_daily
where date_day > (select max(date_day) from mart.kpi_trips_daily) - %(days)s and trip_type in ('trip', 'round_trip')
group by 1 order by 1
"""


def snapshots_by_day(connection: "Connection") -> dict[str, Any]:
    return _plotted(connection, "snapshots_by_day", _SNAPSHOTS)


def trips_by_day(connection: "Connection") -> dict[str, Any]:
    return _plotted(connection, "trips_by_day", _TRIPS)


def _plotted(connection: "Connection", name: str, query: str) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"days": DAYS})
        rows = cursor.fetchall()
    if not rows:
        return {}
    image = base64.b64encode(bars(rows).encode()).decode()
    return {name: dg.MetadataValue.md(f"![{name}](data:image/svg+xml;base64,{image})")}


def bars(rows: Sequence[tuple[date, int]]) -> str:
    """An SVG of a bar a day, from the first day to the last: a day without a row is a hole."""
    by_day = dict(rows)
    first, last = rows[0][0], rows[-1][0]
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    most = max(by_day.values()) or 1
    step = _WIDTH / len(days)
    parts = [
        f'<rect x="{number * step:.1f}" y="{_LABEL + _HEIGHT * (1 - by_day[day] / most):.1f}" '
        f'width="{max(step - 1, 0.5):.1f}" height="{_HEIGHT * by_day[day] / most:.1f}"><title>{day}: {by_day[day]:,}</title></rect>'
        for number, day in enumerate(days)
        if day in by_day
    ]
    below = _LABEL + _HEIGHT + _LABEL - 4
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT + 2 * _LABEL}" '
        f'font-family="sans-serif" font-size="11" fill="#4b6bdd"><text y="11" fill="#777">at most {most:,} a day</text>'
        f'{"".join(parts)}<text y="{below}" fill="#777">{first}</text>'
        f'<text x="{_WIDTH}" y="{below}" text-anchor="end" fill="#777">{last}</text></svg>'
    )
