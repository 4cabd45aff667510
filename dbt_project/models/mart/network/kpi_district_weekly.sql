{{ config(materialized='view') }}
-- Each district's local weeks: the sums of kpi_station_daily over its stations.
{{ district_periods('week', week_of('series.date_day')) }}
