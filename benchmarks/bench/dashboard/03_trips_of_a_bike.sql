-- a bike's last 50 trips
select departed_at, arrived_at, origin_station_code, destination_station_code, trip_type, distance_m
from mart.fct_trips
where feed = %(feed)s and bike_id = %(bike)s
order by first_seen_at desc
limit 50
