{{ config(materialized='view') }}
-- Each district's local months: the sums of kpi_station_daily over its stations.
{{ district_periods('month', month_of('series.date_day')) }}
