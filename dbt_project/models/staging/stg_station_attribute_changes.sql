select
    change_set_id,
    station_code,
    name as station_name,
    latitude,
    longitude,
    capacity,
    state,
    station_type,
    type as operator_type,
    insee_code,
    city_name,
    max_overflow,
    credit_card,
    kiosk_state,
    overflow,
    overflow_activation,
    is_altitude
from {{ source('raw', 'station_attribute_changes') }}
