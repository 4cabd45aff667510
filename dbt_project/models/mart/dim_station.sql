{{ config(materialized='view') }}
-- One row a station: what the files tell (int_station_current), as it was corrected; without those that a correction hides, with
-- those that one adds. A view, so that a correction is seen at once.
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
    told.is_active
from {{ ref('int_station_current') }} as told
left join {{ ref('int_station_corrections') }} as corrected on told.station_code = corrected.station_code
where corrected.is_there is distinct from false
union all
select
    added.station_code,
    added.name,
    added.latitude,
    added.longitude,
    added.capacity,
    added.station_type,
    added.operator_type,
    cast(null as text) as state,
    added.district_code,
    added.district_name,
    added.city_code,
    added.city_name,
    cast(null as timestamptz) as first_seen_at,
    cast(null as timestamptz) as last_seen_at,
    false as is_active
from {{ ref('int_station_corrections') }} as added
where
    added.is_there
    and not exists (
        select 1
        from {{ ref('int_station_current') }} as told
        where told.station_code = added.station_code
    )
