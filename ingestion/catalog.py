"""What the raw schema knows of files and snapshots, and the small tables the loader keeps beside dlt's.

The SQL of the loader lives here. A row of raw.snapshots counts when the load that wrote it is complete and no later
complete load wrote the same feed and capture time again; a change set counts when its snapshot row does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import psycopg2
import pyarrow as pa

from ingestion.arrow import TABLES
from ingestion.extract import Duplicate, Quarantined
from ingestion.landing import LandingFile
from ingestion.network_state import Counts
from ingestion.timeline import LoadedSnapshot
from warehouse.errors import VelibError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

# The advisory lock a batch holds from the look at the database to the load's completion: one number for this project.
LOAD_LOCK = 0x7E11B_10AD
DDL_LOCK = 0x7E11B_DD1

# The order of change sets, and the files that are known without a snapshot of their own: kept up to date in place, not by dlt.
_BOOKKEEPING = """
create schema if not exists raw;
create sequence if not exists raw.change_set_id_seq as integer;
create table if not exists raw.quarantined_files (
    path text not null,
    content_hash text not null,
    reason text not null,
    detail text not null,
    feed text,
    snapshot_at timestamptz,
    file_bytes bigint not null,
    file_modified_ns bigint,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    resolved_at timestamptz,
    read_as text,
    primary key (path, content_hash)
);
create table if not exists raw.duplicate_files (
    path text primary key,
    content_hash text not null,
    feed text not null,
    snapshot_at timestamptz not null,
    file_bytes bigint not null,
    file_modified_ns bigint
);
"""

# These serve the loader's look-ups and dbt's reading of what is new.
_INDEXES = """
create index if not exists snapshots_by_time on raw.snapshots (feed, snapshot_at, change_set_id);
create index if not exists snapshots_by_file on raw.snapshots (file);
create index if not exists snapshots_by_change_set on raw.snapshots (change_set_id);
create index if not exists station_changes_by_change_set
    on raw.station_changes using brin (change_set_id) with (pages_per_range = 16, autosummarize = on);
create index if not exists station_attribute_changes_by_change_set
    on raw.station_attribute_changes using brin (change_set_id) with (pages_per_range = 16, autosummarize = on);
create index if not exists bike_changes_by_change_set on raw.bike_changes (change_set_id);
"""

_TYPES: dict[pa.DataType, str] = {
    pa.string(): "varchar",
    pa.bool_(): "boolean",
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float64(): "double precision",
    pa.timestamp("us", tz="UTC"): "timestamptz",
}

_LOADED_COLUMNS = """
    s.feed, s.snapshot_at, s.previous_snapshot_at, s.change_set_id, s.file, s.file_bytes, s.file_modified_ns,
    s.content_hash, s.station_count, s.station_without_code_count, s.station_listed_twice_count, s.bike_count,
    s.bike_in_street_count, s.bike_listed_twice_count
"""

_COMPLETE = "exists (select from raw._dlt_loads l where l.load_id = s._dlt_load_id and l.status = 0)"

_NOT_DISPLACED = """not exists (
    select from raw.snapshots n
    where n.feed = s.feed and n.snapshot_at = s.snapshot_at and n.change_set_id > s.change_set_id and n.file <> s.file
        and exists (select from raw._dlt_loads l where l.load_id = n._dlt_load_id and l.status = 0)
)"""


@dataclass(frozen=True)
class KnownFile:
    """A file of which the outcome is known: by path, and by content where the time stamp does not tell."""

    path: str
    size: int
    modified_ns: int | None
    content_hash: str
    is_quarantined: bool
    read_as: str | None = None  # of a quarantined one: the options it was read with

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
def exclusive(connection: Connection, on_wait: Any = None) -> Iterator[None]:
    """Hold the load lock. Calls `on_wait` once when another load has it. `connection` must be in autocommit mode."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s)", (LOAD_LOCK,))
        if not _one(cursor)[0]:
            if on_wait:
                on_wait()
            cursor.execute("select pg_advisory_lock(%s)", (LOAD_LOCK,))
        try:
            if not is_empty(connection):
                # A killed load's last statement may still be under way: that it is complete must not come out later.
                cursor.execute("begin; lock table raw._dlt_loads in share mode; commit")
            yield
        finally:
            # A broken connection has given the lock back already, and must not hide why it broke.
            with suppress(psycopg2.Error):
                cursor.execute("select pg_advisory_unlock(%s)", (LOAD_LOCK,))


