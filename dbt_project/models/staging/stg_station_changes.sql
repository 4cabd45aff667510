select
    change_set_id,
    station_code,
    is_listed,
    is_relisted,
    {{ station_status_columns() | join(',\n    ') }}
from {{ source('raw', 'station_changes') }}
