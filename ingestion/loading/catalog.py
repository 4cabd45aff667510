"""What the raw schema knows of loads, files and snapshots, and what is noted there of them.

The SQL of the loader lives here. A row of raw.snapshots counts when the load that wrote it is complete and no later
complete load wrote the same feed and capture time again; a change set counts when its snapshot row does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg2
from psycopg2.extras import execute_values

from ingestion.capture.extraction import Duplicate, Quarantined
from ingestion.capture.network_state import Counts
from ingestion.capture.timeline import LoadedSnapshot
from ingestion.landing.files import LandingFile
from ingestion.loading.raw_schema import LOAD_LOCK
from velib.core.errors import VelibError
from velib.postgres import advisory_lock

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

# Reasons that say nothing of a file's content: it was not come by.
OUT_OF_REACH = ("unreadable", "unusable_path")

_LOADED_COLUMNS = """
    s.feed, s.snapshot_at, s.previous_snapshot_at, s.change_set_id, s.file, s.file_bytes, s.file_modified_ns,
    s.content_hash, s.format, s.station_count, s.station_without_code_count, s.station_listed_twice_count, s.bike_count,
    s.bike_in_street_count, s.bike_listed_twice_count
"""

# Of a row `s` of raw.snapshots: whether the load that wrote it is complete.
COMPLETE = "exists (select from raw.loads l where l.load_id = s._dlt_load_id and l.completed_at is not null)"
# The same as a value for each row, where few rows are asked of: the planner would look for all rows' loads at once.
IS_COMPLETE = "(select l.completed_at from raw.loads l where l.load_id = s._dlt_load_id) is not null"


@dataclass(frozen=True)
class KnownFile:
    """A file of which the outcome is known: by path, and by content where the time stamp does not tell."""

    path: str
    size: int
    modified_ns: int | None
    content_hash: str
    is_quarantined: bool
    read_as: str | None = None  # of a quarantined one: the options it was read with
    comes_at: datetime | None = None  # of one from the future: when it is to be looked at again

    def is_same(self, file: LandingFile) -> bool:
        """Whether the file is surely the one known, without reading it."""
        return self.modified_ns is not None and (self.size, self.modified_ns) == (file.size, file.modified_ns)


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """What the database refuses, or its going away, as a VelibError."""
    try:
        yield
    except psycopg2.Error as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise VelibError(
            f"the database failed: {lines[0]}; what was complete counts, run it again for the rest"
        ) from error


@contextmanager
def exclusive(
    connection: Connection, on_wait: Callable[[], None] | None = None, lock: int = LOAD_LOCK
) -> Iterator[None]:
    """Hold the load lock, or another. Calls `on_wait` once when somebody has it. `connection` must be in autocommit mode."""
    advisory_lock.take(connection, lock, on_wait or _nothing, _nothing)
    try:
        yield
    finally:
        # A broken connection has given the lock back already, and must not hide why it broke.
        with suppress(psycopg2.Error), connection.cursor() as cursor:
            cursor.execute("select pg_advisory_unlock(%s)", (lock,))


def _nothing() -> None:
    pass


def known_files(connection: Connection, paths: Sequence[str]) -> dict[str, KnownFile]:
    """The known ones of these paths. A path that is both loaded and quarantined (a damaged rewrite) is known as the latter."""
    known: dict[str, KnownFile] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            select distinct on (s.file) s.file, s.file_bytes, s.file_modified_ns, s.content_hash, false
            from raw.snapshots s where s.file = any(%s) and {COMPLETE}
            order by s.file, s.change_set_id desc
            """,
            (list(paths),),
        )
        known |= {row[0]: KnownFile(*row) for row in cursor}
        cursor.execute(
            """
            select path, file_bytes, file_modified_ns, content_hash, false from raw.duplicate_files where path = any(%s)
            """,
            (list(paths),),
        )
        known |= {row[0]: KnownFile(*row) for row in cursor}
        cursor.execute(
            """
            select distinct on (path) path, file_bytes, file_modified_ns, content_hash, true, read_as,
                case when reason = 'from_the_future' then snapshot_at end
            from raw.quarantined_files where path = any(%s) and resolved_at is null
            order by path, last_seen_at desc
            """,
            (list(paths),),
        )
        known |= {row[0]: KnownFile(*row) for row in cursor}
    return known


