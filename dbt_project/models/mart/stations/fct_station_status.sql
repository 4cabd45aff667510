{{ config(materialized='view') }}
-- int_station_status (incremental) without the times in which a station was unobserved, and without a status that lasted no
-- time. No CTE: PostgreSQL would plan the view apart from what asks, and not look a station up.
select
    stated.feed,
    stated.station_code,
    stated.state,
    stated.is_in_service,
    stated.bikes_available,
    stated.bikes_mechanical,
    stated.bikes_electric,
    stated.docks_free,
    stated.docks_total,
    {{ docks_usable('stated') }} as docks_usable,
    stated.bikes_overflow,
    stated.bikes_to_collect,
    stated.bikes_to_fix,
    stated.density_level,
    stated.is_renting,
    stated.is_returning,
    stated.valid_from,
    stated.valid_to,
    stated.valid_to = {{ forever() }} as is_current
from (
    select
        status.feed,
        status.station_code,
        status.state,
        {{ is_in_service('status') }} as is_in_service,
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
        status.valid_to
    from {{ ref('int_station_status') }} as status
    where {{ states_status('status') }}
) as stated
