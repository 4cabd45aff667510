-- top routes of a month
select origin_station_code, destination_station_code, count(*) as trips
from mart.fct_trips
where is_customer_trip and departed_at >= %(month)s and departed_at < %(month_end)s
group by origin_station_code, destination_station_code
order by trips desc, origin_station_code, destination_station_code
limit 20
