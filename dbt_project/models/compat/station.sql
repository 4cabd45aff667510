{{ config(post_hook="{{ takes_writes(['insert', 'update', 'delete'], station_written()) }}") }}
-- The first generation's station table. Docks of either kind are what the latest status says, or as they were corrected. What is
-- written to it becomes corrections (macros/figures/first_generation.sql).
select
    current_station.station_code,
    current_station.name,
    current_station.latitude,
    current_station.longitude,
    current_station.station_type as stationtype,
    coalesce(current_station.operator_type, '') as type,
    case when corrected.of_docks_total then corrected.docks_total else cast(latest.docks_total as integer) end as nbdock_total,
    case when corrected.of_edocks_total then corrected.edocks_total else cast(latest.edocks_total as integer) end
        as nbedock_total,
    case when corrected.of_max_overflow then corrected.max_overflow else cast(history.max_overflow as integer) end
        as maxbikeoverflow
from {{ ref('dim_station') }} as current_station
left join {{ ref('int_station_history') }} as history
    on current_station.station_code = history.station_code and history.valid_to = {{ forever() }}
left join {{ ref('int_station_corrections') }} as corrected on current_station.station_code = corrected.station_code
left join lateral (
    select
        status.docks_total,
        status.edocks_total
    from {{ ref('int_station_status') }} as status
    where status.station_code = current_station.station_code and status.is_listed
    order by status.valid_from desc, status.feed desc
    limit 1
) as latest on true
