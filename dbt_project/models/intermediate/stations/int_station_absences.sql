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
    post_hook=["{{ through_scope('int_station_status_scope') }}", "{{ analyze_when_new() }}"],
) }}
-- depends_on: {{ ref('int_station_status_scope') }}
-- The times in which a station was unobserved: the rows of int_station_status in which it is not listed. On their own, since they
-- are few and all that bikes have to do with stations: bikes and stations are built side by side. Steps:
--   1. events: stations that are no longer listed, or listed again, and of the old rows' ends those that nothing new replaces;
--   2. before a station's first listing it was unobserved, since ever;
--   3. it is unobserved from one event to the next.
with touched as (
    select
        snapshots.feed,
        snapshots.snapshot_at,
        snapshots.change_set_id
    from {{ ref('int_snapshots') }} as snapshots
    {% if is_incremental() %}
        where snapshots.change_set_id > {{ applied_through('int_station_absences') }}
    {% endif %}
),

-- Joined on their own: the planner expects few of them, and would go through the scope for each.
new_changes as (
    select
        touched.feed,
        touched.snapshot_at,
        changes.station_code,
        changes.is_listed
    from touched
    inner join {{ ref('stg_station_listings') }} as changes on touched.change_set_id = changes.change_set_id
    where
        (changes.is_relisted or not changes.is_listed)
        {% if is_incremental() %}
            and changes.change_set_id > {{ applied_through('int_station_absences') }}
        {% endif %}
    {{ computed_once() }}
),

new_events as (
    select
        changes.feed,
        changes.station_code,
        changes.snapshot_at as event_at,
        {{ stretch_columns() }},
        changes.is_listed
    from new_changes as changes
    {% if is_incremental() %}
        {{ join_scope('int_station_status_scope', 'station_code', 'changes', 'snapshot_at') }}
    {% endif %}
),

{% if is_incremental() %}
old_rows as (
    select
        old_row.*,
        scope.from_at,
        scope.to_at
    from {{ this }} as old_row
    {{ join_scope('int_station_status_scope', 'station_code', 'old_row', 'valid_from') }}
),

old_events as (
    select
        old_rows.feed,
        old_rows.station_code,
        old_rows.valid_from as event_at,
        old_rows.from_at,
        old_rows.to_at,
        false as is_listed
    from old_rows
    where old_rows.valid_from > {{ since_ever() }}
    union all
    select
        old_rows.feed,
        old_rows.station_code,
        old_rows.valid_to as event_at,
        old_rows.from_at,
        old_rows.to_at,
        true as is_listed
    from old_rows
    where old_rows.valid_to < old_rows.to_at
),
{% endif %}

events as (
    select * from new_events
    {% if is_incremental() %}
        union all
        select old_events.*
        from old_events
        where
            not exists (
                select 1
                from touched
                where touched.feed = old_events.feed and touched.snapshot_at = old_events.event_at
            )
    {% endif %}
),

beginnings as (
    {{ stretches_since_ever('int_station_status_scope', 'events') }}
),

intervals as (
    select
        all_events.*,
        lead(all_events.event_at, 1, all_events.to_at) over (
            partition by all_events.feed, all_events.station_code, all_events.from_at order by all_events.event_at
        ) as next_at
    from (
        select * from events
        union all
        select distinct
            beginnings.feed,
            beginnings.station_code,
            beginnings.from_at as event_at,
            beginnings.from_at,
            beginnings.to_at,
            false as is_listed
        from beginnings
    ) as all_events
)

select
    intervals.event_at as valid_from,
    intervals.next_at as valid_to,
    intervals.feed,
    intervals.station_code
from intervals
where not intervals.is_listed