class NameReading(NamedTuple):
    """How a load read the times in file names."""

    time_zone: str
    name_time: str | None


def other_readings(connection: Connection, time_zone: str, name_time: str | None) -> list[NameReading]:
    """How loads before have read file names, if otherwise than so."""
    with connection.cursor() as cursor:
        cursor.execute("select time_zone, nullif(name_time, '') from raw.name_readings order by 1, 2")
        return [each for row in cursor if (each := NameReading(*row)) != (time_zone, name_time)]


def note_reading(connection: Connection, time_zone: str, name_time: str | None) -> None:
    """Note how a load that counts has read file names."""
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into raw.name_readings (time_zone, name_time) values (%s, %s) on conflict do nothing",
            (time_zone, name_time or ""),
        )


def times_of(connection: Connection, paths: Sequence[str]) -> dict[str, list[datetime]]:
    """The capture times that these files count at."""
    times: dict[str, list[datetime]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            select s.file, s.snapshot_at
            from raw.snapshots s
            where s.file = any(%s) and {COMPLETE} and not exists (
                select
                from raw.snapshots later join raw.loads l on l.load_id = later._dlt_load_id and l.completed_at is not null
                where later.feed = s.feed and later.snapshot_at = s.snapshot_at and later.change_set_id > s.change_set_id
            )
            order by s.file, s.snapshot_at
            """,
            (list(paths),),
        )
        for path, at in cursor:
            times.setdefault(path, []).append(at)
    return times


def neighbours(connection: Connection, feed: str, times: Sequence[datetime]) -> list[LoadedSnapshot]:
    """For each time the loaded snapshot of that time and those next to it, before and after, each once."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            select distinct on (s.snapshot_at) s.*
            from unnest(%(times)s::timestamptz[]) as t (at)
            cross join lateral (
                (select {_LOADED_COLUMNS} from raw.snapshots s
                 where s.feed = %(feed)s and s.snapshot_at < t.at and {COMPLETE}
                 order by s.snapshot_at desc, s.change_set_id desc limit 1)
                union all
                (select {_LOADED_COLUMNS} from raw.snapshots s
                 where s.feed = %(feed)s and s.snapshot_at = t.at and {COMPLETE}
                 order by s.change_set_id desc limit 1)
                union all
                (select {_LOADED_COLUMNS} from raw.snapshots s
                 where s.feed = %(feed)s and s.snapshot_at > t.at and {COMPLETE}
                 order by s.snapshot_at, s.change_set_id desc limit 1)
            ) as s
            order by s.snapshot_at
            """,
            {"feed": feed, "times": list(times)},
        )
        return [_loaded(row) for row in cursor]


def other_claimants(connection: Connection, feed: str, times: Sequence[datetime]) -> list[tuple[datetime, LandingFile]]:
    """Files that do not count because another one of their capture time does: when that is rewritten, they may again.

    They lost to its content, or had the same.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            select snapshot_at, path, file_bytes from raw.quarantined_files
            where reason = 'conflicting_capture_time' and resolved_at is null
                and feed = %(feed)s and snapshot_at = any(%(times)s::timestamptz[])
            union
            select snapshot_at, path, file_bytes from raw.duplicate_files
            where feed = %(feed)s and snapshot_at = any(%(times)s::timestamptz[])
            """,
            {"feed": feed, "times": list(times)},
        )
        return [(at, LandingFile(path, size, None)) for at, path, size in cursor]


def pruned_through(connection: Connection, feed: str) -> datetime | None:
    """The last snapshot of the feed's stretch whose change sets are pruned (ingestion.retention.pruning)."""
    with connection.cursor() as cursor:
        cursor.execute("select pruned_through from raw.prunings where feed = %s", (feed,))
        row = cursor.fetchone()
    return None if row is None else row[0]


def forget_stamps(connection: Connection, paths: Sequence[str]) -> None:
    """Have the next load that finds these files read them again, though they do not count and have not changed."""
    if paths:
        with connection.cursor() as cursor:
            for table in ("raw.quarantined_files", "raw.duplicate_files"):
                cursor.execute(f"update {table} set file_modified_ns = null where path = any(%s)", (list(paths),))


def still_exclusive(connection: Connection) -> None:
    """Raise psycopg2.Error when the connection, and with it the load lock, is gone."""
    with connection.cursor() as cursor:
        cursor.execute("select")


def next_change_set_ids(connection: Connection, count: int) -> int:
    """Reserve `count` consecutive ids and return the first. The load lock makes them ascend in order of completion."""
    with connection.cursor() as cursor:
        cursor.execute("select min(nextval('raw.change_set_id_seq')) from generate_series(1, %s)", (count,))
        first: int = _one(cursor)[0]
        return first


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """All of it or nothing. `connection` must be in autocommit mode."""
    with connection.cursor() as cursor:
        cursor.execute("begin")
        try:
            yield
        except BaseException:
            with suppress(psycopg2.Error):  # a broken connection has rolled back already
                cursor.execute("rollback")
            raise
        cursor.execute("commit")


def begin_load(connection: Connection, load_id: str, first_change_set_id: int) -> None:
    """Note that a load begins to write, so that its rows can be found should it die. Its ids are this one and higher."""
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into raw.loads (load_id, started_at, first_change_set_id) values (%s, now(), %s)",
            (load_id, first_change_set_id),
        )


