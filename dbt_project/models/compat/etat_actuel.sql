-- How each station stands: its latest status, and the last snapshot that listed it.
select
    stations.station_code,
    {{ local_time('stations.last_seen_at') }} as timestamp_capture,
    latest.state,
    cast(coalesce(latest.bikes_mechanical, latest.bikes_available) as integer) as nbbike,
    cast(latest.bikes_electric as integer) as nbebike,
    cast(latest.docks_free as integer) as nbfreedock,
    cast(latest.edocks_free as integer) as nbfreeedock
from {{ ref('int_station_presence') }} as stations
cross join lateral (
    select status.*
    from {{ ref('int_station_status') }} as status
    where
        status.station_code = stations.station_code
        and status.is_listed
        and status.valid_from <= stations.last_seen_at
        -- Of several feeds one that listed it then.
        and status.valid_to >= stations.last_seen_at
    order by status.valid_from desc, status.feed desc
    limit 1
) as latest
