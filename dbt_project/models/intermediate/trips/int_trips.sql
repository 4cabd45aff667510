{{ config(
    materialized='incremental',
    incremental_strategy='replace_scope',
    unique_key=['bike_id', 'feed', 'first_seen_at'],
    on_schema_change='fail',
    meta={
        'scope': 'int_trips_scope',
        'scope_condition': 'old_row.bike_id = scope.bike_id and old_row.feed = scope.feed'
            ~ ' and old_row.first_seen_at >= scope.first_at and old_row.first_seen_at <= scope.to_at'
            ~ ' and old_row.last_seen_at <= scope.last_at',
        'keeps_changes': true,
    },
    indexes=[
        {'columns': ['bike_id', 'first_seen_at']},
        {'columns': ['origin_station_code', 'departed_at']},
        {'columns': ['destination_station_code', 'arrived_at']},
        {'columns': ['departed_at']},
    ],
    pre_hook="{{ without_merge_joins() }}",
    post_hook=[
        "{{ partial_index('rebalancing', 'departed_at', \"trip_type = 'rebalancing'\") }}",
        "{{ partial_index('boomerang', 'departed_at', \"trip_type = 'boomerang'\") }}",
        "{{ block_range_index(
            'local_periods',
            '(' ~ local_day('departed_at') ~ '), (' ~ week_of(local_day('departed_at')) ~ ')',
            \"trip_type in ('trip', 'round_trip', 'boomerang')\"
        ) }}",
        "{{ block_range_index('first_generation', '(' ~ local_time('last_seen_at') ~ ')', \"trip_type <> 'flicker'\") }}",
        "{{ through_scope('int_trips_scope') }}",
        "{{ begin_changes() }}",
        "{{ analyze_when_new() }}",
    ],
) }}
-- depends_on: {{ ref('int_trips_scope') }}
-- Movements: between two consecutive stays of a bike lies one. Steps:
--   1. a stay begins at a location in a station that does not carry on the stay before it;
--   2. the brackets: when it was last seen at the origin and first known not to be there; when it was last known not to be at the
--      destination and first seen there. A station that was unobserved says nothing;
--   3. the best estimates and the distance between where the stations were then;
--   4. the type: the first rule that holds.
-- The rows come out in the order of time, so that those of a day lie together. Columns from wide to narrow, so that none is
-- padded; what follows from others is in fct_trips, a view.
with locations as (
    select
        {% if is_incremental() %}
            scope.first_at,
            scope.last_at,
        {% else %}
            {{ since_ever() }} as first_at,
            {{ forever() }} as last_at,
        {% endif %}
        location.feed,
        location.bike_id,
        location.is_electric,
        location.station_code,
        location.dock,
        location.bike_status,
        location.first_battery_percent,
        location.battery_percent,
        location.valid_from,
        location.valid_to
    from {{ ref('int_bike_locations') }} as location
    {% if is_incremental() %}
        inner join {{ ref('int_trips_scope') }} as scope
            on
                location.bike_id = scope.bike_id
                and location.feed = scope.feed
                and location.valid_from >= scope.from_at
                and location.valid_from <= scope.to_at
    {% endif %}
),

after_any as (
    select
        locations.*,
        lag(locations.station_code) over bike_locations as previous_place,
        lag(locations.valid_to) over bike_locations as previous_place_until
    from locations
    window bike_locations as (
        partition by locations.bike_id, locations.feed{{ ', locations.first_at' if is_incremental() }}
        order by locations.valid_from
    )
),

after_station as (
    select
        after_any.*,
        lag(after_any.station_code) over bike_stations as origin_station_code,
        lag(after_any.valid_to) over bike_stations as origin_until,
        lag(after_any.is_electric) over bike_stations as origin_is_electric,
        lag(after_any.dock) over bike_stations as origin_dock,
        lag(after_any.bike_status) over bike_stations as origin_bike_status,
        lag(after_any.battery_percent) over bike_stations as origin_battery_percent
    from after_any
    where after_any.station_code is not null
    window bike_stations as (
        partition by after_any.bike_id, after_any.feed{{ ', after_any.first_at' if is_incremental() }}
        order by after_any.valid_from
    )
),

arrivals as (
    select
        after_station.*,
        left_snapshots.previous_snapshot_at as before_left_at,
        arrival_snapshots.previous_snapshot_at as before_arrival_at,
        street_snapshots.previous_snapshot_at as before_street_left_at
    from after_station
    inner join {{ ref('int_snapshots') }} as left_snapshots
        on after_station.feed = left_snapshots.feed and after_station.origin_until = left_snapshots.snapshot_at
    inner join {{ ref('int_snapshots') }} as arrival_snapshots
        on after_station.feed = arrival_snapshots.feed and after_station.valid_from = arrival_snapshots.snapshot_at
    -- A bike that came from the street was known not to be here as long as it stood there.
    left join {{ ref('int_snapshots') }} as street_snapshots
        on
            after_station.feed = street_snapshots.feed
            and case when after_station.previous_place is null then after_station.previous_place_until end
            = street_snapshots.snapshot_at
    where
        after_station.origin_station_code is not null
        and (
            after_station.origin_station_code <> after_station.station_code
            or after_station.origin_until < after_station.valid_from
        )
),

