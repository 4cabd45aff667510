{{ config(tags=['full']) }}
-- Catches a ride that counts at no station, or at two: on each local day as many begin at the stations as kpi_trips_daily has, of
-- each type of bike. Where they end, another day may have begun.
with flows as (
    select
        flows.feed,
        flows.date_day,
        sum(flows.departures) as departures,
        sum(flows.departures_mechanical) as departures_mechanical,
        sum(flows.departures_electric) as departures_electric
    from {{ ref('kpi_station_flow_daily') }} as flows
    group by flows.feed, flows.date_day
),

rides as (
    select
        trips.feed,
        trips.date_day,
        sum(trips.trips) as departures,
        sum(trips.trips) filter (where trips.bike_type = 'mechanical') as departures_mechanical,
        sum(trips.trips) filter (where trips.bike_type = 'electric') as departures_electric
    from {{ ref('kpi_trips_daily') }} as trips
    where trips.is_customer_trip
    group by trips.feed, trips.date_day
)

select
    coalesce(flows.feed, rides.feed) as feed,
    coalesce(flows.date_day, rides.date_day) as date_day
from flows
full outer join rides on flows.feed = rides.feed and flows.date_day = rides.date_day
where
    {% for column in ['departures', 'departures_mechanical', 'departures_electric'] %}
        coalesce(flows.{{ column }}, 0) <> coalesce(rides.{{ column }}, 0){{ ' or' if not loop.last }}
    {% endfor %}
