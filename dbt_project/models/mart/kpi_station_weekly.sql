{{ config(materialized='view') }}
-- Each station's local weeks: the sums of int_station_daily (incremental).
{{ station_periods('week', week_of('series.date_day')) }}
