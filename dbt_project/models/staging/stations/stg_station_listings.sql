-- stg_station_changes without what the station's status is: to unfold every array costs most of reading a change set.
with changes as (
    select
        change_sets.change_set_id,
        {{ element_of('change_sets.station_code') }} as station_code,
        {{ element_of('change_sets.is_listed') }} as is_listed,
        {{ element_of('change_sets.is_relisted') }} as is_relisted
    from {{ source('raw', 'station_change_sets') }} as change_sets
)

select
    changes.change_set_id,
    cast(changes.station_code as text) as station_code,
    changes.is_listed,
    changes.is_relisted
from changes
