-- net flow of a station by hour, a week
with flow as (
    select arrived_at as at, 1 as bikes
    from mart.fct_trips
    where destination_station_code = %(station)s and arrived_at >= %(week)s and arrived_at < %(week_end)s
    union all
    select departed_at as at, -1 as bikes
    from mart.fct_trips
    where origin_station_code = %(station)s and departed_at >= %(week)s and departed_at < %(week_end)s
)
select date_trunc('hour', at) as hour_at, sum(bikes) as net
from flow
group by hour_at
order by hour_at
