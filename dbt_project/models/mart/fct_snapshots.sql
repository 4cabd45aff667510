{{ config(materialized='view') }}
-- One row a feed and snapshot that counts.
select
    snapshots.feed,
    snapshots.snapshot_at,
    snapshots.previous_snapshot_at,
    snapshots.gap_seconds,
    snapshots.is_after_gap,
    snapshots.station_count,
    snapshots.station_without_code_count,
    snapshots.station_listed_twice_count,
    snapshots.bike_count,
    snapshots.bike_in_street_count,
    snapshots.bike_listed_twice_count,
    snapshots.snapshot_format,
    snapshots.file_path
from {{ ref('int_snapshots') }} as snapshots
