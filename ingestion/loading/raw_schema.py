"""The tables of the raw schema, and the version of their layout: made in a database without them, migrated where they are older.

`raw.layout` says which version of the project wrote the schema last, so that neither an older nor a newer one ever works on
tables it takes for something else. Its `raw_id` names this raw schema: whoever remembers how far they have read it (dbt's
watermarks) can tell that it was dropped and filled anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from ingestion.capture.arrow_tables import CHANGE_SETS, TABLES
from velib.core.dbt_vars import var
from velib.core.errors import VelibError
from velib.postgres.advisory_lock import LOAD_LOCK as LOAD_LOCK

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

# Raised with every change of the tables below, together with a migration from the version before.
LAYOUT = 7

# Two loads that begin at the same moment would both find a table missing.
_DDL_LOCK = 0x7E11B_DD1

# What the loader keeps in place beside the tables dlt appends to. Ids ascend in the order in which loads are completed.
_BOOKKEEPING = """
create sequence if not exists raw.change_set_id_seq as integer;
create table if not exists raw.layout (
    only_row boolean primary key default true check (only_row),
    version integer not null,
    raw_id uuid not null default gen_random_uuid()
);
create table if not exists raw.loads (
    load_id text not null,
    started_at timestamptz not null,
    first_change_set_id integer not null,
    completed_at timestamptz,
    cleaned_at timestamptz
);
create table if not exists raw.feeds (
    feed text primary key,
    snapshots integer not null
);
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
    path text not null,
    content_hash text not null,
    feed text not null,
    snapshot_at timestamptz not null,
    file_bytes bigint not null,
    file_modified_ns bigint
);
create table if not exists raw.settled_folders (
    folder text primary key,
    read_as text not null,
    settled_at timestamptz not null
);
create table if not exists raw.name_readings (
    time_zone text not null,
    name_time text not null, -- '' without a pattern
    primary key (time_zone, name_time)
);
create table if not exists raw.prunings (
    feed text primary key,
    pruned_through timestamptz not null,
    pruned_at timestamptz not null
);
"""

# These serve the loader's look-ups, those of `velib status`, and dbt's reading of what is new. Indexes and not keys: dbt makes
# the tables without.
_INDEXES = """
create unique index if not exists loads_by_id on raw.loads (load_id);
create index if not exists loads_by_completion on raw.loads (completed_at);
create index if not exists loads_without_an_end on raw.loads (started_at) where completed_at is null and cleaned_at is null;
create unique index if not exists duplicate_files_pkey on raw.duplicate_files (path);
create index if not exists duplicate_files_by_time on raw.duplicate_files (feed, snapshot_at);
create index if not exists snapshots_by_time on raw.snapshots (feed, snapshot_at, change_set_id);
create index if not exists snapshots_by_file on raw.snapshots (file);
create index if not exists snapshots_by_change_set on raw.snapshots (change_set_id);
create index if not exists station_change_sets_by_id on raw.station_change_sets (change_set_id);
create index if not exists station_attribute_changes_by_change_set
    on raw.station_attribute_changes using brin (change_set_id) with (pages_per_range = 16, autosummarize = on);
create index if not exists bike_change_sets_by_id on raw.bike_change_sets (change_set_id);
"""


def _gap_index() -> str:
    """For counting gaps: what is longer than the var was when the index was made is found through it, another one by reading on."""
    return f"""
    create index if not exists snapshots_after_gap on raw.snapshots (feed, snapshot_at)
        where snapshot_at - previous_snapshot_at > interval '{float(var("gap_seconds"))} seconds';
    """


def _view(name: str) -> str:
    """The view on a table of change sets, which in layouts 1 and 2 was a table itself."""
    return f"raw.{name.removesuffix('_sets')}s"


def _views() -> str:
    """The changes one by one. An array that is null is of a field that the feed never states."""
    return "".join(
        f"""
        create or replace view {_view(name)} as
        select s.change_set_id, c.*
        from raw.{name} s cross join unnest({", ".join(f"s.{each}" for each in changes.names)})
            as c ({", ".join(changes.names)});
        """
        for name, changes in CHANGE_SETS.items()
    )


def _gather(name: str) -> str:
    """From one row a change to one row a change set."""
    columns = CHANGE_SETS[name].names
    arrays = ", ".join(f"array_agg({each} order by {columns[0]})" for each in columns)
    return f"""
    insert into raw.{name} (change_set_id, {", ".join(columns)})
    select change_set_id, {arrays} from {_view(name)} group by change_set_id order by change_set_id;
    drop table {_view(name)} cascade;
    """


# From the version to the next. They run after the tables above have been made.
_MIGRATIONS = {
    # Layout 1 had no raw.loads: what counted was decided by dlt's own list, and the rows of killed loads were never removed.
    1: """
do $$
begin
    if to_regclass('raw._dlt_loads') is not null then
        insert into raw.loads (load_id, started_at, completed_at, first_change_set_id)
        select l.load_id, l.inserted_at, l.inserted_at, coalesce(min(s.change_set_id), 0)
        from raw._dlt_loads l left join raw.snapshots s on s._dlt_load_id = l.load_id
        where l.status = 0
        group by l.load_id, l.inserted_at
        on conflict do nothing;
    end if;
