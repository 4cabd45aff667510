{{ config(materialized='view') }}
-- kpi_station_daily: what was ridden from and to each station on a local day, and what is left of it.
select
    days.feed,
    days.station_code,
    days.date_day,
    days.departures,
    days.departures_mechanical,
    days.departures_electric,
    days.arrivals,
    days.arrivals_mechanical,
    days.arrivals_electric,
    days.arrivals - days.departures as net_flow,
    days.arrivals_mechanical - days.departures_mechanical as net_flow_mechanical,
    days.arrivals_electric - days.departures_electric as net_flow_electric,
    cast(days.arrivals - days.departures as double precision) / nullif(days.arrivals + days.departures, 0) as imbalance
from {{ ref('kpi_station_daily') }} as days
