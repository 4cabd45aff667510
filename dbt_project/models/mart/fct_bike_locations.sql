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
    indexes=[
        {'columns': ['bike_id', 'feed', 'valid_from'], 'unique': true},
        {'columns': ['station_code', 'valid_from']},
        {'columns': ['valid_from'], 'type': 'brin'},
    ],
    post_hook=[
        "{{ partial_index('current', 'station_code, feed', \"valid_to = 'infinity'\") }}",
        "{{ through_scope('int_bike_locations_scope') }}",
        "{{ analyze_when_new() }}",
    ],
) }}
-- depends_on: {{ ref('int_bike_locations_scope') }}
-- Where each bike was, in intervals of one station (or the street), dock and status. Steps:
--   1. sightings and departures: what the change sets state, and of the old rows what nothing new replaces;
--   2. a station that was unobserved and is listed again without the bike: the bike has left by then;
--   3. sightings of one place, dock and status in a row are one interval; it ends at the next sighting elsewhere or departure.
-- The last known battery, block cause and street position ride along with the interval.
with touched as (
    select
        snapshots.feed,
        snapshots.snapshot_at,
        snapshots.change_set_id
    from {{ ref('int_snapshots') }} as snapshots
    {% if is_incremental() %}
        where snapshots.change_set_id > {{ applied_through('fct_bike_locations') }}
    {% endif %}
),

new_events as (
    select
        touched.feed,
        changes.bike_id,
        touched.snapshot_at as event_at,
        touched.snapshot_at as known_until,
        {% if is_incremental() %}
            scope.from_at,
            scope.to_at,
        {% else %}
            {{ since_ever() }} as from_at,
            {{ forever() }} as to_at,
        {% endif %}
        changes.is_present,
        changes.station_code,
        changes.bike_type,
        changes.bike_status,
        changes.dock,
        changes.battery_percent,
        changes.block_cause,
        changes.latitude,
        changes.longitude
    from {{ ref('stg_bike_changes') }} as changes
    inner join touched on changes.change_set_id = touched.change_set_id
    {% if is_incremental() %}
        inner join {{ ref('int_bike_locations_scope') }} as scope
            on
                touched.feed = scope.feed
                and changes.bike_id = scope.bike_id
                and touched.snapshot_at >= scope.from_at
                and touched.snapshot_at < scope.to_at
        where changes.change_set_id > {{ applied_through('fct_bike_locations') }}
    {% endif %}
),

{% if is_incremental() %}
old_rows as (
    select
        old_row.*,
        scope.from_at,
        scope.to_at,
        lead(old_row.valid_from) over (
            partition by old_row.feed, old_row.bike_id, scope.from_at order by old_row.valid_from
        ) as next_valid_from,
        start_touched.snapshot_at is not null as is_start_touched,
        end_touched.snapshot_at is not null as is_end_touched,
        report_touched.snapshot_at is not null as is_report_touched
    from {{ this }} as old_row
    inner join {{ ref('int_bike_locations_scope') }} as scope
        on
            old_row.bike_id = scope.bike_id
            and old_row.feed = scope.feed
            and old_row.valid_from >= scope.from_at
            and old_row.valid_from < scope.to_at
    left join touched as start_touched
        on old_row.feed = start_touched.feed and old_row.valid_from = start_touched.snapshot_at
    left join touched as end_touched
        on old_row.feed = end_touched.feed and old_row.valid_to = end_touched.snapshot_at
    left join touched as report_touched
        on old_row.feed = report_touched.feed and old_row.last_reported_at = report_touched.snapshot_at
),

-- Old intervals that something new falls into, or whose first or last report no longer counts: what was reported in between is
-- only in the change sets. So are the sightings that say where the bike was after its station came back into a new snapshot
-- without it. Late files alone come here.
broken_rows as (
    select
        old_rows.feed,
        old_rows.bike_id,
        old_rows.valid_from,
        old_rows.last_reported_at,
        old_rows.from_at,
        old_rows.to_at
    from old_rows
    where
        old_rows.is_report_touched
        or (old_rows.is_start_touched and old_rows.last_reported_at > old_rows.valid_from)
        or exists (
            select 1
            from new_events
            where
                new_events.feed = old_rows.feed
                and new_events.bike_id = old_rows.bike_id
                and new_events.event_at > old_rows.valid_from
                and new_events.event_at < old_rows.last_reported_at
        )
        or exists (
            select 1
            from {{ ref('int_station_status') }} as unobserved
            inner join touched
                on unobserved.feed = touched.feed and unobserved.valid_to = touched.snapshot_at
            where
                not unobserved.is_listed
                and unobserved.feed = old_rows.feed
                and unobserved.station_code = old_rows.station_code
                and unobserved.valid_to > old_rows.valid_from
                and unobserved.valid_to < old_rows.last_reported_at
        )
),

