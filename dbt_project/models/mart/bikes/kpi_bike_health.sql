{{ config(materialized='view') }}
-- One row a bike: what is wrong with it now, as of the newest snapshot of its feed. Of a bike that several feeds have listed
-- the one with the newest snapshot says how it was used. Steps:
--   1. the feed of each bike, and that feed's newest snapshot;
--   2. its last trip, through its index; since when it has been blocked, or where it was last; its boomerangs of the last days;
--   3. its speed in this month and the last, and that of all bikes of its type;
--   4. what is wrong, and how grave that is.
with feeds as (
    select
        latest.feed,
        latest.feed_last_at as as_of_at,
        {{ month_of(local_day('latest.feed_last_at')) }} as date_month,
        row_number() over (order by latest.feed_last_at, latest.feed) as newness
    from ({{ last_snapshots() }}) as latest
),

feeds_of_bikes as (
    select
        listed.bike_id,
        max(feeds.newness) as newness
    from {{ ref('int_bikes') }} as listed
    inner join feeds on listed.feed = feeds.feed
    group by listed.bike_id
),

boomerangs as (
    select
        returned.feed,
        returned.bike_id,
        count(*) as boomerangs
    from feeds
    inner join {{ ref('int_trips') }} as returned
        on
            feeds.feed = returned.feed
            and returned.departed_at > {{ hours_after('feeds.as_of_at', '-' ~ 24 * var('bike_boomerang_days')) }}
    where returned.trip_type = 'boomerang'
    group by returned.feed, returned.bike_id
),

measured as (
    select
        used.feed,
        used.bike_id,
        {{ type_of_most('sum(used.moves_mechanical)', 'sum(used.moves_electric)') }} as bike_type,
        sum(used.measured_seconds) as seconds,
        sum(used.measured_m) as metres
    from feeds
    inner join {{ ref('int_bike_usage') }} as used
        on
            feeds.feed = used.feed
            and feeds.date_month >= used.period_start
            and {{ month_of('feeds.date_month - 1') }} <= used.period_start
    where used.period = 'month'
    group by used.feed, used.bike_id
),

network_speeds as (
    select
        measured.feed,
        measured.bike_type,
        3.6 * sum(measured.metres) / nullif(sum(measured.seconds), 0) as speed_kmh
    from measured
    group by measured.feed, measured.bike_type
),

bikes as (
    select
        dim.bike_id,
        dim.bike_type,
        dim.last_seen_at,
        dim.current_status,
        dim.current_block_cause,
        dim.current_station_code,
        dim.current_since_at,
        dim.current_battery_percent,
        home.as_of_at,
        dim.current_since_at is not null as is_there,
        {{ seconds_between('dim.last_seen_at', 'home.as_of_at') }} as unseen_seconds,
        last_trips.arrived_at as last_trip_at,
        greatest(last_trips.arrived_at, dim.first_seen_at) as idle_since_at,
        case when dim.current_since_at is null then places.station_code end as last_station_code,
        case when dim.current_since_at is null then places.dock end as last_dock,
        case when dim.current_since_at is null then places.valid_from end as last_since_at,
        case when dim.current_since_at is not null then places.valid_from end as blocked_since_at,
        cast(coalesce(boomerangs.boomerangs, 0) as integer) as boomerangs,
        cast(coalesce(own.trips, 0) as integer) as measured_trips,
        cast(own.speed_kmh as double precision) as speed_kmh,
        cast(network_speeds.speed_kmh as double precision) as network_speed_kmh,
        cast(own.speed_kmh / nullif(network_speeds.speed_kmh, 0) as double precision) as speed_ratio
    from {{ ref('dim_bike') }} as dim
    inner join feeds_of_bikes on dim.bike_id = feeds_of_bikes.bike_id
    inner join feeds as home on feeds_of_bikes.newness = home.newness
    left join lateral (
        select trips.arrived_at
        from {{ ref('int_trips') }} as trips
        where trips.bike_id = dim.bike_id and trips.feed = home.feed and {{ is_customer_trip('trips') }}
        order by trips.first_seen_at desc
        limit 1
    ) as last_trips on true
    left join lateral (
        select
            locations.station_code,
            locations.dock,
            locations.valid_from
        from {{ ref('int_bike_locations') }} as locations
        where
            (dim.current_status = 'indisponible' or dim.current_since_at is null)
            and locations.bike_id = dim.bike_id
            and locations.feed = home.feed
        order by locations.valid_from desc
        limit 1
    ) as places on true
    left join boomerangs on dim.bike_id = boomerangs.bike_id and home.feed = boomerangs.feed
    -- A bike's own through the index: of how many bikes there are the planner has no idea, and would compare each with each.
    left join lateral (
        select
            {{ type_of_most('sum(used.moves_mechanical)', 'sum(used.moves_electric)') }} as bike_type,
            sum(used.measured_trips) as trips,
            3.6 * sum(used.measured_m) / nullif(sum(used.measured_seconds), 0) as speed_kmh
        from {{ ref('int_bike_usage') }} as used
        where
            used.bike_id = dim.bike_id
            and used.feed = home.feed
            and used.period = 'month'
            and used.period_start <= home.date_month
            and used.period_start >= {{ month_of('home.date_month - 1') }}
        having count(*) > 0
    ) as own on true
    left join network_speeds
        on
            home.feed = network_speeds.feed
            and own.bike_type is not distinct from network_speeds.bike_type
            and own.trips is not null
),

