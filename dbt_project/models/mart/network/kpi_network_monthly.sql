{{ config(materialized='view') }}
-- The network's local months: the sums of kpi_network_hourly.
{{ network_periods('month', month_of('hourly.date_day')) }}
