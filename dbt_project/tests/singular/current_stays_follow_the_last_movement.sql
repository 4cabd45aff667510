{{ config(tags=['full']) }}
-- Catches a stay that begins at a change of dock or status, or before the bike's last ride: a bike that stands in a station has
-- stood there since its last movement. It is not about bikes of two feeds.
with feeds_of_bikes as (
    select
        seen.bike_id,
        count(*) as feed_count
    from {{ ref('int_bikes') }} as seen
    group by seen.bike_id
),

latest as (
    select
        trips.bike_id,
        max(trips.first_seen_at) as first_seen_at
    from {{ ref('fct_trips') }} as trips
    group by trips.bike_id
)

select
    bikes.bike_id,
    bikes.current_since_at,
    latest.first_seen_at
from {{ ref('int_bike_current') }} as bikes
inner join feeds_of_bikes on bikes.bike_id = feeds_of_bikes.bike_id
inner join latest on bikes.bike_id = latest.bike_id
where
    bikes.current_station_code is not null
    and feeds_of_bikes.feed_count = 1
    and bikes.current_since_at <> latest.first_seen_at
