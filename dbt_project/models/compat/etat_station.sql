-- The first generation's station status, one row a station and snapshot: spread out from the intervals when asked. Ask for few
-- snapshots (by snapshot_id or timestamp_capture) or one station.
select
    {{ epoch_seconds('snapshots.snapshot_at') }} as snapshot_id,
    {{ local_time('snapshots.snapshot_at') }} as timestamp_capture,
    stations.station_code,
    status.state,
    cast(coalesce(status.bikes_mechanical, status.bikes_available) as integer) as nbbike,
    cast(status.bikes_electric as integer) as nbebike,
    cast(status.docks_free as integer) as nbfreedock,
    cast(status.edocks_free as integer) as nbfreeedock,
    cast(status.docks_total as integer) as nbdock,
    cast(status.edocks_total as integer) as nbedock,
    cast(status.bikes_overflow as integer) as nbbikeoverflow,
    cast(status.ebikes_overflow as integer) as nbebikeoverflow,
    cast(status.bikes_to_collect as integer) as nbbikeblockedtocollect,
    cast(status.bikes_to_fix as integer) as nbbikeblockedtofixinstation,
    cast(status.density_level as integer) as densitylevel
from {{ ref('int_snapshots') }} as snapshots
inner join {{ ref('int_stations') }} as stations on snapshots.feed = stations.feed
cross join lateral (
    select at_snapshot.*
    from {{ ref('int_station_status') }} as at_snapshot
    where
        at_snapshot.station_code = stations.station_code
        and at_snapshot.feed = stations.feed
        and at_snapshot.valid_from <= snapshots.snapshot_at
    order by at_snapshot.valid_from desc
    limit 1
) as status
where
    status.is_listed
    -- An interval that a gap ended still holds at its last moment: that is the snapshot before the gap.
    and (status.valid_to > snapshots.snapshot_at or (status.is_ended_by_gap and status.valid_to = snapshots.snapshot_at))
