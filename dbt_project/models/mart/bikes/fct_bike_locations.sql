{{ config(materialized='view') }}
-- int_bike_locations (incremental), with what follows from its columns.
select
    locations.feed,
    locations.bike_id,
    {{ bike_type('locations.is_electric') }} as bike_type,
    locations.station_code,
    locations.dock,
    locations.bike_status,
    locations.block_cause,
    locations.first_battery_percent,
    locations.battery_percent,
    locations.latitude,
    locations.longitude,
    locations.valid_from,
    locations.valid_to,
    locations.valid_to = {{ forever() }} as is_current,
    coalesce(locations.reported_again_at, locations.valid_from) as last_reported_at
from {{ ref('int_bike_locations') }} as locations
