select
    change_set_id,
    bike_id,
    is_present,
    station_code,
    case when is_electric then 'electric' when not is_electric then 'mechanical' end as bike_type,
    status as bike_status,
    dock,
    battery_percent,
    block_cause,
    latitude,
    longitude
from {{ source('raw', 'bike_changes') }}
