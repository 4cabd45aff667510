{{ config(materialized='view') }}
-- Each station's local months: the sums of kpi_station_daily.
{{ station_periods('month', month_of('series.date_day')) }}
