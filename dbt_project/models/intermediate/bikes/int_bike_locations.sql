{{ config(
    materialized='incremental',
    incremental_strategy='replace_scope',
    unique_key=['bike_id', 'feed', 'valid_from'],
    on_schema_change='fail',
    meta={
        'scope': 'int_bike_locations_scope',
        'scope_condition': 'old_row.bike_id = scope.bike_id and old_row.feed = scope.feed'
            ~ ' and old_row.valid_from >= scope.from_at and old_row.valid_from < scope.to_at',
    },
    indexes=[{'columns': ['bike_id', 'valid_from']}],
    post_hook=[
        "{{ partial_index('current', 'station_code, feed', 'valid_to = ' ~ forever()) }}",
        "{{ through_scope('int_bike_locations_scope') }}",
        "{{ analyze_when_new() }}",
    ],
) }}
-- depends_on: {{ ref('int_bike_locations_scope') }}
-- Where each bike was, in intervals of one station (or the street), dock and status. Steps:
--   1. events: what was reported of the bikes in the stretches of time that this build computes (macros/figures/bike_events.sql);
--   2. a station that was unobserved and is listed again without the bike: the bike has left by then;
--   3. reports of one place, dock and status in a row are one interval; it ends at the next report of another, or a departure.
-- The last known type, battery, block cause and street position ride along with the interval. All of it is one pass over the
-- events in the order of bikes: a first build reads a year's, and sorting them is most of its work.
-- Columns from wide to narrow, so that none is padded; what follows from others is in fct_bike_locations, a view.
with {{ bike_events('int_bike_locations_scope') }},

-- What follows in another stretch of the same bike follows after the end of this one.
followed as (
    select
        events.*,
        least(lead(events.begun_at) over bike_events, events.to_at) as next_at,
        lead(events.is_present) over bike_events as is_next_present,
        lead(events.station_code) over bike_events as next_station_code,
        lead(events.dock) over bike_events as next_dock,
        lead(events.bike_status) over bike_events as next_status
    from events
    window bike_events as (partition by events.bike_id, events.feed order by events.event_at)
),

-- Step 2. Most stations were never unobserved, and need not be looked up.
departed as (
    select
        followed.*,
        case
            when
                followed.is_present
                and followed.station_code is not null
                and (followed.feed, followed.station_code) in (
                    select
                        unobserved.feed,
                        unobserved.station_code
                    from {{ ref('int_station_absences') }} as unobserved
                    where unobserved.valid_from > {{ since_ever() }}
                )
                then (
                    select unobserved.valid_to
                    from {{ ref('int_station_absences') }} as unobserved
                    where
                        unobserved.feed = followed.feed
                        and unobserved.station_code = followed.station_code
                        and unobserved.valid_from > followed.event_at
                        and unobserved.valid_to < followed.next_at
                    order by unobserved.valid_from
                    limit 1
                )
        end as left_unseen_at
    from followed
    {{ computed_once() }}
),

-- Step 3. What ends an interval: the last of its reports, and a departure, after which any report begins one.
marked as (
    select
        departed.*,
        (
            departed.next_at = departed.to_at
            or not departed.is_present
            or not departed.is_next_present
            or departed.left_unseen_at is not null
            or departed.station_code is distinct from departed.next_station_code
            or departed.dock is distinct from departed.next_dock
            or departed.bike_status is distinct from departed.next_status
        ) as is_last
    from departed
    {{ computed_once() }}
),

opened as (
    select
        marked.*,
        lag(marked.is_last, 1, true) over (partition by marked.bike_id, marked.feed order by marked.event_at) as is_first
    from marked
),

-- The first report and the last of each interval, often one and the same.
ends as (
    select
        opened.*,
        lag(opened.begun_at) over bike_ends as previous_begun_at,
        lag(opened.first_battery_percent) over bike_ends as previous_first_battery_percent
    from opened
    where opened.is_present and (opened.is_first or opened.is_last)
    window bike_ends as (partition by opened.bike_id, opened.feed order by opened.event_at)
)

select
    case when ends.is_first then ends.begun_at else ends.previous_begun_at end as valid_from,
    coalesce(ends.left_unseen_at, ends.next_at) as valid_to,
    case when not ends.is_first or ends.begun_at < ends.event_at then ends.event_at end as reported_again_at,
    ends.latitude,
    ends.longitude,
    case when ends.is_first then ends.first_battery_percent else ends.previous_first_battery_percent end as first_battery_percent,
    ends.battery_percent,
    ends.is_electric,
    ends.feed,
    ends.bike_id,
    ends.station_code,
    ends.dock,
    ends.bike_status,
    ends.block_cause
from ends
where ends.is_last
