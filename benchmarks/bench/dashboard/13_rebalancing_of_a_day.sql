-- rebalancing of a day: from where to where
select origin_station_code, destination_station_code, departed_at, count(*) as bikes
from mart.fct_trips
where trip_type = 'rebalancing' and departed_at >= %(day)s and departed_at < %(day_end)s
group by origin_station_code, destination_station_code, departed_at
order by bikes desc
