{{ config(materialized='view') }}
-- One row a station: those that files list, as they were corrected, without those that a correction hides; and those that one
-- adds. A view, so that a correction is seen at once.
select
    told.station_code,
    told.name,
    told.latitude,
    told.longitude,
    told.capacity,
    told.station_type,
    told.operator_type,
    told.state,
    told.district_code,
    told.district_name,
    told.city_code,
    told.city_name,
    told.first_seen_at,
    told.last_seen_at,
    told.is_active
from {{ ref('int_station_corrected') }} as told
where not told.is_hidden
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
