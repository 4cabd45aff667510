-- Text is text from here on: dlt writes character varying, which would go through to the mart by chance.
select
    change_set_id,
    cast(bike_id as text) as bike_id,
    is_present,
    cast(station_code as text) as station_code,
    case when is_electric then 'electric' when not is_electric then 'mechanical' end as bike_type,
    cast(status as text) as bike_status,
    cast(dock as text) as dock,
    battery_percent,
    cast(block_cause as text) as block_cause,
    latitude,
    longitude
from {{ source('raw', 'bike_changes') }}
