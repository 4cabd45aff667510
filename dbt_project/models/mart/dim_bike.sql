{{ config(indexes=[{'columns': ['bike_id'], 'unique': true}, {'columns': ['current_station_code']}]) }}
-- One row a bike. Made anew each time from the two ends of each bike's chain: it costs the fleet's size, whatever the
-- history's.
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
            as last_seen_at
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
)

select
    ranked.bike_id,
    {{ bike_type('ranked.is_electric') }} as bike_type,
    ranked.first_seen_anywhere_at as first_seen_at,
    ranked.last_seen_at,
    case when ranked.valid_to = {{ forever() }} then ranked.station_code end as current_station_code,
    ranked.bike_status as current_status,
    cast(ranked.battery_percent as integer) as current_battery_percent
from ranked
where ranked.latest_first = 1
