{{ config(materialized='view') }}
-- One row a local day, feed, type of bike, type of movement and stretch of five minutes in which there are movements. What takes
-- three hours or longer is in one stretch, without an end.
with durations as (
    select
        daily.*,
        cast(5 * least(daily.duration_seconds / 300, 36) as integer) as from_minutes
    from {{ ref('int_trip_durations_daily') }} as daily
)

select
    durations.date_day,
    durations.feed,
    {{ bike_type('durations.is_electric') }} as bike_type,
    durations.trip_type,
    {{ is_customer_trip('durations') }} as is_customer_trip,
    durations.from_minutes,
    case when durations.from_minutes < 180 then durations.from_minutes + 5 end as to_minutes,
    cast(sum(durations.trips) as integer) as trips
from durations
group by durations.date_day, durations.feed, durations.is_electric, durations.trip_type, durations.from_minutes