{% if not is_incremental() %}
{{ positions() }},
{% endif %}

listed as (
    select
        arrivals.*,
        {{ last_listed_at('arrivals.origin_station_code', 'arrivals.before_left_at', 'origin') }} as last_seen_at,
        {{ last_listed_at('arrivals.station_code', 'arrivals.before_arrival_at', 'destination') }} as last_seen_without_at
    from arrivals
    {% if not is_incremental() %}
        left join ({{ stations_unobserved() }}) as origin -- noqa: ST05
            on arrivals.origin_station_code = origin.station_code and arrivals.feed = origin.feed
        left join ({{ stations_unobserved() }}) as destination -- noqa: ST05
            on arrivals.station_code = destination.station_code and arrivals.feed = destination.feed
    {% endif %}
    {{ computed_once() }}
),

bracketed as (
    select
        listed.*,
        greatest(listed.last_seen_without_at, listed.before_street_left_at, listed.last_seen_at) as last_missing_at
    from listed
),

estimated as (
    select
        bracketed.feed,
        bracketed.bike_id,
        bracketed.origin_is_electric as is_electric,
        bracketed.origin_station_code,
        bracketed.station_code as destination_station_code,
        bracketed.last_seen_at,
        bracketed.origin_until as first_missing_at,
        bracketed.last_missing_at,
        bracketed.valid_from as first_seen_at,
        case
            when bracketed.last_seen_at = bracketed.last_missing_at and bracketed.origin_until = bracketed.valid_from
                then {{ moment_between('bracketed.last_seen_at', 'bracketed.origin_until', 0.25) }}
            else {{ moment_between('bracketed.last_seen_at', 'bracketed.origin_until', 0.5) }}
        end as departed_at,
        case
            when bracketed.last_seen_at = bracketed.last_missing_at and bracketed.origin_until = bracketed.valid_from
                then {{ moment_between('bracketed.last_missing_at', 'bracketed.valid_from', 0.75) }}
            else {{ moment_between('bracketed.last_missing_at', 'bracketed.valid_from', 0.5) }}
        end as arrived_at,
        {{ great_circle_m(
            'origin.latitude', 'origin.longitude', 'destination.latitude', 'destination.longitude'
        ) }} as distance_m,
        bracketed.origin_dock,
        bracketed.dock as destination_dock,
        bracketed.origin_bike_status,
        bracketed.bike_status as destination_bike_status,
        bracketed.origin_battery_percent,
        bracketed.first_battery_percent as destination_battery_percent,
        {{ seconds_between('bracketed.last_seen_at', 'bracketed.valid_from') }} > {{ var('gap_seconds') }}
        and exists ( -- noqa: LT01, LT06
            select 1
            from {{ ref('int_snapshots') }} as gap
            where
                gap.is_after_gap
                and gap.feed = bracketed.feed
                and gap.snapshot_at > bracketed.last_seen_at
                and gap.snapshot_at <= bracketed.valid_from
        ) as has_gap
    from bracketed
    {{ position_at('origin', 'bracketed.origin_station_code', 'bracketed.last_seen_at') }}
    {{ position_at('destination', 'bracketed.station_code', 'bracketed.valid_from') }}
    where bracketed.valid_from >= bracketed.first_at and bracketed.last_seen_at <= bracketed.last_at
),

{% if is_incremental() %}
distinct_movements as (
    -- A movement may overlap two islands.
    select distinct estimated.*
    from estimated
),
{% else %}
distinct_movements as (
    select estimated.*
    from estimated
),
{% endif %}

measured as (
    select
        movements.*,
        {{ seconds_between('movements.first_missing_at', 'movements.last_missing_at') }} as seconds_unseen,
        {{ seconds_between('movements.last_seen_at', 'movements.first_seen_at') }} as seconds_at_most,
        {{ seconds_between('movements.departed_at', 'movements.arrived_at') }} as seconds_estimated,
        count(*) over (
            partition by
                movements.last_seen_at,
                movements.first_seen_at,
                movements.origin_station_code,
                movements.destination_station_code,
                movements.feed
        ) as bikes_together
    from distinct_movements as movements
),

typed as (
    select
        measured.*,
        greatest(measured.seconds_unseen, 0) as duration_min_seconds,
        3.6 * measured.distance_m / measured.seconds_at_most as speed_min_kmh
    from measured
),

ruled as (
    select
        typed.*,
        {{ trip_type('typed') }} as trip_type
    from typed
)

select
    ruled.last_seen_at,
    ruled.first_missing_at,
    ruled.last_missing_at,
    ruled.first_seen_at,
    ruled.departed_at,
    ruled.arrived_at,
    cast(ruled.distance_m as real) as distance_m,
    ruled.is_electric,
    ruled.feed,
    ruled.bike_id,
    ruled.origin_station_code,
    ruled.destination_station_code,
    ruled.trip_type
from ruled
