{{ config(materialized='view') }}
-- int_network_hourly (incremental), with what follows from its columns.
select
    hours.feed,
    hours.hour_at,
    hours.date_day,
    hours.hour_of_day,
    hours.stations_observed,
    {{ sums_with_known_rides('hours', hour_is_listed('hours')) }},
    {{ station_rates('hours') }},
    case when {{ hour_is_listed('hours') }} then hours.arrivals - hours.departures end as net_flow
from {{ ref('int_network_hourly') }} as hours
inner join {{ ref('int_bikes_listed') }} as listed on hours.feed = listed.feed
