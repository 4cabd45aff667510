{{ config(materialized='view') }}
-- Each district's local days: the sums of kpi_station_daily over its stations.
with sums as (
    select
        daily.feed,
        districts.district_code,
        max(districts.district_name) as district_name,
        daily.date_day,
        {{ added_up('daily', station_hour_sums(), 'bigint') }}
    from {{ ref('kpi_station_daily') }} as daily
    inner join {{ ref('int_station_corrected') }} as districts on daily.station_code = districts.station_code
    where districts.district_code is not null
    group by daily.feed, districts.district_code, daily.date_day
)

select
    sums.feed,
    sums.district_code,
    sums.district_name,
    sums.date_day,
    {{ columns_of('sums', station_hour_sums()) }},
    {{ station_rates('sums') }},
    sums.arrivals - sums.departures as net_flow
from sums
