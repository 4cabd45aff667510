{{ config(tags=['full']) }}
-- Catches changes of int_trips that were applied twice to a route, or not: its figures are those of its trips.
with counted as (
    select
        {{ month_of(local_day('trips.departed_at')) }} as date_month,
        trips.feed,
        trips.origin_station_code,
        trips.destination_station_code,
        count(*) as trips,
        count(*) filter (where trips.bike_type = 'mechanical') as trips_mechanical,
        count(*) filter (where trips.bike_type = 'electric') as trips_electric,
        sum(floor(trips.duration_seconds)) as duration_seconds
    from {{ ref('fct_trips') }} as trips
    where trips.is_customer_trip
    group by {{ month_of(local_day('trips.departed_at')) }}, trips.feed, trips.origin_station_code, trips.destination_station_code
)

{{ differing_rows('counted', ref('kpi_routes_monthly'), [
    'date_month', 'feed', 'origin_station_code', 'destination_station_code', 'trips', 'trips_mechanical',
    'trips_electric', 'duration_seconds',
]) }}
