{{ config(
    materialized='incremental',
    incremental_strategy='replace_all',
    unique_key=['station_code'],
    on_schema_change='fail',
    indexes=[{'columns': ['station_code'], 'unique': true}],
    post_hook="{{ analyze_when_new() }}",
) }}
-- One row a station, as the files tell: its history's current row.
select
    history.station_code,
    history.name,
    history.latitude,
    history.longitude,
    history.capacity,
    history.station_type,
    history.operator_type,
    history.state,
    history.district_code,
    history.district_name,
    history.city_code,
    history.city_name,
    history.first_seen_at,
    history.last_seen_at,
    history.is_active
from {{ ref('dim_station_history') }} as history
where history.is_current
