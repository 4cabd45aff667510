{{ config(
    materialized='incremental',
    incremental_strategy='replace_scope',
    unique_key=['date_day', 'trip_type', 'bike_type', 'feed'],
    on_schema_change='fail',
    meta={
        'changes_of': 'int_trips',
        'scope_condition': 'old_row.feed = scope.feed and old_row.date_day = ' ~ local_day('scope.departed_at'),
    },
    indexes=[{'columns': ['date_day']}],
    post_hook=["{{ through_changes_of('int_trip_durations_daily') }}", "{{ analyze_when_new() }}"],
) }}
-- depends_on: {{ ref('int_trips') }}
-- One row a local day, feed, type of bike and type of movement. A day in which a movement changed is made anew from the day's
-- durations. The median is that of all trips: half the sum of the two in the middle.
with
{% if is_incremental() %}
touched as (
    select distinct
        changes.feed,
        {{ local_day('changes.departed_at') }} as date_day
    from {{ changes_since_applied('int_trips') }} as changes
),
{% endif %}

durations as (
    select
        daily.*,
        {{ bike_type('daily.is_electric') }} as bike_type,
        sum(daily.trips) over of_group as trips_in_group,
        sum(daily.trips) over (of_group order by daily.duration_seconds) as trips_up_to
    from {{ ref('int_trip_durations_daily') }} as daily
    {% if is_incremental() %}
        inner join touched on daily.feed = touched.feed and daily.date_day = touched.date_day
    {% endif %}
    window of_group as (partition by daily.date_day, daily.feed, daily.is_electric, daily.trip_type)
),

days as (
    select
        durations.date_day,
        durations.feed,
        durations.bike_type,
        durations.trip_type,
        sum(durations.trips) as trips,
        sum(cast(durations.trips as bigint) * durations.duration_seconds) as duration_seconds,
        min(durations.duration_seconds) filter (where 2 * durations.trips_up_to >= durations.trips_in_group) as middle_seconds,
        min(durations.duration_seconds) filter (where 2 * durations.trips_up_to > durations.trips_in_group)
            as other_middle_seconds,
        sum(durations.distance_m) as distance_m,
        sum(durations.trips_with_distance) as trips_with_distance
    from durations
    group by durations.date_day, durations.feed, durations.bike_type, durations.trip_type
)

select
    days.date_day,
    days.feed,
    days.bike_type,
    days.trip_type,
    {{ is_customer_trip('days') }} as is_customer_trip,
    cast(days.trips as integer) as trips,
    cast(days.duration_seconds as bigint) as duration_seconds,
    cast(days.duration_seconds as double precision) / days.trips as mean_duration_seconds,
    cast(days.middle_seconds + days.other_middle_seconds as double precision) / 2 as median_duration_seconds,
    cast(days.trips_with_distance as integer) as trips_with_distance,
    case when days.trips_with_distance > 0 then cast(days.distance_m as bigint) end as distance_m,
    cast(days.distance_m as double precision) / nullif(days.trips_with_distance, 0) as mean_distance_m
from days
