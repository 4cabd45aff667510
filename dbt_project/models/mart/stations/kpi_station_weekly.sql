{{ config(materialized='view') }}
-- Each station's local weeks: the sums of kpi_station_daily.
{{ station_periods('week', week_of('series.date_day')) }}
