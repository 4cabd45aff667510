{{ config(materialized='view') }}
-- Each station's local months: the sums of int_station_daily (incremental).
{{ station_periods('month', month_of('series.date_day')) }}
