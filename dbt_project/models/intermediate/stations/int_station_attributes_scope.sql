-- The snapshots whose statements int_station_attributes has to write anew. The row without a feed carries the horizon.
select
    cast(null as text) as feed,
    cast(null as timestamptz) as snapshot_at,
    coalesce(max(snapshots.change_set_id), 0) as horizon
from {{ ref('int_snapshots') }} as snapshots
{% if is_built('int_station_attributes') %}
    union all
    select
        snapshots.feed,
        snapshots.snapshot_at,
        snapshots.change_set_id as horizon
    from {{ ref('int_snapshots') }} as snapshots
    where snapshots.change_set_id > {{ applied_through('int_station_attributes') }}
{% endif %}
