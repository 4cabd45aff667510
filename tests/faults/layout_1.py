"""A database as the first version of the project left it: the raw schema of layout 1, and a mart that knows no guards."""

from __future__ import annotations

from faults.database import Database

# Layout 1, as its loader and dlt made it: what counted was what dlt's own list of loads had.
LAYOUT_1 = """
create schema raw;
create sequence raw.change_set_id_seq as integer;
create table raw.quarantined_files (
    path text not null, content_hash text not null, reason text not null, detail text not null, feed text,
    snapshot_at timestamptz, file_bytes bigint not null, file_modified_ns bigint, first_seen_at timestamptz not null,
    last_seen_at timestamptz not null, resolved_at timestamptz, read_as text, primary key (path, content_hash)
);
create table raw.duplicate_files (
    path text primary key, content_hash text not null, feed text not null, snapshot_at timestamptz not null,
    file_bytes bigint not null, file_modified_ns bigint
);
create table raw.snapshots (
    feed varchar not null, snapshot_at timestamptz not null, previous_snapshot_at timestamptz,
    change_set_id integer not null, format varchar not null, file varchar not null, file_bytes bigint not null,
    file_modified_ns bigint, content_hash varchar not null, station_count integer not null,
    station_without_code_count integer not null, station_listed_twice_count integer not null,
    bike_count integer not null, bike_in_street_count integer not null, bike_listed_twice_count integer not null,
    station_change_count integer not null, bike_change_count integer not null, _dlt_load_id varchar not null
);
create table raw.station_changes (
    change_set_id integer not null, station_code varchar not null, is_listed boolean not null,
    is_relisted boolean not null, state varchar, bikes_available smallint, bikes_mechanical smallint,
    bikes_electric smallint, docks_free smallint, edocks_free smallint, docks_total smallint, edocks_total smallint,
    bikes_overflow smallint, ebikes_overflow smallint, bikes_to_collect smallint, bikes_to_fix smallint,
    density_level smallint, is_renting boolean, is_returning boolean
);
create table raw.station_attribute_changes (
    change_set_id integer not null, station_code varchar not null, name varchar, latitude double precision,
    longitude double precision, capacity smallint, state varchar, station_type varchar, type varchar,
    insee_code varchar, city_name varchar, max_overflow smallint, credit_card varchar, kiosk_state varchar,
    overflow varchar, overflow_activation varchar, is_altitude boolean
);
create table raw.bike_changes (
    change_set_id integer not null, bike_id varchar not null, is_present boolean not null, station_code varchar,
    is_electric boolean, status varchar, dock varchar, battery_percent smallint, rate double precision,
    rates_count integer, last_rated_at varchar, block_cause varchar, latitude double precision,
    longitude double precision
);
create index snapshots_by_time on raw.snapshots (feed, snapshot_at, change_set_id);
create index snapshots_by_file on raw.snapshots (file);
create index snapshots_by_change_set on raw.snapshots (change_set_id);
create index station_changes_by_change_set
    on raw.station_changes using brin (change_set_id) with (pages_per_range = 16, autosummarize = on);
create index station_attribute_changes_by_change_set
    on raw.station_attribute_changes using brin (change_set_id) with (pages_per_range = 16, autosummarize = on);
create index bike_changes_by_change_set on raw.bike_changes (change_set_id);
"""

TABLES = (
    *("snapshots", "station_changes", "station_attribute_changes", "bike_changes"),
    *("quarantined_files", "duplicate_files"),
)


def turn_back(database: Database) -> None:
    """Put what is loaded into the tables of layout 1, with what a killed load left there. Views on the raw schema go."""
    database.rows("alter schema raw rename to today")
    database.rows(LAYOUT_1)
    for table in TABLES:
        columns = ", ".join(
            name
            for (name,) in database.rows(
                "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 order by attnum",
                f"raw.{table}",
            )
        )
        database.rows(f"insert into raw.{table} ({columns}) select {columns} from today.{table}")
    for table in ("_dlt_loads", "_dlt_version"):
        database.rows(f"alter table today.{table} set schema raw")
    database.rows("select setval('raw.change_set_id_seq', nextval('today.change_set_id_seq') + 1)")
    database.rows(
        """
        create temp table dead as select * from raw.snapshots order by change_set_id desc limit 1;
        update dead set _dlt_load_id = 'dead', change_set_id = nextval('raw.change_set_id_seq'),
            snapshot_at = snapshot_at + interval '30 seconds';
        insert into raw.snapshots select * from dead;
        insert into raw.bike_changes (change_set_id, bike_id, is_present) select change_set_id, 'ghost', false from dead;
        """
    )
    database.rows("drop schema today cascade")
    database.rows(
        "alter table if exists intermediate.build_watermarks drop column raw_id, drop column models_version,"
        " drop column vars_fingerprint"
    )
