{{ config(tags=['full']) }}
-- Catches change sets that were skipped, or that count although their load was killed or overtaken: the snapshots that count
-- are, of each feed and capture time, the last of a complete load. It is not about loads completed since the build: those
-- wait for the next.
with watermark as (
    select built.change_set_id
    from intermediate.build_watermarks as built
    where built.model_name = 'int_snapshots'
),

loaded as (
    select
        snapshots.feed,
        snapshots.snapshot_at,
        max(snapshots.change_set_id) as change_set_id
    from {{ source('raw', 'snapshots') }} as snapshots
    inner join {{ source('raw', 'loads') }} as loads on snapshots._dlt_load_id = loads.load_id
    where loads.completed_at is not null and snapshots.change_set_id <= (select watermark.change_set_id from watermark)
    group by snapshots.feed, snapshots.snapshot_at
)

select
    loaded.feed,
    loaded.snapshot_at,
    loaded.change_set_id as loaded_change_set_id,
    counting.feed as counting_feed,
    counting.snapshot_at as counting_snapshot_at,
    counting.change_set_id as counting_change_set_id
from loaded
full outer join {{ ref('int_snapshots') }} as counting
    on loaded.feed = counting.feed and loaded.snapshot_at = counting.snapshot_at
where loaded.change_set_id is distinct from counting.change_set_id