judged as (
    select
        bikes.*,
        bikes.unseen_seconds > {{ var('bike_gone_days') * 86400 }} as is_gone,
        bikes.unseen_seconds > {{ var('bike_missing_seconds') }} and bikes.unseen_seconds <= {{ var('bike_gone_days') * 86400 }}
            as is_missing,
        bikes.is_there and coalesce(bikes.current_status = 'indisponible', false) as is_blocked,
        bikes.boomerangs >= {{ var('bike_boomerangs') }} as has_boomerangs,
        bikes.measured_trips >= {{ var('bike_slow_trips') }} and coalesce(bikes.speed_ratio < {{ var('bike_slow_share') }}, false)
            as is_slow,
        case when bikes.is_there then {{ seconds_between('bikes.idle_since_at', 'bikes.as_of_at') }} end as idle_seconds
    from bikes
),

named as (
    select
        judged.*,
        coalesce(judged.idle_seconds >= {{ var('bike_idle_days') * 86400 }}, false) as is_idle
    from judged
)

select
    named.bike_id,
    named.bike_type,
    named.as_of_at,
    cast(
        case
            when named.is_gone then 0
            when named.is_missing or named.is_blocked then 3
            when named.has_boomerangs then 2
            when named.is_slow or named.is_idle then 1
            else 0
        end as smallint
    ) as severity,
    case
        when not named.is_gone
            then nullif(
                concat_ws(
                    ', ',
                    case when named.is_missing then 'missing' end,
                    case when named.is_blocked then 'blocked' end,
                    case when named.has_boomerangs then 'boomerangs' end,
                    case when named.is_slow then 'slow' end,
                    case when named.is_idle then 'idle' end
                ),
                ''
            )
    end as reasons,
    named.is_missing,
    named.is_gone,
    named.is_blocked,
    named.has_boomerangs,
    named.is_slow,
    named.is_idle,
    named.last_seen_at,
    named.unseen_seconds / 86400 as unseen_days,
    named.current_status,
    case when named.is_blocked then named.current_block_cause end as block_cause,
    named.blocked_since_at,
    {{ seconds_between('named.blocked_since_at', 'named.as_of_at') }} / 86400 as blocked_days,
    named.boomerangs,
    named.measured_trips,
    named.speed_kmh,
    named.network_speed_kmh,
    named.speed_ratio,
    named.last_trip_at,
    case when named.is_there then named.idle_since_at end as idle_since_at,
    named.idle_seconds / 86400 as idle_days,
    named.current_station_code,
    case when named.is_there then stations.name end as current_station_name,
    named.last_station_code,
    case when not named.is_there then stations.name end as last_station_name,
    named.last_dock,
    named.last_since_at,
    stations.latitude,
    stations.longitude,
    stations.district_code,
    stations.district_name,
    named.current_since_at,
    named.current_battery_percent
from named
left join {{ ref('dim_station') }} as stations
    on coalesce(named.current_station_code, named.last_station_code) = stations.station_code
