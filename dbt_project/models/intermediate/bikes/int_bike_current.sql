{{ config(
    materialized='incremental',
    incremental_strategy='replace_all',
    unique_key=['bike_id'],
    on_schema_change='fail',
    indexes=[{'columns': ['bike_id'], 'unique': true}, {'columns': ['current_station_code']}],
    post_hook="{{ analyze_when_new() }}",
) }}
-- One row a bike, as the files tell. Made anew each time from the two ends of each bike's chain: it costs the fleet's size,
-- whatever the history's. Where the current stay began is found backwards from the last location, through the locations of that
-- stay alone. Of a bike that its feed's newest snapshot lists, when it was last seen is not written down: it would be another row
-- each time.
with chains as (
    select
        bikes.feed,
        bikes.bike_id,
        earliest.valid_from as first_seen_at,
        latest.*,
        feeds.feed_last_at
    from {{ ref('int_bikes') }} as bikes
    inner join ({{ last_snapshots() }}) as feeds on bikes.feed = feeds.feed
    cross join lateral (
        select locations.valid_from
        from {{ ref('int_bike_locations') }} as locations
        where locations.bike_id = bikes.bike_id and locations.feed = bikes.feed
        order by locations.valid_from
        limit 1
    ) as earliest
    cross join lateral (
        select
            locations.station_code,
            locations.bike_status,
            locations.block_cause,
            locations.is_electric,
            locations.battery_percent,
            locations.valid_from,
            locations.valid_to
        from {{ ref('int_bike_locations') }} as locations
        where locations.bike_id = bikes.bike_id and locations.feed = bikes.feed
        order by locations.valid_from desc
        limit 1
    ) as latest
),

-- The last snapshot before the bike was known to be gone, or of all; when its station was unobserved then, the last that
-- listed it.
last_moments as (
    select
        chains.*,
        coalesce(left_snapshots.previous_snapshot_at, chains.feed_last_at) as observed_until
    from chains
    left join {{ ref('int_snapshots') }} as left_snapshots
        on chains.feed = left_snapshots.feed and chains.valid_to = left_snapshots.snapshot_at
),

seen as (
    select
        last_moments.*,
        case when unobserved.valid_from is null then last_moments.observed_until else unlisted.previous_snapshot_at end
            as last_seen_at,
        last_moments.valid_to = {{ forever() }} and unobserved.valid_from is null as is_in_sight
    from last_moments
    left join {{ ref('int_station_absences') }} as unobserved
        on
            last_moments.station_code = unobserved.station_code
            and last_moments.feed = unobserved.feed
            and last_moments.observed_until >= unobserved.valid_from
            and last_moments.observed_until < unobserved.valid_to
    left join {{ ref('int_snapshots') }} as unlisted
        on unobserved.feed = unlisted.feed and unobserved.valid_from = unlisted.snapshot_at
),

ranked as (
    select
        seen.*,
        min(seen.first_seen_at) over (partition by seen.bike_id) as first_seen_anywhere_at,
        row_number() over (partition by seen.bike_id order by seen.last_seen_at desc, seen.feed desc) as latest_first
    from seen
),

-- The location before the last: mostly in another place, or earlier.
current_bikes as (
    select
        ranked.*,
        ranked.valid_to = {{ forever() }} as is_there,
        coalesce(
            before.valid_to = ranked.valid_from and before.station_code is not distinct from ranked.station_code, false
        ) as has_stayed
    from ranked
    left join lateral (
        select
            locations.station_code,
            locations.valid_to
        from {{ ref('int_bike_locations') }} as locations
        where
            ranked.valid_to = {{ forever() }}
            and locations.bike_id = ranked.bike_id
            and locations.feed = ranked.feed
            and locations.valid_from < ranked.valid_from
        order by locations.valid_from desc
        limit 1
    ) as before on true
    where ranked.latest_first = 1
)

select
    bikes.bike_id,
    bikes.feed,
    {{ bike_type('bikes.is_electric') }} as bike_type,
    bikes.first_seen_anywhere_at as first_seen_at,
    case when not bikes.is_in_sight then bikes.last_seen_at end as last_seen_at,
    case when bikes.is_there then bikes.station_code end as current_station_code,
    case when bikes.is_there then coalesce(stays.valid_from, bikes.valid_from) end as current_since_at,
    bikes.bike_status as current_status,
    bikes.block_cause as current_block_cause,
    cast(bikes.battery_percent as integer) as current_battery_percent
from current_bikes as bikes
-- Backwards to the first location that no other of the same place leads up to.
left join lateral (
    select stayed.valid_from
    from {{ ref('int_bike_locations') }} as stayed
    left join lateral (
        select
            locations.station_code,
            locations.valid_to
        from {{ ref('int_bike_locations') }} as locations
        where
            locations.bike_id = stayed.bike_id
            and locations.feed = stayed.feed
            and locations.valid_from < stayed.valid_from
        order by locations.valid_from desc
        limit 1
    ) as before on true
    where
        bikes.has_stayed
        and stayed.bike_id = bikes.bike_id
        and stayed.feed = bikes.feed
        and (
            before.valid_to is distinct from stayed.valid_from
            or before.station_code is distinct from stayed.station_code
        )
    order by stayed.valid_from desc
    limit 1
) as stays on true
