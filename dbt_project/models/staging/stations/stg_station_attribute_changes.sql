select
    change_set_id,
    cast(station_code as text) as station_code,
    cast(name as text) as station_name,
    latitude,
    longitude,
    capacity,
    cast(state as text) as state,
    cast(station_type as text) as station_type,
    cast(type as text) as operator_type,
    cast(insee_code as text) as insee_code,
    cast(city_name as text) as city_name,
    max_overflow,
    cast(credit_card as text) as credit_card,
    cast(kiosk_state as text) as kiosk_state,
    cast(overflow as text) as overflow,
    cast(overflow_activation as text) as overflow_activation,
    is_altitude
from {{ source('raw', 'station_attribute_changes') }}
