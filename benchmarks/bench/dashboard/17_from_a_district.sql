-- trips from a district to each other, a month
select destination.district_code, sum(route.trips) as trips
from mart.dim_station as origin
inner join mart.kpi_routes_monthly as route on origin.station_code = route.origin_station_code
inner join mart.dim_station as destination on route.destination_station_code = destination.station_code
where
    origin.district_code = %(district)s
    and route.feed = %(feed)s
    and route.date_month = cast(date_trunc('month', %(month)s at time zone 'Europe/Paris') as date)
group by destination.district_code
order by trips desc