end
$$;
delete from raw.snapshots s where not exists (select from raw.loads l where l.load_id = s._dlt_load_id);
delete from raw.bike_changes c where not exists (select from raw.snapshots s where s.change_set_id = c.change_set_id);
delete from raw.station_changes c where not exists (select from raw.snapshots s where s.change_set_id = c.change_set_id);
delete from raw.station_attribute_changes c
where not exists (select from raw.snapshots s where s.change_set_id = c.change_set_id);
""",
    # Layout 2 had one row a change: three times as large. Views of dbt's on the old tables go with them; a build makes them anew.
    2: _gather("station_change_sets") + _gather("bike_change_sets"),
    # Layout 3 had snapshots counted by whoever asked how many there are.
    3: """
insert into raw.feeds (feed, snapshots)
select s.feed, count(distinct s.snapshot_at)
from raw.snapshots s join raw.loads l on l.load_id = s._dlt_load_id and l.completed_at is not null
group by s.feed;
""",
    # Layout 4 had every change set of every snapshot: what reads them has to know where they were pruned. No table differs.
    4: "select",
    # The very first databases of layout 1 noted no options of reading, and no later migration added the column.
    5: "alter table raw.quarantined_files add column if not exists read_as text;",
    # Layout 6 did not note how names were read. Where they were not read so, none of its files is taken for one that was.
    6: """
insert into raw.name_readings (time_zone, name_time)
select 'Europe/Paris', '' where exists (select from raw.snapshots) on conflict do nothing;
""",
}

_TYPES: dict[pa.DataType, str] = {
    pa.string(): "varchar",
    pa.bool_(): "boolean",
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float64(): "double precision",
    pa.timestamp("us", tz="UTC"): "timestamptz",
}


def ensure(connection: Connection) -> None:
    """Make or migrate the tables of the raw schema. `connection` must be in autocommit mode.

    Raises VelibError when a newer version of the project wrote them.
    """
    with connection.cursor() as cursor:
        # Python's years end at 9999, and another zone than UTC could show one beyond.
        cursor.execute("set time zone 'UTC'")
    if _version(connection) == LAYOUT:
        return
    with connection.cursor() as cursor:
        cursor.execute("begin; select pg_advisory_xact_lock(%s)", (_DDL_LOCK,))
        try:
            version = _version(connection)
            if version is None:
                version = _version_of_tables(connection)
            cursor.execute(
                "create schema if not exists raw;" + _BOOKKEEPING + _change_set_tables() + _INDEXES + _gap_index()
            )
            if version < LAYOUT:  # what an older version of the project is loading at this moment is not dead
                cursor.execute("select pg_advisory_xact_lock(%s)", (LOAD_LOCK,))
            for older in range(version, LAYOUT):
                cursor.execute(_MIGRATIONS[older])
            cursor.execute(_views())
            cursor.execute(
                "insert into raw.layout (version) values (%s) on conflict (only_row) do update set version = excluded.version",
                (LAYOUT,),
            )
            cursor.execute("commit")
        except BaseException:
            cursor.execute("rollback")
            raise


def _version_of_tables(connection: Connection) -> int:
    """The layout where none is written down: of an empty database, of layout 1, or of the empty tables that dbt makes."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            select to_regclass('raw._dlt_loads') is not null,
                exists (select from pg_class where oid = to_regclass('raw.bike_changes') and relkind = 'r')
            """
        )
        is_loaded, has_rows_of_changes = cursor.fetchone()
    if has_rows_of_changes:
        return 1 if is_loaded else 2
    return LAYOUT


def _version(connection: Connection) -> int | None:
    """The layout's version; None where it is not written down: an empty database, one of layout 1, or dbt's empty tables."""
    with connection.cursor() as cursor:
        cursor.execute("select to_regclass('raw.layout') is not null")
        if cursor.fetchone() != (True,):
            return None
        cursor.execute("select version from raw.layout")
        row = cursor.fetchone()
    if row is None:
        return None
    if row[0] > LAYOUT:
        raise VelibError(
            f"a newer version of this project wrote the database (its raw schema has layout {row[0]}, this one knows {LAYOUT}): "
            "update the project"
        )
    return int(row[0])


def _change_set_tables() -> str:
    """dlt would make these too, but each only when it first gets rows for it, and a feed without bikes never has any."""
    statements = []
    for name, schema in TABLES.items():
        columns = [f"{field.name} {_type(field.type)}{'' if field.nullable else ' not null'}" for field in schema]
        if name == "snapshots":
            columns.append("_dlt_load_id varchar not null")
        statements.append(f"create table if not exists raw.{name} ({', '.join(columns)});")
    return "".join(statements)


def _type(arrow_type: pa.DataType) -> str:
    return f"{_TYPES[arrow_type.value_type]}[]" if pa.types.is_list(arrow_type) else _TYPES[arrow_type]
