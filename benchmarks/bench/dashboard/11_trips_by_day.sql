-- trips by day of a year, the network
select date_day, sum(trips) as trips
from mart.kpi_trips_daily
where
    feed = %(feed)s and is_customer_trip
    and date_day >= cast(%(year)s at time zone 'Europe/Paris' as date)
    and date_day <= cast(%(now)s at time zone 'Europe/Paris' as date)
group by date_day
order by date_day