reread_reports as (
    select
        broken_rows.feed,
        broken_rows.bike_id,
        snapshots.snapshot_at as event_at,
        snapshots.snapshot_at as known_until,
        broken_rows.from_at,
        broken_rows.to_at,
        changes.is_present,
        changes.station_code,
        changes.bike_type,
        changes.bike_status,
        changes.dock,
        changes.battery_percent,
        changes.block_cause,
        changes.latitude,
        changes.longitude
    from broken_rows
    inner join {{ ref('int_snapshots') }} as snapshots
        on
            broken_rows.feed = snapshots.feed
            and broken_rows.valid_from <= snapshots.snapshot_at
            and broken_rows.last_reported_at >= snapshots.snapshot_at
    inner join {{ ref('stg_bike_changes') }} as changes
        on snapshots.change_set_id = changes.change_set_id and broken_rows.bike_id = changes.bike_id
    where
        not exists (
            select 1
            from touched
            where touched.change_set_id = snapshots.change_set_id
        )
),

whole_rows as (
    select old_rows.*
    from old_rows
    where
        not exists (
            select 1
            from broken_rows
            where
                broken_rows.feed = old_rows.feed
                and broken_rows.bike_id = old_rows.bike_id
                and broken_rows.valid_from = old_rows.valid_from
        )
),

-- Of the others, the first report and the last say enough: in between the bike was there, whenever its station was listed.
kept_starts as (
    select
        whole_rows.feed,
        whole_rows.bike_id,
        whole_rows.valid_from as event_at,
        whole_rows.last_reported_at as known_until,
        whole_rows.from_at,
        whole_rows.to_at,
        true as is_present,
        whole_rows.station_code,
        whole_rows.bike_type,
        whole_rows.bike_status,
        whole_rows.dock,
        whole_rows.first_battery_percent as battery_percent,
        whole_rows.block_cause,
        whole_rows.latitude,
        whole_rows.longitude
    from whole_rows
    where not whole_rows.is_start_touched
),

kept_reports as (
    select
        whole_rows.feed,
        whole_rows.bike_id,
        whole_rows.last_reported_at as event_at,
        whole_rows.last_reported_at as known_until,
        whole_rows.from_at,
        whole_rows.to_at,
        true as is_present,
        whole_rows.station_code,
        whole_rows.bike_type,
        whole_rows.bike_status,
        whole_rows.dock,
        whole_rows.battery_percent,
        whole_rows.block_cause,
        whole_rows.latitude,
        whole_rows.longitude
    from whole_rows
    where whole_rows.last_reported_at > whole_rows.valid_from
),

-- Departures that a change set stated. Those of step 2 are found anew.
kept_departures as (
    select
        old_rows.feed,
        old_rows.bike_id,
        old_rows.valid_to as event_at,
        old_rows.valid_to as known_until,
        old_rows.from_at,
        old_rows.to_at,
        false as is_present,
        old_rows.station_code,
        cast(null as text) as bike_type,
        cast(null as text) as bike_status,
        cast(null as text) as dock,
        cast(null as smallint) as battery_percent,
        cast(null as text) as block_cause,
        cast(null as double precision) as latitude,
        cast(null as double precision) as longitude
    from old_rows
    where
        old_rows.valid_to < coalesce(old_rows.next_valid_from, old_rows.to_at)
        and not old_rows.is_end_touched
        and not exists (
            select 1
            from {{ ref('int_station_status') }} as unobserved
            where
                not unobserved.is_listed
                and unobserved.feed = old_rows.feed
                and unobserved.station_code = old_rows.station_code
                and unobserved.valid_to = old_rows.valid_to
        )
),
{% endif %}

stated as (
    select
        events.*,
        lead(events.event_at, 1, events.to_at) over (
            partition by events.feed, events.bike_id, events.from_at order by events.event_at
        ) as next_at
    from (
        select * from new_events
        {% if is_incremental() %}
            union all
            select * from kept_starts
            union all
            select * from kept_reports
            union all
            select * from reread_reports
            union all
            select * from kept_departures
        {% endif %}
    ) as events
),

stations_unobserved as (
    select distinct
        unobserved.feed,
        unobserved.station_code
    from {{ ref('int_station_status') }} as unobserved
    where not unobserved.is_listed and unobserved.valid_from > {{ since_ever() }}
),

