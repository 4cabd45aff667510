-- fill of a station by weekday and hour, a month
with status as (
    select
        bikes_mechanical + bikes_electric as bikes,
        greatest(valid_from, %(month)s) as begins_at,
        least(valid_to, %(month_end)s) as ends_at
    from mart.fct_station_status
    where
        feed = %(feed)s and station_code = %(station)s
        and valid_from >= %(month)s - interval '1 day' and valid_from < %(month_end)s and valid_to > %(month)s
),
pieces as (
    select
        hour_at at time zone 'Europe/Paris' as local_hour, bikes,
        extract(epoch from least(ends_at, hour_at + interval '1 hour') - greatest(begins_at, hour_at)) as seconds
    from status
    cross join lateral generate_series(date_trunc('hour', begins_at), ends_at, interval '1 hour') as hour_at
    where hour_at < ends_at
)
select
    extract(isodow from local_hour) as weekday, extract(hour from local_hour) as hour_of_day,
    sum(bikes * seconds) / sum(seconds) as bikes
from pieces
group by weekday, hour_of_day
