-- departures and arrivals by hour of a day, the network
select hour_of_day, sum(departures) as departures, sum(arrivals) as arrivals
from mart.kpi_network_hourly
where feed = %(feed)s and hour_at >= %(day)s and hour_at < %(day_end)s
group by hour_of_day
order by hour_of_day
