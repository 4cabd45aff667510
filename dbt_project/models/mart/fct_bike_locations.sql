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

-- The new events, and the old interval that each falls into, from its first report to its last: at most one. A new report of the
-- same place, dock and status says no more than that the bike was there all along.
matched_events as (
    select
        new_events.*,
        old_rows.valid_from as row_valid_from,
        old_rows.last_reported_at as row_last_reported_at,
        old_rows.is_report_touched as is_row_report_touched,
        case
            when
                (
                    not new_events.is_present
                    or new_events.station_code is distinct from old_rows.station_code
                    or new_events.dock is distinct from old_rows.dock
                    or new_events.bike_status is distinct from old_rows.bike_status
                )
                then false
            else old_rows.valid_from is not null
        end as is_same
    from new_events
    left join old_rows
        on
            new_events.feed = old_rows.feed
            and new_events.bike_id = old_rows.bike_id
            and new_events.event_at >= old_rows.valid_from
            and new_events.event_at <= old_rows.last_reported_at
),

-- Until when the interval is known to last, if it stays whole: to its last report, or to the last new one of the same.
placed_events as (
    select
        matched_events.*,
        case
            when matched_events.is_row_report_touched
                then max(case when matched_events.is_same then matched_events.event_at end) over (
                    partition by matched_events.feed, matched_events.bike_id, matched_events.row_valid_from
                )
            else matched_events.row_last_reported_at
        end as row_known_until
    from matched_events
),

inside as (
    select
        placed_events.feed,
        placed_events.bike_id,
        placed_events.row_valid_from as valid_from,
        placed_events.row_last_reported_at as last_reported_at,
        placed_events.event_at,
        placed_events.is_same,
        placed_events.row_known_until as known_until
    from placed_events
    where placed_events.row_valid_from is not null
),

-- Old intervals that come apart: something new between the first report and the last says that the bike was not there, or not
-- so; or its station came back into a new snapshot without it; or the last report no longer counts, and no new one follows what
-- was reported before. What that was is only in the change sets. Late files alone come here.
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
        old_rows.last_reported_at > old_rows.valid_from
        and (
            (
                old_rows.is_report_touched
                and (old_rows.feed, old_rows.bike_id, old_rows.valid_from) not in (
                    select
                        inside.feed,
                        inside.bike_id,
                        inside.valid_from
                    from inside
                    where
                        inside.is_same
                        and not exists (
                            select 1
                            from {{ ref('int_snapshots') }} as later
                            where
                                later.feed = inside.feed
                                and later.snapshot_at > inside.event_at
                                and later.snapshot_at < inside.last_reported_at
                                and later.change_set_id <= {{ applied_through('fct_bike_locations') }}
                        )
                )
            )
            or (old_rows.feed, old_rows.bike_id, old_rows.valid_from) in (
                select
                    inside.feed,
                    inside.bike_id,
                    inside.valid_from
                from inside
                where not inside.is_same and inside.event_at < inside.last_reported_at
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
                    and (old_rows.feed, old_rows.bike_id, unobserved.valid_to) not in (
                        select
                            inside.feed,
                            inside.bike_id,
                            inside.event_at
                        from inside
                    )
            )
        )
),

restated as (
    select distinct
        inside.feed,
        inside.bike_id,
        inside.valid_from,
        inside.known_until
    from inside
),

whole_rows as (
    select
        old_rows.*,
        coalesce(restated.known_until, old_rows.last_reported_at) as known_until
    from old_rows
    left join restated
        on
            old_rows.feed = restated.feed
            and old_rows.bike_id = restated.bike_id
            and old_rows.valid_from = restated.valid_from
    where
        (old_rows.feed, old_rows.bike_id, old_rows.valid_from) not in (
            select
                broken_rows.feed,
                broken_rows.bike_id,
                broken_rows.valid_from
            from broken_rows
        )
),

