{{ config(tags=['full']) }}
-- Catches a late file whose successor was not rewritten: each snapshot's predecessor is its neighbour in time. It is not about
-- collection gaps, which are no error.
select neighbours.*
from (
    select
        snapshots.feed,
        snapshots.snapshot_at,
        snapshots.previous_snapshot_at,
        lag(snapshots.snapshot_at) over (partition by snapshots.feed order by snapshots.snapshot_at) as neighbour_at
    from {{ ref('fct_snapshots') }} as snapshots
) as neighbours
where neighbours.previous_snapshot_at is distinct from neighbours.neighbour_at
