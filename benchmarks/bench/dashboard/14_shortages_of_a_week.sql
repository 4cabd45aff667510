-- longest shortages of a week: stations without a bike
with status as (
    select
        station_code, valid_from, valid_to,
        lag(valid_to) over (partition by station_code order by valid_from) is distinct from valid_from as begins
    from mart.fct_station_status
    where
        feed = %(feed)s and bikes_available = 0 and state = 'Operative'
        and valid_from >= %(week)s and valid_from < %(week_end)s
),
shortages as (
    select
        station_code, valid_from, valid_to,
        count(*) filter (where begins) over (partition by station_code order by valid_from) as number
    from status
)
select station_code, min(valid_from) as begins_at, least(max(valid_to), %(week_end)s) as ends_at
from shortages
group by station_code, number
order by least(max(valid_to), %(week_end)s) - min(valid_from) desc
limit 20
