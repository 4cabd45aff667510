{{ config(materialized='view') }}
-- The network's local months: the sums of kpi_network_hourly (incremental).
{{ network_periods('month', month_of('hourly.date_day')) }}
