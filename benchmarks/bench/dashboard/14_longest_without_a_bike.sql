-- stations longest without a bike, a week
select
    station_code, sum(empty_minutes) as empty_minutes,
    100.0 * sum(empty_seconds) / nullif(sum(in_service_seconds), 0) as percent
from mart.kpi_station_daily
where
    feed = %(feed)s
    and date_day >= cast(%(week)s at time zone 'Europe/Paris' as date)
    and date_day < cast(%(week_end)s at time zone 'Europe/Paris' as date)
group by station_code
order by empty_minutes desc, station_code
limit 20
