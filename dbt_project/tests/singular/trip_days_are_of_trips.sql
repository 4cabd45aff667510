{{ config(tags=['full']) }}
-- Catches changes of int_trips that were applied twice, or not, and days that were not made anew: the figures of a day are those
-- of its movements.
with movements as (
    select
        {{ local_day('trips.departed_at') }} as date_day,
        trips.feed,
        trips.bike_type,
        trips.trip_type,
        floor(trips.duration_seconds) as duration_seconds,
        round(trips.distance_m) as distance_m
    from {{ ref('fct_trips') }} as trips
),

counted as (
    select
        movements.date_day,
        movements.feed,
        movements.bike_type,
        movements.trip_type,
        count(*) as trips,
        sum(movements.duration_seconds) as duration_seconds,
        percentile_cont(0.5) within group (order by movements.duration_seconds) as median_duration_seconds,
        count(movements.distance_m) as trips_with_distance,
        sum(movements.distance_m) as distance_m
    from movements
    group by movements.date_day, movements.feed, movements.bike_type, movements.trip_type
)

{{ differing_rows('counted', ref('kpi_trips_daily'), [
    'date_day', 'feed', 'bike_type', 'trip_type', 'trips', 'duration_seconds', 'median_duration_seconds',
    'trips_with_distance', 'distance_m',
]) }}
