-- Catches a station without a current row, or with two, and an int_station_current that was built from an earlier history.
with current_rows as (
    select
        history.*,
        count(*) over (partition by history.station_code) as current_count
    from {{ ref('dim_station_history') }} as history
    where history.is_current
)

select
    coalesce(history_stations.station_code, stations.station_code) as station_code,
    current_rows.current_count
from (
    select distinct history.station_code
    from {{ ref('dim_station_history') }} as history
) as history_stations
left join current_rows on history_stations.station_code = current_rows.station_code
full outer join {{ ref('int_station_current') }} as stations on history_stations.station_code = stations.station_code
where
    coalesce(current_rows.current_count, 0) <> 1
    or stations.station_code is null
    or history_stations.station_code is null
    {% for column in [
        'name', 'latitude', 'longitude', 'capacity', 'station_type', 'operator_type', 'state', 'district_code', 'district_name',
        'city_code', 'city_name', 'first_seen_at', 'last_seen_at', 'is_active',
    ] %}
        or current_rows.{{ column }} is distinct from stations.{{ column }}
    {% endfor %}
