-- One row a change. Text is text from here on: dlt writes character varying, which would go through to the mart by chance.
with changes as (
    select
        change_sets.change_set_id,
        {% for column in [
            'bike_id', 'is_present', 'station_code', 'is_electric', 'status', 'dock', 'battery_percent', 'block_cause', 'latitude',
            'longitude'
        ] %}
            {{ element_of('change_sets.' ~ column) }} as {{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ source('raw', 'bike_change_sets') }} as change_sets
)

select
    changes.change_set_id,
    cast(changes.bike_id as text) as bike_id,
    changes.is_present,
    cast(changes.station_code as text) as station_code,
    {{ bike_type('changes.is_electric') }} as bike_type,
    cast(changes.status as text) as bike_status,
    cast(changes.dock as text) as dock,
    changes.battery_percent,
    cast(changes.block_cause as text) as block_cause,
    changes.latitude,
    changes.longitude
from changes
