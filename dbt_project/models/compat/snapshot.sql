-- The first generation's snapshot table: one row a capture time, whatever the feed. Paris local time, without zone.
select distinct
    {{ epoch_seconds('snapshots.snapshot_at') }} as snapshot_id,
    {{ local_time('snapshots.snapshot_at') }} as timestamp_capture
from {{ ref('int_snapshots') }} as snapshots
