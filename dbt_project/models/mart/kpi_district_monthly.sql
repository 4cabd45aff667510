{{ config(materialized='view') }}
-- Each district's local months: the sums of int_station_daily (incremental) over its stations.
{{ district_periods('month', month_of('series.date_day')) }}
