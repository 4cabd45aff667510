{{ config(tags=['full']) }}
-- Catches a last trip that is not the last, and boomerangs of other days: what a bike's row says of its use, its trips say
-- too. It is not about bikes of two feeds.
with feeds_of_bikes as (
    select
        seen.bike_id,
        count(*) as feed_count
    from {{ ref('int_bikes') }} as seen
    group by seen.bike_id
),

counted as (
    select
        bikes.bike_id,
        max(trips.arrived_at) filter (where trips.is_customer_trip) as last_trip_at,
        count(*) filter (
            where
            trips.trip_type = 'boomerang'
            and {{ seconds_between('trips.departed_at', 'bikes.as_of_at') }} < {{ 86400 * var('bike_boomerang_days') }}
        ) as boomerangs
    from {{ ref('kpi_bike_health') }} as bikes
    inner join feeds_of_bikes on bikes.bike_id = feeds_of_bikes.bike_id and feeds_of_bikes.feed_count = 1
    left join {{ ref('fct_trips') }} as trips on bikes.bike_id = trips.bike_id
    group by bikes.bike_id
)

select
    bikes.bike_id,
    bikes.last_trip_at,
    bikes.boomerangs
from {{ ref('kpi_bike_health') }} as bikes
inner join counted on bikes.bike_id = counted.bike_id
where bikes.last_trip_at is distinct from counted.last_trip_at or bikes.boomerangs <> counted.boomerangs
