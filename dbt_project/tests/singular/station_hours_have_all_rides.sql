{{ config(tags=['full']) }}
-- Catches a ride that a late file took back or added without its hours: each station's hours have the rides of fct_trips.
with ends as (
    select
        trips.feed,
        trips.origin_station_code as station_code,
        {{ hour_of('trips.departed_at') }} as hour_at,
        1 as departures,
        0 as arrivals,
        trips.bike_type
    from {{ ref('fct_trips') }} as trips
    where trips.is_customer_trip
    union all
    select
        trips.feed,
        trips.destination_station_code as station_code,
        {{ hour_of('trips.arrived_at') }} as hour_at,
        0 as departures,
        1 as arrivals,
        trips.bike_type
    from {{ ref('fct_trips') }} as trips
    where trips.is_customer_trip
),

rides as (
    select
        ends.feed,
        ends.station_code,
        ends.hour_at,
        sum(ends.departures) as departures,
        sum(ends.arrivals) as arrivals,
        sum(ends.departures) filter (where ends.bike_type = 'electric') as departures_electric,
        sum(ends.arrivals) filter (where ends.bike_type = 'mechanical') as arrivals_mechanical
    from ends
    group by ends.feed, ends.station_code, ends.hour_at
)

select
    coalesce(rides.feed, hours.feed) as feed,
    coalesce(rides.station_code, hours.station_code) as station_code,
    coalesce(rides.hour_at, hours.hour_at) as hour_at
from rides
full outer join {{ ref('kpi_station_hourly') }} as hours
    on rides.feed = hours.feed and rides.station_code = hours.station_code and rides.hour_at = hours.hour_at
where
    {% for column in ['departures', 'arrivals', 'departures_electric', 'arrivals_mechanical'] %}
        coalesce(rides.{{ column }}, 0) <> coalesce(hours.{{ column }}, 0){{ ' or' if not loop.last }}
    {% endfor %}
