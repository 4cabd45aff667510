"""Whether all is well, in ten lines: what `velib status` says first, and what decides its exit code.

`look` asks the database and the disk, `judge` decides, on nothing but what it is given. Each line is of one thing to watch. What
is only worth knowing (a dead load that costs room, an incident at a station) is said and does not make it unwell.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ingestion.loading.origins import Mixture, mixtures
from velib.core import settings
from velib.core.durations import in_words
from velib.monitoring.refresh_times import RefreshTime, refresh_times
from velib.monitoring.status import FeedStatus, Gap, WarehouseStatus, warehouse_status

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

WINDOW = timedelta(hours=24)

# A live feed is silent when it has missed three ticks, and not sooner than a collection gap begins.
_MISSED_TICKS = 3
# One that is silent for longer is no longer collected: nobody need look at it every day.
_ARCHIVED = timedelta(days=7)
# A snapshot that was loaded so soon after its capture came from a live feed. An archive's newest is older.
_LIVE = timedelta(hours=1)
# So long after a load its snapshots should be built. Whoever builds by hand has time for it.
_BUILT_WITHIN = timedelta(minutes=30)
# Of the files of a window so many may be in quarantine: feeds have bad moments.
_QUARANTINED_SHARE = 0.01
# Below this PostgreSQL may soon stop.
_LEAST_FREE_BYTES = 1_000_000_000
_SHOWN = 3


@dataclass(frozen=True)
class Incident:
    """An incident that the alerts have open."""

    severity: str
    label: str
    fact: str
    opened_at: datetime


@dataclass(frozen=True)
class Seen:
    """What was found, to be judged. `quarantined` and `loaded` count the files of the window; `loaded` may stop counting early."""

    at: datetime
    warehouse: WarehouseStatus
    refresh: tuple[RefreshTime, ...] = ()
    mixed: tuple[Mixture, ...] = ()
    quarantined: int = 0
    loaded: int = 0
    incidents: tuple[Incident, ...] = ()
    free_bytes: int | None = None


@dataclass(frozen=True)
class Line:
    """One thing to watch: whether it is well, and what there is to say of it."""

    what: str
    is_well: bool
    said: str


def look(connection: Connection, quarantine_limit: int = 10) -> Seen:
    """Ask the database and the disk. `connection` must be in autocommit mode."""
    found = warehouse_status(connection, quarantine_limit)
    with connection.cursor() as cursor:
        cursor.execute("select now()")
        at = cursor.fetchone()[0]
        quarantined, loaded = _files_of_window(cursor, at - WINDOW)
        incidents = tuple(_incidents(cursor))
    refresh, mixed = refresh_times(connection), tuple(mixtures(connection))
    return Seen(at, found, refresh, mixed, quarantined, loaded, incidents, _free_bytes())


def judge(seen: Seen) -> list[Line]:
    """A line for each thing to watch; of feeds one for each of the first few."""
    found = seen.warehouse
    return [
        *_feeds(seen),
        *(Line("feed", True, f"{each.feed}: {each.said}") for each in seen.mixed),
        _gaps(seen),
        _loads(found),
        _marts(seen),
        *_refresh(seen),
        _quarantine(seen),
        *_alerts(seen.incidents),
        _disk(seen),
    ]


def as_json(seen: Seen, lines: Sequence[Line]) -> dict[str, Any]:
    """For machines: the same lines, and the figures behind them. Times are ISO 8601, lengths seconds."""
    found = seen.warehouse
    return {
        "is_well": all(line.is_well for line in lines),
        "at": seen.at.isoformat(),
        "checks": [asdict(line) for line in lines],
        "feeds": [
            {
                "feed": feed.feed,
                "snapshots": feed.snapshots,
                "first_at": feed.first_at.isoformat(),
                "newest_at": feed.newest_at.isoformat(),
                "newest_age_seconds": (seen.at - feed.newest_at).total_seconds(),
                "cadence_seconds": feed.cadence.total_seconds() if feed.cadence else None,
                "stations": feed.stations,
                "bikes": feed.bikes,
                "gaps": feed.gap_count,
                "is_live": _is_live(feed),
            }
            for feed in found.feeds
        ],
        "mixed": [asdict(each) for each in seen.mixed],
        "refresh": [{**asdict(each), "window_seconds": WINDOW.total_seconds()} for each in seen.refresh],
        "snapshots_not_built": found.not_built,
        "last_load_at": found.last_load_at.isoformat() if found.last_load_at else None,
        "last_build_at": found.last_build.started_at.isoformat() if found.last_build else None,
        "last_build_succeeded": found.last_build.has_succeeded if found.last_build else None,
        "dead_loads": found.dead_loads,
        "duplicates": found.duplicates,
        "quarantined": found.quarantine_counts,
        "quarantined_in_window": seen.quarantined,
        "incidents": [{**asdict(each), "opened_at": each.opened_at.isoformat()} for each in seen.incidents],
        "database_bytes": found.database_bytes,
        "free_bytes": seen.free_bytes,
    }


# --- what is judged -----------------------------------------------------------------------------------------------------


def _feeds(seen: Seen) -> Iterator[Line]:
    feeds = seen.warehouse.feeds
    if not feeds:
        yield Line("feed", True, "no snapshots yet: load some with `velib load PATH`, or try `velib demo`")
    silent = [feed for feed in feeds if _is_silent(feed, seen)]
    # Those to look at come first, and none of them is left out.
    shown = [*silent, *(feed for feed in feeds if feed not in silent)][: max(_SHOWN, len(silent))]
    for feed in shown:
        every = f", every {in_words(feed.cadence)}" if feed.cadence else ""
        said = f"{feed.feed}{_freshness(feed, seen)}; {feed.snapshots:,} snapshots{every}"
        yield Line("feed", feed not in silent, said)
    if len(feeds) > len(shown):
        yield Line("feed", True, f"… and {len(feeds) - len(shown)} more")


def _is_live(feed: FeedStatus) -> bool:
    return feed.newest_loaded_at is not None and feed.newest_loaded_at - feed.newest_at <= _LIVE


def _is_silent(feed: FeedStatus, seen: Seen) -> bool:
    allowed = max(seen.warehouse.gap, (feed.cadence or timedelta()) * _MISSED_TICKS)
    return _is_live(feed) and allowed < seen.at - feed.newest_at <= _ARCHIVED


def _freshness(feed: FeedStatus, seen: Seen) -> str:
    """How old the newest snapshot is, and what that means: nothing of an archive is of today, and none of it is missing."""
    age = f"newest {in_words(seen.at - feed.newest_at)} ago"
    if _is_silent(feed, seen):
        return f": silent, {age}"
    if not _is_live(feed):
        return f": an archive, {age} ({feed.newest_at:%Y-%m-%d})"
    if seen.at - feed.newest_at > _ARCHIVED:
        return f": no longer collected, {age} ({feed.newest_at:%Y-%m-%d})"
    return f", {age}"


def gaps_of_late(seen: Seen) -> list[Gap]:
    """The gaps that ended in the window."""
    since = seen.at - WINDOW
    return [gap for feed in seen.warehouse.feeds for gap in feed.gaps if gap.to_at > since]


def _gaps(seen: Seen) -> Line:
    lately = gaps_of_late(seen)
    count = sum(feed.gap_count for feed in seen.warehouse.feeds)
    said = f"none over {in_words(seen.warehouse.gap)} in {in_words(WINDOW)}"
    if lately:
        said = f"{len(lately)} in {in_words(WINDOW)}, the longest {in_words(max(gap.to_at - gap.from_at for gap in lately))}"
    return Line("gaps", True, f"{said}; {count:,} in all")


def _loads(found: WarehouseStatus) -> Line:
    if found.loading_since:
        said = f"one under way since {when(found.loading_since)}"
    else:
        said = f"the last at {when(found.last_load_at)}" if found.last_load_at else "none so far"
    if found.dead_loads:
        said += f"; {found.dead_loads:,} did not come to an end, `velib clean` removes their rows"
    return Line("loads", True, said)


def _marts(seen: Seen) -> Line:
    found, build = seen.warehouse, seen.warehouse.last_build
    if not found.feeds:
        return Line("marts", True, "nothing to build")
    under_way = build is not None and build.is_under_way
    is_behind = found.not_built is None or found.not_built > 0
    # Of the first load that is not built: of a live feed the last one is always of just now.
    loaded_at = found.behind_since or found.last_load_at
    loaded_long_ago = loaded_at is not None and seen.at - loaded_at > _BUILT_WITHIN and found.loading_since is None
    failed = build is not None and not (build.has_succeeded and not found.missing) and not under_way
    return Line("marts", not failed and not (is_behind and loaded_long_ago and not under_way), marts(found))


def marts(found: WarehouseStatus) -> str:
    """How far the marts are behind what was loaded, and whether the last build came to its end."""
    build = found.last_build
    if build is None:
        return "none yet: `velib build`"
    if build.is_under_way:
        return f"a build is under way since {when(build.started_at)}"
    if found.missing:
        others = len(found.missing) - _SHOWN
        return (
            f"missing {', '.join(found.missing[:_SHOWN])}{f' and {others:,} more' if others > 0 else ''}: `velib build`"
        )
    if found.not_built is None and build.ended_at is not None:
        return "none yet: `velib build`"
    if found.not_built is None:
        behind = "not all there"
    else:
        behind = f"{found.not_built:,} snapshots behind" if found.not_built else "up to date"
    if build.ended_at is None:
        return f"{behind}; the build of {when(build.started_at)} has not come to an end: `velib build`"
    if not build.has_succeeded:
        return f"{behind}; the build of {when(build.started_at)} failed: `velib build` says why"
    return f"{behind}: `velib build`" if found.not_built else f"{behind}, built {when(build.ended_at)}"


def _refresh(seen: Seen) -> Iterator[Line]:
    """How long it takes is for whoever asks; what is too long, nobody but them can say."""
    for each in seen.refresh[:_SHOWN]:
        capture, landing = each.from_capture, each.from_landing
        yield Line(
            "refresh",
            True,
            f"{each.feed}, {in_words(WINDOW)}: capture to mart {capture.min:.1f} s at least, {capture.mean:.1f} mean, "
            f"{capture.p95:.1f} p95; from landing {landing.min:.1f}, {landing.mean:.1f}, {landing.p95:.1f}",
        )
    if not seen.refresh:
        yield Line("refresh", True, f"nothing captured in {in_words(WINDOW)} is in the marts")


def _quarantine(seen: Seen) -> Line:
    counts = seen.warehouse.quarantine_counts
    total = sum(counts.values())
    said = "empty"
    if total:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in list(counts.items())[:_SHOWN])
        said = f"{total:,} files ({reasons}{', …' if len(counts) > _SHOWN else ''}), {seen.quarantined:,} in {in_words(WINDOW)}"
    few = seen.quarantined <= _QUARANTINED_SHARE * (seen.loaded + seen.quarantined)
    return Line("quarantine", few, said)


def _alerts(incidents: Sequence[Incident]) -> Iterator[Line]:
    """Only what the rules call critical makes it unwell: that a station is empty is no fault of the warehouse's."""
    critical = [each for each in incidents if each.severity == "critical"]
    for each in critical[:_SHOWN]:
        yield Line("alert", False, f"{each.label}: {each.fact}, since {when(each.opened_at)}")
    others = len(incidents) - len(critical[:_SHOWN])
    if others:
        yield Line("alerts", len(critical) <= _SHOWN, f"{others:,} {'more ' if critical else ''}open")
    elif not critical:
        yield Line("alerts", True, "none open")


