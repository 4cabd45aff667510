{{ config(materialized='view') }}
-- One row a feed and snapshot that counts. Of identical copies of its file the one whose path sorts first, by code point, is
-- named: which of them was loaded, and which are duplicates, is chance.
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
    least(
        {{ by_code_point('snapshots.file_path') }},
        -- Not a join: who does not ask for the path does not pay for it.
        (
            select min({{ by_code_point('copies.file_path') }})
            from {{ ref('stg_duplicate_files') }} as copies
            inner join {{ ref('stg_snapshots') }} as loaded on copies.content_hash = loaded.content_hash
            where
                copies.feed = snapshots.feed
                and copies.snapshot_at = snapshots.snapshot_at
                and loaded.change_set_id = snapshots.change_set_id
        )
    ) as file_path
from {{ ref('int_snapshots') }} as snapshots
