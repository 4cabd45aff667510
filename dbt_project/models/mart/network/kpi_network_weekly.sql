{{ config(materialized='view') }}
-- The network's local weeks: the sums of kpi_network_hourly.
{{ network_periods('week', week_of('hourly.date_day')) }}
