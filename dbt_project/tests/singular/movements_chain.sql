{{ config(tags=['full']) }}
-- Catches a movement that was lost, doubled or kept from an earlier state of the archive: a bike leaves from where it came
-- to, and not before it was seen there.
select chained.*
from (
    select
        trips.trip_id,
        trips.origin_station_code,
        trips.last_seen_at,
        lag(trips.destination_station_code) over bike_trips as came_to_station_code,
        lag(trips.first_seen_at) over bike_trips as came_at
    from {{ ref('fct_trips') }} as trips
    window bike_trips as (partition by trips.feed, trips.bike_id order by trips.first_seen_at)
) as chained
where chained.last_seen_at < chained.came_at or chained.origin_station_code <> chained.came_to_station_code
