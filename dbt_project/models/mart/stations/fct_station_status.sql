{{ config(materialized='view') }}
-- int_station_status (incremental) without the times in which a station was unobserved, and without a status that lasted no
-- time.
select
    status.feed,
    status.station_code,
    status.state,
    status.bikes_available,
    status.bikes_mechanical,
    status.bikes_electric,
    {{ sum_of_known('status.docks_free', 'status.edocks_free') }} as docks_free,
    {{ sum_of_known('status.docks_total', 'status.edocks_total') }} as docks_total,
    {{ sum_of_known('status.bikes_overflow', 'status.ebikes_overflow') }} as bikes_overflow,
    status.bikes_to_collect,
    status.bikes_to_fix,
    status.density_level,
    status.is_renting,
    status.is_returning,
    status.valid_from,
    status.valid_to,
    status.valid_to = {{ forever() }} as is_current
from {{ ref('int_station_status') }} as status
where {{ states_status('status') }}
