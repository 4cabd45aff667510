{{ config(
    materialized='incremental',
    incremental_strategy='replace_scope',
    unique_key=['station_code', 'feed', 'valid_from'],
    on_schema_change='fail',
    meta={
        'scope': 'int_station_status_scope',
        'scope_condition': 'old_row.station_code = scope.station_code and old_row.feed = scope.feed'
            ~ ' and old_row.valid_from >= scope.from_at and old_row.valid_from < scope.to_at',
    },
    indexes=[{'columns': ['station_code', 'valid_from']}],
    post_hook=[
        "{{ partial_index('empty', 'valid_from', 'bikes_available = 0') }}",
        "{{ through_scope('int_station_status_scope') }}",
        "{{ analyze_when_new() }}",
    ],
) }}
-- depends_on: {{ ref('int_station_status_scope') }}
-- Each station's status over time, observed or not. Steps:
--   1. events: what the change sets state, and of the old rows those that nothing new replaces;
--   2. before a station's first listing it was unobserved: one event since ever (`beginnings`);
--   3. a collection gap ends the status of a listed station at the last snapshot before it, and states it anew after it;
--   4. each event lasts until the next.
-- A status first seen at the last snapshot before a gap lasts no time: valid_from = valid_to. fct_station_status leaves it out.
{% set status = station_status_columns() %}
with touched as (
    select
        snapshots.*,
        min(case when snapshots.is_after_gap then snapshots.snapshot_at end) over (
            partition by snapshots.feed
            -- Backwards: a minimum over all that follows would be computed anew at each row.
            order by snapshots.snapshot_at desc
            rows between unbounded preceding and 1 preceding
        ) as next_gap_end_at
    from {{ ref('int_snapshots') }} as snapshots
    {% if is_incremental() %}
        where snapshots.change_set_id > {{ applied_through('int_station_status') }}
    {% endif %}
),

gaps as (
    select
        touched.feed,
        touched.snapshot_at as ended_at,
        touched.next_gap_end_at
    from touched
    where touched.is_after_gap
),

-- Joined on their own: the planner expects few of them, and would go through the scope for each.
new_changes as (
    select
        touched.feed,
        touched.snapshot_at,
        touched.next_gap_end_at,
        changes.station_code,
        changes.is_listed,
        {{ columns_of('changes', status) }}
    from touched
    inner join {{ ref('stg_station_changes') }} as changes on touched.change_set_id = changes.change_set_id
    {% if is_incremental() %}
        where changes.change_set_id > {{ applied_through('int_station_status') }}
    {% endif %}
    {{ computed_once() }}
),

new_events as (
    select
        changes.feed,
        changes.station_code,
        changes.snapshot_at as valid_from,
        {{ stretch_columns() }},
        changes.next_gap_end_at,
        changes.is_listed,
        {{ columns_of('changes', status) }}
    from new_changes as changes
    {% if is_incremental() %}
        {{ join_scope('int_station_status_scope', 'station_code', 'changes', 'snapshot_at') }}
    {% endif %}
),

{% if is_incremental() %}
kept_events as (
    select
        old_row.feed,
        old_row.station_code,
        old_row.valid_from,
        scope.from_at,
        scope.to_at,
        (
            select min(gaps.ended_at)
            from gaps
            where gaps.feed = old_row.feed and gaps.ended_at > old_row.valid_from
        ) as next_gap_end_at,
        old_row.is_listed,
        {{ columns_of('old_row', status) }}
    from {{ this }} as old_row
    {{ join_scope('int_station_status_scope', 'station_code', 'old_row', 'valid_from') }}
    where
        old_row.valid_from > {{ since_ever() }}
        and not exists (
            select 1
            from touched
            where touched.feed = old_row.feed and touched.snapshot_at = old_row.valid_from
        )
),
{% endif %}

events as (
    select * from new_events
    {% if is_incremental() %}
        union all
        select * from kept_events
    {% endif %}
),

beginnings as (
    {% if not is_incremental() %}
        -- A station's first listing is a relisting. Asked of the change sets, so that a year's events are not kept for it.
        select
            touched.feed,
            changes.station_code,
            {{ since_ever() }} as from_at,
            {{ forever() }} as to_at
        from {{ ref('stg_station_listings') }} as changes
        inner join touched on changes.change_set_id = touched.change_set_id
        where changes.is_relisted
    {% else %}
        {{ stretches_since_ever('int_station_status_scope', 'events') }}
    {% endif %}
),

since_ever as (
    select distinct
        beginnings.feed,
        beginnings.station_code,
        beginnings.from_at as valid_from,
        beginnings.from_at,
        beginnings.to_at,
        cast(null as timestamptz) as next_gap_end_at,
        false as is_listed,
        {% for column in status %}
            cast(
                null as {{ 'text' if column == 'state' else 'boolean' if column.startswith('is_') else 'smallint' }}
            ) as {{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from beginnings
),

stated as (
    select
        all_events.*,
        lead(all_events.valid_from, 1, all_events.to_at) over (
            partition by all_events.station_code, all_events.feed{{ ', all_events.from_at' if is_incremental() }}
            order by all_events.valid_from
        ) as next_at
    from (
        select * from events
        union all
        select * from since_ever
    ) as all_events
),

-- From the event to the first gap or the next event, and from each gap's end on.
intervals as (
    select
        stated.*,
        piece.starts_at,
        piece.ends_at
    from stated
    cross join lateral (
        select
            stated.valid_from as starts_at,
            case
                when stated.is_listed then least(stated.next_gap_end_at, stated.next_at)
                else stated.next_at
            end as ends_at
        union all
        select
            gaps.ended_at as starts_at,
            least(gaps.next_gap_end_at, stated.next_at) as ends_at
        from gaps
        where
            stated.is_listed
            and stated.next_gap_end_at < stated.next_at
            and gaps.feed = stated.feed
            and gaps.ended_at > stated.valid_from
            and gaps.ended_at < stated.next_at
    ) as piece
)

-- Columns from wide to narrow, so that none is padded.
select
    intervals.starts_at as valid_from,
    case
        when intervals.is_listed and next_snapshots.is_after_gap then next_snapshots.previous_snapshot_at
        else intervals.ends_at
    end as valid_to,
    {{ columns_of('intervals', status | reject('equalto', 'state')) }},
    intervals.is_listed,
    coalesce(intervals.is_listed and next_snapshots.is_after_gap, false) as is_ended_by_gap,
    intervals.feed,
    intervals.station_code,
    intervals.state
from intervals
left join {{ ref('int_snapshots') }} as next_snapshots
    on intervals.feed = next_snapshots.feed and intervals.ends_at = next_snapshots.snapshot_at
