{{ config(materialized='view') }}
-- Each district's local weeks: the sums of int_station_daily (incremental) over its stations.
{{ district_periods('week', week_of('series.date_day')) }}
