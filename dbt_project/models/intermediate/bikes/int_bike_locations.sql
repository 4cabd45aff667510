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
--   1. sightings and departures: what the change sets state, and of the old rows what nothing new replaces;
--   2. a station that was unobserved and is listed again without the bike: the bike has left by then;
--   3. sightings of one place, dock and status in a row are one interval; it ends at the next sighting elsewhere or departure.
-- The last known type, battery, block cause and street position ride along with the interval. All of it is one pass over the
-- events in the order of bikes: a first build reads a year's, and sorting them is most of its work.
-- Columns from wide to narrow, so that none is padded; what follows from others is in fct_bike_locations, a view.
with touched as (
    select
        snapshots.feed,
        snapshots.snapshot_at,
        snapshots.change_set_id
    from {{ ref('int_snapshots') }} as snapshots
    {% if is_incremental() %}
        where snapshots.change_set_id > {{ applied_through('int_bike_locations') }}
    {% endif %}
),

-- Joined on their own: the planner expects few of them, and would go through the scope for each.
new_changes as (
    select
        touched.feed,
        touched.snapshot_at,
        changes.bike_id,
        changes.is_present,
        changes.station_code,
        changes.bike_type = 'electric' as is_electric,
        changes.bike_status,
        changes.dock,
        changes.battery_percent,
        changes.block_cause,
        changes.latitude,
        changes.longitude
    from touched
    inner join {{ ref('stg_bike_changes') }} as changes on touched.change_set_id = changes.change_set_id
    {% if is_incremental() %}
        where changes.change_set_id > {{ applied_through('int_bike_locations') }}
    {% endif %}
    {{ computed_once() }}
),

new_events as ( -- noqa: ST03
    select
        changes.feed,
        changes.bike_id,
        changes.snapshot_at as event_at,
        changes.snapshot_at as known_until,
        {{ stretch_columns() }},
        changes.is_present,
        changes.station_code,
        changes.is_electric,
        changes.bike_status,
        changes.dock,
        changes.battery_percent,
        changes.block_cause,
        changes.latitude,
        changes.longitude
    from new_changes as changes
    {% if is_incremental() %}
        {{ join_scope('int_bike_locations_scope', 'bike_id', 'changes', 'snapshot_at') }}
    {% endif %}
),

{% if is_incremental() %}
old_rows as (
    select
        old_row.*,
        coalesce(old_row.reported_again_at, old_row.valid_from) as last_reported_at,
        scope.from_at,
        scope.to_at,
        lead(old_row.valid_from) over (
            partition by old_row.bike_id, old_row.feed, scope.from_at order by old_row.valid_from
        ) as next_valid_from,
        start_touched.snapshot_at is not null as is_start_touched,
        end_touched.snapshot_at is not null as is_end_touched,
        report_touched.snapshot_at is not null as is_report_touched
    from {{ this }} as old_row
    {{ join_scope('int_bike_locations_scope', 'bike_id', 'old_row', 'valid_from') }}
    left join touched as start_touched
        on old_row.feed = start_touched.feed and old_row.valid_from = start_touched.snapshot_at
    left join touched as end_touched
        on old_row.feed = end_touched.feed and old_row.valid_to = end_touched.snapshot_at
    left join touched as report_touched
        on
            old_row.feed = report_touched.feed
            and coalesce(old_row.reported_again_at, old_row.valid_from) = report_touched.snapshot_at
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
                                and later.change_set_id <= {{ applied_through('int_bike_locations') }}
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
                from {{ ref('int_station_absences') }} as unobserved
                inner join touched
                    on unobserved.feed = touched.feed and unobserved.valid_to = touched.snapshot_at
                where
                    unobserved.feed = old_rows.feed
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
    where snapshots.change_set_id <= {{ applied_through('int_bike_locations') }}
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
        from {{ ref('int_station_absences') }} as unobserved
        where
            unobserved.feed = whole_rows.feed
            and unobserved.station_code = whole_rows.station_code
            and unobserved.valid_to > whole_rows.valid_from
            and unobserved.valid_to < whole_rows.known_until
    ) as gone
    inner join {{ ref('int_snapshots') }} as snapshots
        on whole_rows.feed = snapshots.feed and gone.relisted_at = snapshots.snapshot_at
    where
        whole_rows.is_start_touched
        and whole_rows.last_reported_at > whole_rows.valid_from
        and snapshots.change_set_id <= {{ applied_through('int_bike_locations') }}
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
        changes.bike_type = 'electric' as is_electric,
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
        placed_events.is_electric,
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
        whole_rows.is_electric,
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
        whole_rows.is_electric,
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
        cast(null as boolean) as is_electric,
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
            from {{ ref('int_station_absences') }} as unobserved
            where
                unobserved.feed = old_rows.feed
                and unobserved.station_code = old_rows.station_code
                and unobserved.valid_to = old_rows.valid_to
        )
),
{% endif %}

{% set stretch = 'stated.bike_id, stated.feed' ~ (', stated.from_at' if is_incremental()) %}
stated as (
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
),

followed as (
    select
        stated.*,
        lead(stated.event_at, 1, stated.to_at) over bike_events as next_at,
        lead(stated.is_present, 1, false) over bike_events as is_next_present,
        lead(stated.station_code) over bike_events as next_station_code,
        lead(stated.dock) over bike_events as next_dock,
        lead(stated.bike_status) over bike_events as next_status
    from stated
    window bike_events as (partition by {{ stretch }} order by stated.event_at)
),

-- Step 2. A build of all events looks only at stations that were ever unobserved.
departed as (
    select
        followed.*,
        case
            when
                followed.is_present
                and followed.station_code is not null
                {% if not is_incremental() %}
                    and (followed.feed, followed.station_code) in (
                        select
                            unobserved.feed,
                            unobserved.station_code
                        from {{ ref('int_station_absences') }} as unobserved
                        where unobserved.valid_from > {{ since_ever() }}
                    )
                {% endif %}
                then (
                    select unobserved.valid_to
                    from {{ ref('int_station_absences') }} as unobserved
                    where
                        unobserved.feed = followed.feed
                        and unobserved.station_code = followed.station_code
                        and unobserved.valid_from > followed.known_until
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
            not departed.is_present
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
        lag(marked.is_last, 1, true) over (
            partition by {{ stretch | replace('stated', 'marked') }} order by marked.event_at
        ) as is_first
    from marked
),

-- The first report and the last of each interval, often one and the same.
ends as (
    select
        opened.*,
        lag(opened.event_at) over bike_ends as previous_event_at,
        lag(opened.battery_percent) over bike_ends as previous_battery_percent
    from opened
    where opened.is_present and (opened.is_first or opened.is_last)
    window bike_ends as (partition by {{ stretch | replace('stated', 'opened') }} order by opened.event_at)
)

select
    case when ends.is_first then ends.event_at else ends.previous_event_at end as valid_from,
    coalesce(ends.left_unseen_at, ends.next_at) as valid_to,
    case when not ends.is_first then ends.event_at end as reported_again_at,
    ends.latitude,
    ends.longitude,
    case when ends.is_first then ends.battery_percent else ends.previous_battery_percent end as first_battery_percent,
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
