{{ config(materialized='view') }}
-- The network's local days: the sums of kpi_network_hourly (incremental).
{{ network_periods('day', 'hourly.date_day') }}
