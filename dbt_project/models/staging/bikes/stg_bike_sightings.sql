-- stg_bike_changes without where the bike is and in what condition: to unfold every array costs most of reading a change set.
with changes as (
    select
        change_sets.change_set_id,
        {{ element_of('change_sets.bike_id') }} as bike_id,
        {{ element_of('change_sets.is_present') }} as is_present
    from {{ source('raw', 'bike_change_sets') }} as change_sets
)

select
    changes.change_set_id,
    cast(changes.bike_id as text) as bike_id,
    changes.is_present
from changes
