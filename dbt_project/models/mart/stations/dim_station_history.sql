{{ config(materialized='view') }}
-- int_station_history (incremental) with what is said once a station: its district, and when it was seen.
select
    history.station_code,
    history.station_name as name,
    history.latitude,
    history.longitude,
    cast(history.capacity as integer) as capacity,
    history.station_type,
    history.operator_type,
    history.state,
    districts.district_code,
    districts.district_name,
    districts.city_code,
    districts.city_name,
    presence.first_seen_at,
    presence.last_seen_at,
    presence.is_active,
    history.valid_from,
    history.valid_to,
    history.valid_to = {{ forever() }} as is_current
from {{ ref('int_station_history') }} as history
inner join {{ ref('int_station_presence') }} as presence on history.station_code = presence.station_code
left join {{ ref('int_station_districts') }} as districts on history.station_code = districts.station_code