def ensure_tables(connection: Connection) -> None:
    """Make the tables of the raw schema where they are missing.

    dlt would make those of the change sets too, but each only when it first gets rows for it, and a feed without bikes never
    has any.
    """
    statements = [_BOOKKEEPING]
    for name, schema in TABLES.items():
        columns = [f"{field.name} {_TYPES[field.type]}{'' if field.nullable else ' not null'}" for field in schema]
        if name == "snapshots":
            columns.append("_dlt_load_id varchar not null")
        statements.append(f"create table if not exists raw.{name} ({', '.join(columns)});")
    statements.append(_INDEXES)
    with connection.cursor() as cursor:
        # Python's years end at 9999, and another zone than UTC could show one beyond.
        cursor.execute("set time zone 'UTC'")
        # Two loads that begin at the same moment would both find a table missing.
        cursor.execute(
            "begin; select pg_advisory_xact_lock(%s);" + "".join(statements).replace("%", "%%") + "commit", (DDL_LOCK,)
        )


def is_empty(connection: Connection) -> bool:
    """Whether dlt has not completed a load here yet: its table of loads is not there."""
    with connection.cursor() as cursor:
        cursor.execute("select to_regclass('raw._dlt_loads') is null")
        return bool(_one(cursor)[0])


def known_files(connection: Connection, paths: Sequence[str]) -> dict[str, KnownFile]:
    """The known ones of these paths. A path that is both loaded and quarantined (a damaged rewrite) is known as the latter.

    A loaded file that another has displaced is not known by that: should a load be killed before it notes the loser in
    the quarantine, the next one finds it.
    """
    known: dict[str, KnownFile] = {}
    with connection.cursor() as cursor:
        if not is_empty(connection):
            cursor.execute(
                f"""
                select distinct on (s.file) s.file, s.file_bytes, s.file_modified_ns, s.content_hash, false
                from raw.snapshots s where s.file = any(%s) and {_COMPLETE} and {_NOT_DISPLACED}
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
            select distinct on (path) path, file_bytes, file_modified_ns, content_hash, true, read_as
            from raw.quarantined_files where path = any(%s) and resolved_at is null
            order by path, last_seen_at desc
            """,
            (list(paths),),
        )
        known |= {row[0]: KnownFile(*row) for row in cursor}
    return known


