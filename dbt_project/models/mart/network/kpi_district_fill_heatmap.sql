{{ config(materialized='view') }}
-- The sum of kpi_fill_heatmap over the stations of each district.
with cells as (
    select
        cells.feed,
        stations.district_code,
        max(stations.district_name) as district_name,
        cells.date_month,
        cells.day_of_week,
        cells.hour_of_day,
        {{ added_up('cells', station_fill_sums(), 'bigint') }}
    from {{ ref('int_station_corrected') }} as stations
    inner join {{ ref('int_station_fill') }} as cells on stations.station_code = cells.station_code
    where stations.district_code is not null
    group by cells.feed, stations.district_code, cells.date_month, cells.day_of_week, cells.hour_of_day
)

select
    cells.feed,
    cells.district_code,
    cells.district_name,
    cells.date_month,
    cells.day_of_week,
    cells.hour_of_day,
    {{ columns_of('cells', station_fill_sums()) }},
    {{ station_rates('cells') }}
from cells
