-- net flow of a station by hour, a week
select hour_at, net_flow, departures, arrivals
from mart.kpi_station_hourly
where feed = %(feed)s and station_code = %(station)s and hour_at >= %(week)s and hour_at < %(week_end)s
order by hour_at
