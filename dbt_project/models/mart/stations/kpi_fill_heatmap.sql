{{ config(materialized='view') }}
-- int_station_fill (incremental), with what follows from its columns.
select
    cells.feed,
    cells.station_code,
    cells.date_month,
    cells.day_of_week,
    cells.hour_of_day,
    {{ columns_of('cells', station_fill_sums()) }},
    {{ station_rates('cells') }}
from {{ ref('int_station_fill') }} as cells
