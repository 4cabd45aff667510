{{ config(materialized='view') }}
-- Each district's hours: the sums of kpi_station_hourly over its stations. Day by day, so that a condition on
-- date_day finds its hours by the index on hour_at as one on hour_at does.
with bounds as (
    select
        {{ local_day('min(hourly.hour_at)') }} as first_day,
        {{ local_day('max(hourly.hour_at)') }} as last_day
    from {{ ref('int_station_hourly') }} as hourly
),

days as (
    select series.date_day
    from bounds
    cross join lateral ({{ days_between('bounds.first_day', 'bounds.last_day') }}) as series -- noqa: ST05
)

select
    sums.feed,
    sums.district_code,
    sums.district_name,
    sums.hour_at,
    days.date_day,
    {{ local_hour('sums.hour_at') }} as hour_of_day,
    sums.stations_observed,
    {{ columns_of('sums', station_hour_sums()) }},
    {{ station_rates('sums') }},
    sums.arrivals - sums.departures as net_flow
from days
cross join lateral (
    select
        hourly.feed,
        districts.district_code,
        max(districts.district_name) as district_name,
        hourly.hour_at,
        cast(count(*) filter (where hourly.observed_seconds > 0) as integer) as stations_observed,
        {{ added_up('hourly', station_hour_sums(), 'bigint') }}
    from {{ ref('kpi_station_hourly') }} as hourly
    inner join {{ ref('int_station_corrected') }} as districts on hourly.station_code = districts.station_code
    where
        districts.district_code is not null
        and hourly.hour_at >= {{ begin_of_day('days.date_day') }}
        and hourly.hour_at < {{ begin_of_day('days.date_day + 1') }}
    group by hourly.feed, districts.district_code, hourly.hour_at
) as sums
