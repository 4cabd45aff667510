-- stg_station_changes without what the station's status is: to unfold every array costs most of reading a change set.
select
    change_sets.change_set_id,
    cast(changes.station_code as text) as station_code,
    changes.is_listed,
    changes.is_relisted
from {{ source('raw', 'station_change_sets') }} as change_sets
{{ cross_join_elements('change_sets', ['station_code', 'is_listed', 'is_relisted'], 'changes') }}