def _disk(seen: Seen) -> Line:
    said = f"database {_size(seen.warehouse.database_bytes)}"
    if seen.free_bytes is None:
        return Line("disk", True, said)
    said += f"; {_size(seen.free_bytes)} free under {settings.velib_home()}"
    return Line("disk", seen.free_bytes >= _LEAST_FREE_BYTES, said)


# --- asking -------------------------------------------------------------------------------------------------------------


def _files_of_window(cursor: Any, since: datetime) -> tuple[int, int]:
    """How many files went to quarantine, and how many were loaded: of the latter no more than decide whether the former are few."""
    cursor.execute(
        "select count(*) from raw.quarantined_files where resolved_at is null and first_seen_at > %s", (since,)
    )
    quarantined = cursor.fetchone()[0]
    if not quarantined:
        return 0, 0
    cursor.execute(
        """
        select count(*) from (
            select from raw.snapshots
            where change_set_id >= (select min(first_change_set_id) from raw.loads where completed_at > %s)
            limit %s
        ) as loaded
        """,
        (since, round(quarantined / _QUARANTINED_SHARE)),
    )
    return quarantined, cursor.fetchone()[0]


def _incidents(cursor: Any) -> Iterable[Incident]:
    """The alerts' table, where there are alerts: they stand above this package, so their own code is not asked."""
    cursor.execute("select to_regclass('alerting.incidents') is not null")
    if cursor.fetchone() != (True,):
        return []
    cursor.execute(
        "select severity, label, fact, opened_at from alerting.incidents where recovered_at is null"
        " order by severity = 'critical' desc, opened_at, label"
    )
    return [Incident(*row) for row in cursor]


def _free_bytes() -> int | None:
    try:
        return shutil.disk_usage(settings.velib_home()).free
    except OSError:
        return None


# --- words --------------------------------------------------------------------------------------------------------------


def when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _size(count: int) -> str:
    return f"{count / 1e6:,.0f} MB" if count < 1e10 else f"{count / 1e9:,.0f} GB"
