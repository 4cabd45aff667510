"""Feeds whose newest snapshot lists far more or far fewer stations or bikes than those before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.loading import catalog

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

# Half the fleet does not ride away in a minute, and networks do not grow by a fifth overnight. Bikes do ride: theirs may vary more.
_SHARE = {"stations": 0.2, "bikes": 0.4}
# Fewer snapshots than this say nothing of what is usual.
_LEAST = 10

# The median of the hundred before the newest: through the index on feed and time.
_COUNTS = f"""
select f.feed, latest.stations[1], latest.bikes[1], usual.snapshots, usual.stations, usual.bikes
from raw.feeds f
cross join lateral (
    select
        array_agg(s.station_count order by s.snapshot_at desc) as stations,
        array_agg(s.bike_count order by s.snapshot_at desc) as bikes
    from (
        select s.snapshot_at, s.station_count, s.bike_count from raw.snapshots s
        where s.feed = f.feed and {catalog.IS_COMPLETE}
        order by s.snapshot_at desc, s.change_set_id desc limit 101
    ) as s
) as latest
cross join lateral (
    select
        count(*),
        percentile_disc(0.5) within group (order by b.stations),
        percentile_disc(0.5) within group (order by b.bikes)
    from unnest(latest.stations[2:], latest.bikes[2:]) as b (stations, bikes)
) as usual (snapshots, stations, bikes)
order by f.feed
"""


@dataclass(frozen=True)
class Jump:
    """A count that is not as usual."""

    feed: str
    what: str
    now: int
    usual: int

    @property
    def said(self) -> str:
        return f"{self.feed}: {self.now:,} {self.what}, usually {self.usual:,}"


def jumps(connection: Connection) -> list[Jump]:
    """Of all feeds."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS)
        rows = cursor.fetchall()
    found = []
    for feed, stations, bikes, snapshots, usual_stations, usual_bikes in rows:
        for what, now, usual in (("stations", stations, usual_stations), ("bikes", bikes, usual_bikes)):
            if snapshots >= _LEAST and abs(now - usual) > _SHARE[what] * usual:
                found.append(Jump(feed, what, now, usual))
    return found
