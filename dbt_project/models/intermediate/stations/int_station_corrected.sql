{{ config(materialized='view') }}
-- One row a station that files list, as it was corrected, hidden or not: what names, places and districts are taken from, where
-- figures of all stations are wanted.
select
    told.station_code,
    {% for column in ['name', 'latitude', 'longitude', 'capacity', 'station_type', 'operator_type'] %}
        {{ corrected(column) }} as {{ column }},
    {% endfor %}
    told.state,
    {% for column in ['district_code', 'district_name', 'city_code', 'city_name'] %}
        {{ corrected(column) }} as {{ column }},
    {% endfor %}
    told.first_seen_at,
    told.last_seen_at,
    told.is_active,
    coalesce(not corrected.is_there, false) as is_hidden
from {{ ref('int_station_current') }} as told
left join {{ ref('int_station_corrections') }} as corrected on told.station_code = corrected.station_code