def neighbours(connection: Connection, feed: str, times: Sequence[datetime]) -> list[LoadedSnapshot]:
    """For each time the loaded snapshot of that time and those next to it, before and after, each once."""
    if is_empty(connection):
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            select distinct on (s.snapshot_at) s.*
            from unnest(%(times)s::timestamptz[]) as t (at)
            cross join lateral (
                (select {_LOADED_COLUMNS} from raw.snapshots s
                 where s.feed = %(feed)s and s.snapshot_at < t.at and {_COMPLETE}
                 order by s.snapshot_at desc, s.change_set_id desc limit 1)
                union all
                (select {_LOADED_COLUMNS} from raw.snapshots s
                 where s.feed = %(feed)s and s.snapshot_at = t.at and {_COMPLETE}
                 order by s.change_set_id desc limit 1)
                union all
                (select {_LOADED_COLUMNS} from raw.snapshots s
                 where s.feed = %(feed)s and s.snapshot_at > t.at and {_COMPLETE}
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


def record_outcomes(
    connection: Connection,
    quarantined: Iterable[Quarantined],
    duplicates: Iterable[Duplicate],
    unchanged: Iterable[LandingFile],
    now: datetime,
    read_as: str,
) -> None:
    """Keep what became of the files that are no new snapshots. Runs after the load is complete, and may be repeated."""
    with connection.cursor() as cursor:
        cursor.execute("begin")  # one commit, not one a file
        for item in quarantined:
            cursor.execute(
                """
                insert into raw.quarantined_files (
                    path, content_hash, reason, detail, feed, snapshot_at, file_bytes, file_modified_ns, first_seen_at,
                    last_seen_at, read_as
                ) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
                on conflict (path, content_hash) do update set
                    reason = excluded.reason, detail = excluded.detail, feed = excluded.feed,
                    snapshot_at = excluded.snapshot_at, file_bytes = excluded.file_bytes,
                    file_modified_ns = excluded.file_modified_ns, last_seen_at = excluded.last_seen_at,
                    resolved_at = null, read_as = excluded.read_as
                """,
                (
                    *(item.file.path, item.content_hash, item.reason, item.detail, item.feed, item.captured_at),
                    *(item.file.size, item.file.modified_ns, now, now, read_as),
                ),
            )
            cursor.execute(
                """
                update raw.quarantined_files set resolved_at = %s
                where path = %s and content_hash <> %s and resolved_at is null
                """,
                (now, item.file.path, item.content_hash),
            )
            cursor.execute("delete from raw.duplicate_files where path = %s", (item.file.path,))
        for copy in duplicates:
            cursor.execute(
                """
                insert into raw.duplicate_files values (%s, %s, %s, %s, %s, %s)
                on conflict (path) do update set
                    content_hash = excluded.content_hash, feed = excluded.feed, snapshot_at = excluded.snapshot_at,
                    file_bytes = excluded.file_bytes, file_modified_ns = excluded.file_modified_ns
                """,
                (
                    *(copy.file.path, copy.content_hash, copy.feed, copy.captured_at),
                    *(copy.file.size, copy.file.modified_ns),
                ),
            )
            _resolve(cursor, copy.file.path, now)
        for file in unchanged:
            cursor.execute(
                "update raw.snapshots set file_bytes = %s, file_modified_ns = %s where file = %s",
                (file.size, file.modified_ns, file.path),
            )
            _resolve(cursor, file.path, now)
        cursor.execute("commit")


def resolve_loaded(connection: Connection, paths: Sequence[str], now: datetime) -> None:
    """Files that count now: their quarantine is over, and they are nobody's duplicate."""
    with connection.cursor() as cursor:
        cursor.execute(
            "update raw.quarantined_files set resolved_at = %s where path = any(%s) and resolved_at is null",
            (now, list(paths)),
        )
        cursor.execute("delete from raw.duplicate_files where path = any(%s)", (list(paths),))


def see_again(connection: Connection, paths: Sequence[str], now: datetime) -> None:
    """Note that quarantined files are still there."""
    with connection.cursor() as cursor:
        cursor.execute(
            "update raw.quarantined_files set last_seen_at = %s where path = any(%s) and resolved_at is null",
            (now, list(paths)),
        )


def _resolve(cursor: Any, path: str, now: datetime) -> None:
    cursor.execute(
        "update raw.quarantined_files set resolved_at = %s where path = %s and resolved_at is null", (now, path)
    )


def _loaded(row: tuple[Any, ...]) -> LoadedSnapshot:
    feed, at, previous_at, change_set_id, path, size, modified_ns, digest, *counts = row
    return LoadedSnapshot(
        feed, at, previous_at, change_set_id, LandingFile(path, size, modified_ns), digest, Counts(*counts)
    )


def _one(cursor: Any) -> tuple[Any, ...]:
    row: tuple[Any, ...] = cursor.fetchone()
    return row
