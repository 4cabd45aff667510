{{ config(post_hook="analyze {{ this }}") }}
-- depends_on: {{ ref('int_station_status') }}, {{ ref('int_trips') }}
-- Which hours of which stations have to be computed anew: of all stations those from the snapshot before what is new to the one
-- after it (observation now reaches further, or a status changed in between), and those in which a ride that changed began or
-- ended. Everything that is added up from int_station_hourly goes by it too: what is new is what any of them has not applied.
-- With each hour stand its local day and hour, and what the heatmap goes by. The row without a feed carries the horizon: how far
-- all that is read here is built.
{% set applied = [] %}
{% for reader in station_hour_models() if is_built(reader) %}
    {% do applied.append(applied_through(reader)) %}
{% endfor %}
{% set applied = applied | min if applied else none %}
with horizon as (
    select coalesce(min(built.change_set_id), 0) as horizon
    from intermediate.build_watermarks as built
    where built.model_name in ('int_snapshots', 'int_station_status', 'int_trips')
)

{% if applied is not none %}
, islands as (
    {{ touched_islands(applied) }}
),

observed as (
    select distinct
        islands.feed,
        hours.hour_at
    from islands
    left join lateral (
        select next_snapshots.snapshot_at
        from {{ ref('int_snapshots') }} as next_snapshots
        where next_snapshots.feed = islands.feed and next_snapshots.snapshot_at > islands.last_at
        order by next_snapshots.snapshot_at
        limit 1
    ) as after on true
    inner join {{ ref('int_snapshots') }} as snapshots
        on
            islands.feed = snapshots.feed
            and islands.first_at <= snapshots.snapshot_at
            and coalesce(after.snapshot_at, islands.last_at) >= snapshots.snapshot_at
    -- Of a gap nothing is known, however long it was: only the hours in which it begins and ends may be others than before.
    cross join lateral ( -- noqa: ST05
        select {{ hour_of('coalesce(snapshots.previous_snapshot_at, snapshots.snapshot_at)') }} as hour_at
        union all
        select
            {{ hours_from(
                hour_of(
                    'case when snapshots.is_after_gap then snapshots.snapshot_at'
                    ~ ' else coalesce(snapshots.previous_snapshot_at, snapshots.snapshot_at) end'
                ),
                'snapshots.snapshot_at',
            ) }} as hour_at
    ) as hours
),

station_hours as (
    select
        observed.feed,
        stations.station_code,
        observed.hour_at
    from observed
    inner join {{ ref('int_stations') }} as stations on observed.feed = stations.feed
    union
    select
        trips.feed,
        ends.station_code,
        ends.hour_at
    from {{ changes_since('int_trips', applied) }} as trips
    cross join lateral ( -- noqa: ST05
        select
            trips.origin_station_code as station_code,
            {{ hour_of('trips.departed_at') }} as hour_at
        union all
        select
            trips.destination_station_code as station_code,
            {{ hour_of('trips.arrived_at') }} as hour_at
    ) as ends
    where {{ is_customer_trip('trips') }}
)
{% endif %}

select
    cast(null as text) as feed,
    cast(null as text) as station_code,
    cast(null as timestamptz) as hour_at,
    cast(null as date) as date_day,
    cast(null as date) as date_month,
    cast(null as smallint) as day_of_week,
    cast(null as smallint) as hour_of_day,
    horizon.horizon
from horizon
{% if applied is not none %}
union all
select
    station_hours.feed,
    station_hours.station_code,
    station_hours.hour_at,
    {{ local_day('station_hours.hour_at') }} as date_day,
    {{ month_of(local_day('station_hours.hour_at')) }} as date_month,
    {{ day_of_week(local_day('station_hours.hour_at')) }} as day_of_week,
    {{ local_hour('station_hours.hour_at') }} as hour_of_day,
    horizon.horizon
from station_hours
cross join horizon
{% endif %}
