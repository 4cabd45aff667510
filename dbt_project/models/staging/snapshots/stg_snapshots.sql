-- A row of raw.snapshots counts when the load that wrote it is complete. Of several complete ones for a feed and capture time
-- (a late file rewrites its successor's) the last to be loaded counts; which one that is, int_snapshots settles.
with loads as (
    select
        load_id,
        started_at
    from {{ source('raw', 'loads') }}
    where completed_at is not null
),

snapshots as (
    select * from {{ source('raw', 'snapshots') }}
)

select
    cast(snapshots.feed as text) as feed,
    snapshots.snapshot_at,
    snapshots.previous_snapshot_at,
    snapshots.change_set_id,
    cast(snapshots.format as text) as snapshot_format,
    cast(snapshots.file as text) as file_path,
    snapshots.file_bytes,
    coalesce(to_timestamp(snapshots.file_modified_ns / 1e9), loads.started_at) as landed_at,
    cast(snapshots.content_hash as text) as content_hash,
    snapshots.station_count,
    snapshots.station_without_code_count,
    snapshots.station_listed_twice_count,
    snapshots.bike_count,
    snapshots.bike_in_street_count,
    snapshots.bike_listed_twice_count
from snapshots
inner join loads on snapshots._dlt_load_id = loads.load_id