def complete_load(connection: Connection, load_id: str) -> None:
    """Make all that a load has written count.

    `connection` is the one that holds the load lock: when that is gone another load may have begun, and this fails with it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "update raw.loads set completed_at = clock_timestamp() where load_id = %s returning first_change_set_id",
            (load_id,),
        )
        (first_change_set_id,) = _one(cursor)
        # How many snapshots of each feed count: those written again were counted before.
        cursor.execute(
            """
            insert into raw.feeds (feed, snapshots)
            select s.feed, count(*)
            from raw.snapshots s
            where s.change_set_id >= %s and s._dlt_load_id = %s and not exists (
                select
                from raw.snapshots before join raw.loads l on l.load_id = before._dlt_load_id and l.completed_at is not null
                where before.feed = s.feed and before.snapshot_at = s.snapshot_at and before.change_set_id < s.change_set_id
            )
            group by s.feed
            on conflict (feed) do update set snapshots = feeds.snapshots + excluded.snapshots
            """,
            (first_change_set_id, load_id),
        )


def record_outcomes(
    connection: Connection,
    quarantined: Sequence[Quarantined],
    duplicates: Sequence[Duplicate],
    unchanged: Sequence[LandingFile],
    now: datetime,
    read_as: str,
) -> None:
    """Keep what became of the files that are no new snapshots."""
    with connection.cursor() as cursor:
        if quarantined:
            _quarantine(cursor, quarantined, now, read_as)
        if duplicates:
            execute_values(
                cursor,
                """
                insert into raw.duplicate_files (path, content_hash, feed, snapshot_at, file_bytes, file_modified_ns) values %s
                on conflict (path) do update set
                    content_hash = excluded.content_hash, feed = excluded.feed, snapshot_at = excluded.snapshot_at,
                    file_bytes = excluded.file_bytes, file_modified_ns = excluded.file_modified_ns
                """,
                [
                    (
                        copy.file.path,
                        copy.content_hash,
                        copy.feed,
                        copy.captured_at,
                        copy.file.size,
                        copy.file.modified_ns,
                    )
                    for copy in duplicates
                ],
            )
            _resolve(cursor, [copy.file.path for copy in duplicates], now)
        if unchanged:
            execute_values(
                cursor,
                """
                update raw.snapshots s set file_bytes = seen.file_bytes, file_modified_ns = seen.modified_ns::bigint
                from (values %s) as seen (path, file_bytes, modified_ns)
                where s.file = seen.path
                """,
                [(file.path, file.size, file.modified_ns) for file in unchanged],
            )
            _resolve(cursor, [file.path for file in unchanged], now)


def _quarantine(cursor: Any, quarantined: Sequence[Quarantined], now: datetime, read_as: str) -> None:
    execute_values(
        cursor,
        """
        insert into raw.quarantined_files (
            path, content_hash, reason, detail, feed, snapshot_at, file_bytes, file_modified_ns, first_seen_at, last_seen_at,
            read_as
        ) values %s
        on conflict (path, content_hash) do update set
            reason = excluded.reason, detail = excluded.detail, feed = excluded.feed,
            snapshot_at = excluded.snapshot_at, file_bytes = excluded.file_bytes,
            file_modified_ns = excluded.file_modified_ns, last_seen_at = excluded.last_seen_at,
            resolved_at = null, read_as = excluded.read_as
        """,
        [
            (
                *(item.file.path, item.content_hash, item.reason, item.detail, item.feed, item.captured_at),
                *(item.file.size, item.file.modified_ns, now, now, read_as),
            )
            for item in quarantined
        ],
    )
    # What was wrong with a file's former content is over.
    execute_values(
        cursor,
        f"""
        update raw.quarantined_files q set resolved_at = '{now.isoformat()}'
        from (values %s) as item (path, content_hash)
        where q.path = item.path and q.content_hash <> item.content_hash and q.resolved_at is null
        """,
        [(item.file.path, item.content_hash) for item in quarantined],
    )
    cursor.execute("delete from raw.duplicate_files where path = any(%s)", ([item.file.path for item in quarantined],))


def resolve_loaded(connection: Connection, paths: Sequence[str], now: datetime) -> None:
    """Files that count now: their quarantine is over, and they are nobody's duplicate."""
    with connection.cursor() as cursor:
        _resolve(cursor, paths, now)
        cursor.execute("delete from raw.duplicate_files where path = any(%s)", (list(paths),))


