-- One row a change.
{% set status = station_status_columns() %}
with changes as (
    select
        change_sets.change_set_id,
        {% for column in ['station_code', 'is_listed', 'is_relisted'] + status %}
            {{ element_of('change_sets.' ~ column) }} as {{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ source('raw', 'station_change_sets') }} as change_sets
)

select
    changes.change_set_id,
    cast(changes.station_code as text) as station_code,
    changes.is_listed,
    changes.is_relisted,
    cast(changes.state as text) as state,
    {{ columns_of('changes', status | reject('equalto', 'state')) }}
from changes
