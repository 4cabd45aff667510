select
    change_set_id,
    cast(station_code as text) as station_code,
    is_listed,
    is_relisted,
    cast(state as text) as state,
    {{ station_status_columns() | reject('equalto', 'state') | join(',\n    ') }}
from {{ source('raw', 'station_changes') }}
