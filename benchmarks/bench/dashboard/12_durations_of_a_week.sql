-- histogram of trips' durations, a week
select from_minutes, to_minutes, sum(trips) as trips
from mart.kpi_trip_duration_histogram
where
    feed = %(feed)s and is_customer_trip
    and date_day >= cast(%(week)s at time zone 'Europe/Paris' as date)
    and date_day < cast(%(week_end)s at time zone 'Europe/Paris' as date)
group by from_minutes, to_minutes
order by from_minutes
