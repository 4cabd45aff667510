"""The demo's closing page: what the marts say, for someone who knows bikes and not databases. Reads the schema `mart` only."""

import os
import shlex
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table
from rich.text import Text

from velib.core import settings
from velib.core.durations import in_words
from velib.postgres.database import connect, database_url

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

_SEEN = """
select
    count(*),
    min(snapshot_at at time zone 'Europe/Paris'),
    max(snapshot_at at time zone 'Europe/Paris'),
    (select count(*) from mart.dim_station),
    (select count(*) from mart.dim_bike),
    (select count(*) from mart.dim_bike where bike_type = 'electric')
from mart.fct_snapshots
"""

_MOVEMENTS = """
select trip_type, count(*), percentile_cont(0.5) within group (order by duration_seconds) / 60.0
from mart.fct_trips
group by trip_type
order by bool_or(is_customer_trip) desc, count(*) desc, trip_type
"""

_RUSH = """
select extract(hour from departed_at at time zone 'Europe/Paris')::integer as hour, count(*)
from mart.fct_trips
where is_customer_trip
group by hour
order by hour
"""

_ROUTES = """
select
    coalesce(o.name, t.origin_station_code),
    coalesce(d.name, t.destination_station_code),
    count(*),
    percentile_cont(0.5) within group (order by t.duration_seconds) / 60.0
from mart.fct_trips as t
left join mart.dim_station as o on o.station_code = t.origin_station_code
left join mart.dim_station as d on d.station_code = t.destination_station_code
where t.trip_type = 'trip'
group by t.origin_station_code, t.destination_station_code, o.name, d.name
order by count(*) desc, t.origin_station_code, t.destination_station_code
limit 5
"""

_EMPTIEST = """
with known as (
    select
        s.station_code,
        s.bikes_available = 0 as is_empty,
        extract(epoch from least(s.valid_to, l.last_snapshot_at) - s.valid_from) as seconds
    from mart.fct_station_status as s
    cross join (select max(snapshot_at) as last_snapshot_at from mart.fct_snapshots) as l
    where s.is_in_service and s.valid_from < l.last_snapshot_at
)
select
    coalesce(d.name, k.station_code),
    d.district_name,
    sum(k.seconds) filter (where k.is_empty) / 3600.0,
    sum(k.seconds) filter (where k.is_empty) / sum(k.seconds)
from known as k
left join mart.dim_station as d on d.station_code = k.station_code
group by k.station_code, d.name, d.district_name
having sum(k.seconds) filter (where k.is_empty) > 0
order by 4 desc, k.station_code
limit 5
"""

# What the types of a movement mean, in the order of the page. The rules are in docs/ and in the documentation of fct_trips.
_MEANINGS = {
    "trip": "rides from one station to another",
    "round_trip": "rides back to the same station",
    "boomerang": "taken and put back at once: something was wrong with the bike",
    "rebalancing": "moved by a truck, several at a time",
    "maintenance": "taken away, repaired or charged, brought back",
    "long": "away for more than three hours",
    "implausible": "faster than anybody rides",
    "flicker": "missing from one snapshot, never gone",
    "gap": "nobody was looking: no snapshots in between",
}


def show(console: Console) -> None:
    with connect("velib demo") as connection:
        _seen(console, connection)
        _movements(console, connection)
        _rush(console, connection)
        _routes(console, connection)
        _emptiest(console, connection)
    connection.close()
    _next(console)


def _rows(connection: "Connection", query: str) -> Sequence[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if column.startswith(">") else "left", header_style="dim")
        table.columns[number].header = column.lstrip(">")
    return table


def _seen(console: Console, connection: "Connection") -> None:
    ((snapshots, first, last, stations, bikes, electric),) = _rows(connection, _SEEN)
    if not snapshots:
        console.print("Nothing was seen.")
        return
    console.print(
        f"[bold]A day of bike share[/bold]: {snapshots:,} snapshots from {first:%A %d %B %Y %H:%M} to {last:%H:%M}, "
        f"{stations:,} stations, {bikes:,} bikes ({electric:,} of them electric).\n"
    )


def _movements(console: Console, connection: "Connection") -> None:
    table = _table("What moved the bikes", ">bikes", "", "", ">typically")
    for kind, count, minutes in _rows(connection, _MOVEMENTS):
        table.add_row(f"{count:,}", kind.replace("_", " "), _MEANINGS.get(kind, ""), _duration(minutes))
    console.print(table, "")


def _rush(console: Console, connection: "Connection") -> None:
    counts: dict[int, int] = {int(hour): int(count) for hour, count in _rows(connection, _RUSH)}
    if not counts:
        return
    top = max(counts.values())
    bars = "".join(" ▁▂▃▄▅▆▇█"[round(counts.get(hour, 0) / top * 8)] * 2 for hour in range(24))
    console.print(
        "[bold]When people ride[/bold]", f"  {bars}", "  0     3     6     9     12    15    18    21", "", sep="\n"
    )


def _routes(console: Console, connection: "Connection") -> None:
    table = _table("The busiest routes", ">rides", "from", "to", ">typically")
    for origin, destination, count, minutes in _rows(connection, _ROUTES):
        table.add_row(f"{count:,}", _name(origin), _name(destination), _duration(minutes))
    console.print(table, "")


def _emptiest(console: Console, connection: "Connection") -> None:
    table = _table("Where one finds no bike", ">of the day", ">hours", "station", "")
    for name, district, hours, share in _rows(connection, _EMPTIEST):
        table.add_row(f"{share:.0%}", f"{hours:.1f}", _name(name), _name(district or ""))
    console.print(table, "")


def _name(text: str) -> Text:
    """A name from the feed: neither markup nor anything that a terminal might obey."""
    return Text("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text))


def _duration(minutes: float | None) -> str:
    if minutes is None:
        return ""
    return in_words(timedelta(minutes=minutes))


def _next(console: Console) -> None:
    """Commands as they are to be pasted: each on a line of its own that nothing wraps."""
    parts = urlsplit(database_url())
    velib = _typed(Path(sys.executable).parent / "velib")
    reader = f"host {parts.hostname}, port {parts.port}, database {parts.path[1:]}, user velib_reader"
    lines = [
        (
            "the commands below mean the demo's warehouse with",
            f"export {settings.HOME}={_typed(settings.velib_home(), absolute=True)}",
        ),
        ("see it on five dashboards (installs Superset, some minutes)", "make bi"),
        ("ask it over HTTP, with a page to try it", f"{velib} api"),
        ("ask in SQL", f"{velib} db psql -c 'select * from mart.fct_trips limit 5'"),
        (f"connect a BI tool: {reader}; the password is in", f"{velib} db url --reader"),
        ("read what each table holds", "make docs"),
        ("see it as a graph, run it", f"{velib} ui"),
        ("stop the demo's database", f"{velib} db stop"),
        (f"load your own snapshots, into a warehouse of their own (unset {settings.HOME})", f"{velib} load PATH"),
    ]
    console.print("[bold]Where to go next[/bold]")
    for what, how in lines:
        console.print(f"  [dim]{what}[/dim]", highlight=False, soft_wrap=True)
        console.print(Text(f"    {how}"), soft_wrap=True)


def _typed(path: Path, absolute: bool = False) -> str:
    """As a shell takes it from here."""
    relative = os.path.relpath(path)
    return shlex.quote(str(path) if absolute or relative.startswith("..") else relative)
