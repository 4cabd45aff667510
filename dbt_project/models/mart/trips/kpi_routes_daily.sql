{{ config(materialized='view') }}
-- One row a local day, feed, origin and destination between which customers rode. Counted when it is asked for: ask for few days.
-- Each day is bounded by its first moment and the next day's, so that a condition on date_day finds its trips by the index on
-- departed_at.
with bounds as (
    select
        {{ local_day('min(trip.departed_at)') }} as first_day,
        {{ local_day('max(trip.departed_at)') }} as last_day
    from {{ ref('int_trips') }} as trip
),

days as (
    select series.date_day
    from bounds
    cross join lateral ({{ days_between('bounds.first_day', 'bounds.last_day') }}) as series -- noqa: ST05
),

trips as (
    select
        days.date_day,
        trip.feed,
        trip.origin_station_code,
        trip.destination_station_code,
        trip.is_electric,
        {{ whole_seconds_between('trip.departed_at', 'trip.arrived_at') }} as duration_seconds
    from days
    inner join {{ ref('int_trips') }} as trip
        on
            trip.departed_at >= {{ begin_of_day('days.date_day') }}
            and trip.departed_at < {{ begin_of_day('days.date_day + 1') }}
    where {{ is_customer_trip('trip') }}
)

select
    trips.date_day,
    trips.feed,
    trips.origin_station_code,
    trips.destination_station_code,
    cast(count(*) as integer) as trips,
    cast(count(*) filter (where not trips.is_electric) as integer) as trips_mechanical,
    cast(count(*) filter (where trips.is_electric) as integer) as trips_electric,
    cast(sum(trips.duration_seconds) as bigint) as duration_seconds,
    cast(avg(trips.duration_seconds) as double precision) as mean_duration_seconds
from trips
group by trips.date_day, trips.feed, trips.origin_station_code, trips.destination_station_code