departures_unseen as (
    select
        stated.feed,
        stated.bike_id,
        gone.relisted_at as event_at,
        stated.from_at,
        stated.to_at,
        false as is_present,
        stated.station_code,
        cast(null as text) as bike_type,
        cast(null as text) as bike_status,
        cast(null as text) as dock,
        cast(null as smallint) as battery_percent,
        cast(null as text) as block_cause,
        cast(null as double precision) as latitude,
        cast(null as double precision) as longitude
    from stated
    inner join stations_unobserved
        on stated.feed = stations_unobserved.feed and stated.station_code = stations_unobserved.station_code
    cross join lateral (
        select unobserved.valid_to as relisted_at
        from {{ ref('int_station_status') }} as unobserved
        where
            not unobserved.is_listed
            and unobserved.feed = stated.feed
            and unobserved.station_code = stated.station_code
            and unobserved.valid_from > stated.known_until
            and unobserved.valid_to < stated.next_at
        order by unobserved.valid_from
        limit 1
    ) as gone
    where stated.is_present
),

events as (
    select
        all_events.*,
        lag(all_events.is_present) over bike_events as was_present,
        lag(all_events.station_code) over bike_events as previous_station_code,
        lag(all_events.dock) over bike_events as previous_dock,
        lag(all_events.bike_status) over bike_events as previous_status
    from (
        select
            stated.feed,
            stated.bike_id,
            stated.event_at,
            stated.from_at,
            stated.to_at,
            stated.is_present,
            stated.station_code,
            stated.bike_type,
            stated.bike_status,
            stated.dock,
            stated.battery_percent,
            stated.block_cause,
            stated.latitude,
            stated.longitude
        from stated
        union all
        select * from departures_unseen
    ) as all_events
    window bike_events as (
        partition by all_events.feed, all_events.bike_id, all_events.from_at order by all_events.event_at
    )
),

marked as (
    select
        events.*,
        events.is_present
        and (
            coalesce(not events.was_present, true)
            or events.station_code is distinct from events.previous_station_code
            or events.dock is distinct from events.previous_dock
            or events.bike_status is distinct from events.previous_status
        ) as is_start
    from events
),

numbered as (
    select
        marked.*,
        sum(case when marked.is_start then 1 else 0 end) over (
            partition by marked.feed, marked.bike_id, marked.from_at
            order by marked.event_at
            rows unbounded preceding
        ) as interval_number,
        marked.is_present
        and coalesce(
            lead(marked.is_start or not marked.is_present) over (
                partition by marked.feed, marked.bike_id, marked.from_at order by marked.event_at
            ),
            true
        ) as is_last_report
    from marked
),

intervals as (
    select
        numbered.feed,
        numbered.bike_id,
        numbered.from_at,
        numbered.to_at,
        max(case when numbered.is_last_report then numbered.bike_type end) as bike_type,
        max(case when numbered.is_start then numbered.station_code end) as station_code,
        max(case when numbered.is_start then numbered.dock end) as dock,
        max(case when numbered.is_start then numbered.bike_status end) as bike_status,
        max(case when numbered.is_last_report then numbered.block_cause end) as block_cause,
        max(case when numbered.is_start then numbered.battery_percent end) as first_battery_percent,
        max(case when numbered.is_last_report then numbered.battery_percent end) as battery_percent,
        max(case when numbered.is_last_report then numbered.latitude end) as latitude,
        max(case when numbered.is_last_report then numbered.longitude end) as longitude,
        min(numbered.event_at) as valid_from,
        min(case when not numbered.is_present then numbered.event_at end) as left_at,
        max(case when numbered.is_last_report then numbered.event_at end) as last_reported_at
    from numbered
    where numbered.interval_number > 0
    group by numbered.feed, numbered.bike_id, numbered.from_at, numbered.to_at, numbered.interval_number
)

select
    intervals.feed,
    intervals.bike_id,
    intervals.bike_type,
    intervals.station_code,
    intervals.dock,
    intervals.bike_status,
    intervals.block_cause,
    intervals.first_battery_percent,
    intervals.battery_percent,
    intervals.latitude,
    intervals.longitude,
    intervals.valid_from,
    coalesce(
        intervals.left_at,
        lead(intervals.valid_from, 1, intervals.to_at) over (
            partition by intervals.feed, intervals.bike_id, intervals.from_at order by intervals.valid_from
        )
    ) as valid_to,
    intervals.last_reported_at
from intervals
