{{ config(materialized='view') }}
-- The network's local days: the sums of kpi_network_hourly.
{{ network_periods('day', 'hourly.date_day') }}
