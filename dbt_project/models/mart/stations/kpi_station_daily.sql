{{ config(materialized='view') }}
-- int_station_daily (incremental), with what follows from its columns.
select
    days.feed,
    days.station_code,
    days.date_day,
    {{ sums_with_known_rides('days', day_is_listed('days')) }},
    {{ station_rates('days') }},
    days.fill_rate_min,
    days.fill_rate_max,
    case when {{ day_is_listed('days') }} then days.arrivals - days.departures end as net_flow
from {{ ref('int_station_daily') }} as days
inner join {{ ref('int_bikes_listed') }} as listed on days.feed = listed.feed
