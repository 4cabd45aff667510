{{ config(materialized='view') }}
-- One row a bike: what the files tell (int_bike_current), as it was corrected; without those that a correction hides, with those
-- that one adds. A view, so that a correction is seen at once.
select
    told.bike_id,
    {{ corrected('bike_type') }} as bike_type,
    told.first_seen_at,
    coalesce(told.last_seen_at, feeds.feed_last_at) as last_seen_at,
    told.current_station_code,
    told.current_since_at,
    told.current_status,
    told.current_block_cause,
    told.current_battery_percent
from {{ ref('int_bike_current') }} as told
inner join ({{ last_snapshots() }}) as feeds on told.feed = feeds.feed
left join {{ ref('int_bike_corrections') }} as corrected on told.bike_id = corrected.bike_id
where corrected.is_there is distinct from false
union all
select
    added.bike_id,
    added.bike_type,
    cast(null as timestamptz) as first_seen_at,
    cast(null as timestamptz) as last_seen_at,
    cast(null as text) as current_station_code,
    cast(null as timestamptz) as current_since_at,
    cast(null as text) as current_status,
    cast(null as text) as current_block_cause,
    cast(null as integer) as current_battery_percent
from {{ ref('int_bike_corrections') }} as added
where
    added.is_there
    and not exists (
        select 1
        from {{ ref('int_bike_current') }} as told
        where told.bike_id = added.bike_id
    )
