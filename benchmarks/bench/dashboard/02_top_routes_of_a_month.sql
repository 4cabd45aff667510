-- top routes of a month
select origin_station_code, destination_station_code, trips
from mart.kpi_routes_monthly
where feed = %(feed)s and date_month = cast(date_trunc('month', %(month)s at time zone 'Europe/Paris') as date)
order by trips desc, origin_station_code, destination_station_code
limit 20
