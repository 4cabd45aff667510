-- departures and arrivals by hour of a day, the network
with movements as (
    select departed_at as at, 1 as departures, 0 as arrivals
    from mart.fct_trips
    where is_customer_trip and departed_at >= %(day)s and departed_at < %(day_end)s
    union all
    select arrived_at as at, 0 as departures, 1 as arrivals
    from mart.fct_trips
    -- `departed_at` bounds what is read; few rides are longer
    where
        is_customer_trip and arrived_at >= %(day)s and arrived_at < %(day_end)s
        and departed_at >= %(day)s - interval '1 day' and departed_at < %(day_end)s
)
select extract(hour from at at time zone 'Europe/Paris') as hour_of_day, sum(departures), sum(arrivals)
from movements
group by hour_of_day