-- The old reports that are needed again: all of an interval that comes apart; of one that lost its first report alone, the one
-- with which its station came back into sight, as nothing else says that the bike was still there.
wanted_reports as (
    select
        broken_rows.feed,
        broken_rows.bike_id,
        snapshots.change_set_id,
        snapshots.snapshot_at as event_at,
        snapshots.snapshot_at as known_until,
        broken_rows.from_at,
        broken_rows.to_at
    from broken_rows
    inner join {{ ref('int_snapshots') }} as snapshots
        on
            broken_rows.feed = snapshots.feed
            and broken_rows.valid_from <= snapshots.snapshot_at
            and broken_rows.last_reported_at >= snapshots.snapshot_at
    where snapshots.change_set_id <= {{ applied_through('fct_bike_locations') }}
    union all
    select
        whole_rows.feed,
        whole_rows.bike_id,
        snapshots.change_set_id,
        snapshots.snapshot_at as event_at,
        whole_rows.known_until,
        whole_rows.from_at,
        whole_rows.to_at
    from whole_rows
    cross join lateral (
        select min(unobserved.valid_to) as relisted_at
        from {{ ref('int_station_status') }} as unobserved
        where
            not unobserved.is_listed
            and unobserved.feed = whole_rows.feed
            and unobserved.station_code = whole_rows.station_code
            and unobserved.valid_to > whole_rows.valid_from
            and unobserved.valid_to < whole_rows.known_until
    ) as gone
    inner join {{ ref('int_snapshots') }} as snapshots
        on whole_rows.feed = snapshots.feed and gone.relisted_at = snapshots.snapshot_at
    where
        whole_rows.is_start_touched
        and whole_rows.last_reported_at > whole_rows.valid_from
        and snapshots.change_set_id <= {{ applied_through('fct_bike_locations') }}
),

wanted_sets as (
    select distinct wanted_reports.change_set_id
    from wanted_reports
),

-- Change set by change set: the table of all bike changes has no other index, and `offset 0` keeps it from being read whole.
reread_reports as (
    select
        wanted_reports.feed,
        wanted_reports.bike_id,
        wanted_reports.event_at,
        wanted_reports.known_until,
        wanted_reports.from_at,
        wanted_reports.to_at,
        changes.is_present,
        changes.station_code,
        changes.bike_type,
        changes.bike_status,
        changes.dock,
        changes.battery_percent,
        changes.block_cause,
        changes.latitude,
        changes.longitude
    from wanted_sets
    cross join lateral (
        select stated_then.*
        from {{ ref('stg_bike_changes') }} as stated_then
        where stated_then.change_set_id = wanted_sets.change_set_id
        order by stated_then.change_set_id
        offset 0
    ) as changes
    inner join wanted_reports
        on changes.change_set_id = wanted_reports.change_set_id and changes.bike_id = wanted_reports.bike_id
),

-- Whatever falls into an interval that stays whole knows as much as that: the bike was there until the last report.
new_reports as (
    select
        placed_events.feed,
        placed_events.bike_id,
        placed_events.event_at,
        case
            when
                placed_events.is_same
                and (placed_events.feed, placed_events.bike_id, placed_events.row_valid_from) not in (
                    select
                        broken_rows.feed,
                        broken_rows.bike_id,
                        broken_rows.valid_from
                    from broken_rows
                )
                then placed_events.row_known_until
            else placed_events.event_at
        end as known_until,
        placed_events.from_at,
        placed_events.to_at,
        placed_events.is_present,
        placed_events.station_code,
        placed_events.bike_type,
        placed_events.bike_status,
        placed_events.dock,
        placed_events.battery_percent,
        placed_events.block_cause,
        placed_events.latitude,
        placed_events.longitude
    from placed_events
),

-- Of the others, the first report and the last say enough: in between the bike was there, whenever its station was listed.
kept_starts as (
    select
        whole_rows.feed,
        whole_rows.bike_id,
        whole_rows.valid_from as event_at,
        whole_rows.known_until,
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
    where whole_rows.last_reported_at > whole_rows.valid_from and not whole_rows.is_report_touched
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
        {% if not is_incremental() %}
            select * from new_events
        {% else %}
            select * from new_reports
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
