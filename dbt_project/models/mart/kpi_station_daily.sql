{{ config(materialized='view') }}
-- int_station_daily (incremental), with what follows from its columns.
select
    days.feed,
    days.station_code,
    days.date_day,
    {{ columns_of('days', station_hour_sums()) }},
    {{ station_rates('days') }},
    days.fill_rate_min,
    days.fill_rate_max,
    days.arrivals - days.departures as net_flow
from {{ ref('int_station_daily') }} as days
