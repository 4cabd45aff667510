-- stg_bike_changes without where the bike is and in what condition: to unfold every array costs most of reading a change set.
select
    change_sets.change_set_id,
    cast(changes.bike_id as text) as bike_id,
    changes.is_present
from {{ source('raw', 'bike_change_sets') }} as change_sets
{{ cross_join_elements('change_sets', ['bike_id', 'is_present'], 'changes') }}
