{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['feed', 'snapshot_at'],
    on_schema_change='fail',
    indexes=[
        {'columns': ['feed', 'snapshot_at'], 'unique': true},
        {'columns': ['change_set_id'], 'unique': true},
    ],
    post_hook=[
        "{{ partial_index('after_gap', 'feed, snapshot_at', 'is_after_gap') }}",
        "{{ partial_index('local_time', '(' ~ local_time('snapshot_at') ~ ')', 'true') }}",
        "{{ partial_index('second', '(' ~ epoch_seconds('snapshot_at') ~ ')', 'true') }}",
        "{{ partial_index('with_bikes', 'feed, snapshot_at', 'bike_count > 0') }}",
        "{{ through_snapshots() }}",
        "{{ analyze_when_new() }}",
    ],
) }}
-- The snapshots that count, each with the change set that counts for it. Every other incremental model reads what is new from
-- here, so that all of a build sees the same snapshots, whatever is loaded meanwhile.
with new_rows as (
    select
        snapshots.*,
        row_number() over (partition by snapshots.feed, snapshots.snapshot_at order by snapshots.change_set_id desc)
            as newest_first
    from {{ ref('stg_snapshots') }} as snapshots
    where snapshots.change_set_id > {{ applied_through('int_snapshots') }}
),

counting as (
    select
        new_rows.*,
        {{ seconds_between('new_rows.previous_snapshot_at', 'new_rows.snapshot_at') }} as seconds_since_previous
    from new_rows
    where new_rows.newest_first = 1
)

select
    counting.feed,
    counting.snapshot_at,
    counting.previous_snapshot_at,
    counting.change_set_id,
    counting.snapshot_format,
    counting.file_path,
    counting.seconds_since_previous as gap_seconds,
    coalesce(counting.seconds_since_previous > {{ var('gap_seconds') }}, false) as is_after_gap,
    exists ( -- noqa: LT01, LT06
        select 1
        from {{ ref('stg_snapshots') }} as earlier
        where
            earlier.feed = counting.feed
            and earlier.snapshot_at = counting.snapshot_at
            and earlier.change_set_id < counting.change_set_id
    ) as is_rewritten,
    counting.station_count,
    counting.station_without_code_count,
    counting.station_listed_twice_count,
    counting.bike_count,
    counting.bike_in_street_count,
    counting.bike_listed_twice_count
from counting
