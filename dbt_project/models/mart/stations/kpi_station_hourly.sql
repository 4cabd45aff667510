{{ config(materialized='view') }}
-- int_station_hourly (incremental), with what follows from its columns.
select
    hours.feed,
    hours.station_code,
    hours.hour_at,
    {{ local_day('hours.hour_at') }} as date_day,
    {{ local_hour('hours.hour_at') }} as hour_of_day,
    {{ sums_with_known_rides('hours', hour_is_listed('hours')) }},
    {{ station_rates('hours') }},
    hours.fill_rate_min,
    hours.fill_rate_max,
    case when {{ hour_is_listed('hours') }} then cast(hours.arrivals - hours.departures as integer) end as net_flow
from {{ ref('int_station_hourly') }} as hours
inner join {{ ref('int_bikes_listed') }} as listed on hours.feed = listed.feed
