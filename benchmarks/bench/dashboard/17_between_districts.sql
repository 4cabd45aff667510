-- trips between two districts, a month
select date_trunc('day', trip.departed_at, 'Europe/Paris') as day_at, count(*) as trips
from mart.dim_station as origin
inner join mart.fct_trips as trip on origin.station_code = trip.origin_station_code
inner join mart.dim_station as destination on trip.destination_station_code = destination.station_code
where
    origin.district_code = %(district)s and destination.district_code = %(other_district)s
    and trip.is_customer_trip and trip.departed_at >= %(month)s and trip.departed_at < %(month_end)s
group by day_at
order by day_at
