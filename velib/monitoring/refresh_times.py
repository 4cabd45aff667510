"""How long the snapshots of the last day took into the mart (mart.kpi_refresh_now, which the API tells too)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812


@dataclass(frozen=True)
class Seconds:
    """Of several lengths of time the least, the mean, that which 95 % do not exceed, and the most."""

    min: float
    mean: float
    p95: float
    max: float


@dataclass(frozen=True)
class RefreshTime:
    """Of one feed: how many snapshots captured in the window are in the mart, and how long they took there."""

    feed: str
    snapshots: int
    from_capture: Seconds
    from_landing: Seconds


_REFRESH_TIMES = """
select
    feed, snapshots,
    capture_seconds_min, capture_seconds_mean, capture_seconds_p95, capture_seconds_max,
    landing_seconds_min, landing_seconds_mean, landing_seconds_p95, landing_seconds_max
from mart.kpi_refresh_now
order by feed
"""


def refresh_times(connection: Connection) -> tuple[RefreshTime, ...]:
    """By feed, of the snapshots captured in the last 24 hours; nothing of feeds without such, or before there is a mart."""
    with connection.cursor() as cursor:
        cursor.execute("select to_regclass('mart.kpi_refresh_now') is not null")
        if not cursor.fetchone()[0]:
            return ()
        cursor.execute(_REFRESH_TIMES)
        return tuple(RefreshTime(row[0], row[1], Seconds(*row[2:6]), Seconds(*row[6:10])) for row in cursor)
