{{ config(materialized='view') }}
-- int_station_hourly (incremental), with what follows from its columns.
select
    hours.feed,
    hours.station_code,
    hours.hour_at,
    {{ local_day('hours.hour_at') }} as date_day,
    {{ local_hour('hours.hour_at') }} as hour_of_day,
    {{ columns_of('hours', station_hour_sums()) }},
    {{ station_rates('hours') }},
    hours.fill_rate_min,
    hours.fill_rate_max,
    cast(hours.arrivals - hours.departures as integer) as net_flow
from {{ ref('int_station_hourly') }} as hours