def closed(connection: Connection) -> list[str]:
    """The folders and containers in quarantine because they could not be listed: what is in them comes under other names."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            select path from raw.quarantined_files
            where (path like '%/' or path like '%.snapshots.zip') and reason in ('unreadable', 'broken_container')
                and resolved_at is null
            """
        )
        return [path for (path,) in cursor]


def quarantined_before(connection: Connection, quarantined: Sequence[Quarantined], read_as: str) -> set[str]:
    """Of files just quarantined those that were before, for the same reason and with the same content, read with the same options.

    What has no stamp has to be read to be known: a member of a container that another program made, or a file as young as its
    stamp's grain. What is out of reach was not read at all.
    """
    if not quarantined:
        return set()
    with connection.cursor() as cursor:
        found = execute_values(
            cursor,
            f"""
            select q.path
            from (values %s) as item (path, content_hash, reason, detail, file_bytes, read_as)
            join raw.quarantined_files q on q.path = item.path and q.reason = item.reason and q.resolved_at is null
            where item.reason in {OUT_OF_REACH}
                or (q.content_hash, q.detail, q.file_bytes, q.read_as)
                    = (item.content_hash, item.detail, item.file_bytes, item.read_as)
            """,
            [
                (each.file.path, each.content_hash, each.reason, each.detail, each.file.size, read_as)
                for each in quarantined
            ],
            fetch=True,
        )
        return {path for (path,) in found}


def see_again(connection: Connection, paths: Sequence[str], now: datetime) -> None:
    """Note that quarantined files are still there."""
    with connection.cursor() as cursor:
        cursor.execute(
            "update raw.quarantined_files set last_seen_at = %s where path = any(%s) and resolved_at is null",
            (now, list(paths)),
        )


def _resolve(cursor: Any, paths: Sequence[str], now: datetime) -> None:
    cursor.execute(
        "update raw.quarantined_files set resolved_at = %s where path = any(%s) and resolved_at is null",
        (now, list(paths)),
    )


def _loaded(row: tuple[Any, ...]) -> LoadedSnapshot:
    feed, at, previous_at, change_set_id, path, size, modified_ns, digest, format_name, *counts = row
    file = LandingFile(path, size, modified_ns)
    return LoadedSnapshot(feed, at, previous_at, change_set_id, file, digest, format_name, Counts(*counts))


def _one(cursor: Any) -> tuple[Any, ...]:
    row: tuple[Any, ...] = cursor.fetchone()
    return row
