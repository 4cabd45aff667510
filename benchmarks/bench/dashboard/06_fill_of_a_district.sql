-- fill of a district by weekday and hour, a month
with status as (
    select
        status.bikes_mechanical + status.bikes_electric as bikes, station.capacity,
        greatest(status.valid_from, %(month)s) as begins_at,
        least(status.valid_to, %(month_end)s) as ends_at
    from mart.dim_station as station
    inner join mart.fct_station_status as status
        on station.station_code = status.station_code and status.feed = %(feed)s
    where
        station.district_code = %(district)s
        and status.valid_from >= %(month)s - interval '1 day'
        and status.valid_from < %(month_end)s and status.valid_to > %(month)s
),
pieces as (
    select
        hour_at at time zone 'Europe/Paris' as local_hour, bikes, capacity,
        extract(epoch from least(ends_at, hour_at + interval '1 hour') - greatest(begins_at, hour_at)) as seconds
    from status
    cross join lateral generate_series(date_trunc('hour', begins_at), ends_at, interval '1 hour') as hour_at
    where hour_at < ends_at
)
select
    extract(isodow from local_hour) as weekday, extract(hour from local_hour) as hour_of_day,
    sum(bikes * seconds) / sum(capacity * seconds) as share
from pieces
group by weekday, hour_of_day
