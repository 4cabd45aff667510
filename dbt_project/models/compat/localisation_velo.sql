{{ config(post_hook="{{ takes_writes(['delete'], localisation_velo_written()) }}") }}
-- The first generation's bike positions, one row a bike and snapshot: spread out from the intervals when asked. Ask for few
-- snapshots, or for one bike. Bikes in the street have no station; a bike whose station is unobserved in a snapshot has no
-- row in it. What is deleted in it is hidden here, by a correction (macros/figures/first_generation.sql).
{% set number = velo_number('bikes.feed', 'bikes.bike_id') %}
select
    {{ loc_id('snapshots.snapshot_at', number, 'sharing.bikes_before') }} as loc_id,
    {{ epoch_seconds('snapshots.snapshot_at') }} as snapshot_id,
    {{ local_time('snapshots.snapshot_at') }} as timestamp_capture,
    bikes.bike_id as velo_name,
    locations.station_code,
    locations.bike_status as bikestatus,
    locations.dock as dockposition,
    locations.block_cause as bikeblockcause,
    cast(locations.battery_percent as integer) as bikebatterylevel,
    {{ number }} as velo_number
from {{ ref('int_snapshots') }} as snapshots
inner join {{ ref('int_bikes') }} as bikes on snapshots.feed = bikes.feed
cross join lateral (
    select at_snapshot.*
    from {{ ref('int_bike_locations') }} as at_snapshot
    where
        at_snapshot.bike_id = bikes.bike_id
        and at_snapshot.feed = bikes.feed
        and at_snapshot.valid_from <= snapshots.snapshot_at
    order by at_snapshot.valid_from desc
    limit 1
) as locations
cross join lateral (
    select count(*) as bikes_before
    from {{ ref('int_bikes') }} as others
    where
        {{ velo_number('others.feed', 'others.bike_id') }} = {{ number }}
        and ({{ by_code_point('others.bike_id') }}, {{ by_code_point('others.feed') }})
        < ({{ by_code_point('bikes.bike_id') }}, {{ by_code_point('bikes.feed') }})
) as sharing
where
    locations.valid_to > snapshots.snapshot_at
    and not exists (
        select 1
        from {{ ref('int_station_absences') }} as unobserved
        where
            unobserved.station_code = locations.station_code
            and unobserved.feed = locations.feed
            and unobserved.valid_from <= snapshots.snapshot_at
            and unobserved.valid_to > snapshots.snapshot_at
    )
    and not exists (
        select 1
        from {{ ref('int_position_corrections') }} as hidden
        where
            hidden.snapshot_id = {{ epoch_seconds('snapshots.snapshot_at') }}
            and hidden.bike_id = bikes.bike_id
    )
