{{ config(materialized='view') }}
-- int_trips (incremental), with what follows from its columns.
select
    {{ hashed_id("trips.feed || '|' || trips.bike_id || '|' || " ~ epoch_microseconds('trips.first_seen_at')) }} as trip_id,
    trips.feed,
    trips.bike_id,
    {{ bike_type('trips.is_electric') }} as bike_type,
    trips.origin_station_code,
    trips.destination_station_code,
    trips.last_seen_at,
    trips.first_missing_at,
    trips.last_missing_at,
    trips.first_seen_at,
    trips.departed_at,
    trips.arrived_at,
    greatest({{ seconds_between('trips.first_missing_at', 'trips.last_missing_at') }}, 0) as duration_min_seconds,
    {{ seconds_between('trips.last_seen_at', 'trips.first_seen_at') }} as duration_max_seconds,
    {{ seconds_between('trips.departed_at', 'trips.arrived_at') }} as duration_seconds,
    cast(trips.distance_m as double precision) as distance_m,
    3.6 * trips.distance_m / {{ seconds_between('trips.last_seen_at', 'trips.first_seen_at') }} as speed_min_kmh,
    trips.trip_type,
    trips.trip_type in ('trip', 'round_trip') as is_customer_trip
from {{ ref('int_trips') }} as trips
