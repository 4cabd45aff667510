-- histogram of trips' durations, a week
select width_bucket(duration_seconds, 0, 3600, 12) as five_minutes, count(*) as trips
from mart.fct_trips
where is_customer_trip and departed_at >= %(week)s and departed_at < %(week_end)s
group by five_minutes
order by five_minutes
