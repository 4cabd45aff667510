{{ config(
    materialized='incremental',
    incremental_strategy='accumulate',
    unique_key=['date_day', 'duration_seconds', 'trip_type', 'is_electric', 'feed'],
    on_schema_change='fail',
    meta={'changes_of': 'int_trips', 'count': 'trips', 'keys_or_null': ['is_electric']},
    indexes=[{'columns': ['date_day', 'duration_seconds']}],
    post_hook=["{{ through_changes_of('int_trips') }}", "{{ analyze_when_new() }}"],
) }}
-- How many movements of a local day took how long: every figure of a day's durations follows from it exactly, and no movement has
-- to be read again. Seconds are rounded down, so that a movement is in the same stretch of whole minutes as in fct_trips; metres
-- are rounded to the nearest.
with changes as (
    select
        {{ local_day('changes.departed_at') }} as date_day,
        {{ whole_seconds_between('changes.departed_at', 'changes.arrived_at') }} as duration_seconds,
        changes.is_electric,
        changes.feed,
        changes.trip_type,
        cast(round(changes.distance_m) as integer) as distance_m,
        changes.sign
    from {{ changes_since_applied('int_trips') }} as changes
)

select
    cast(coalesce(sum(changes.sign * changes.distance_m), 0) as bigint) as distance_m,
    changes.duration_seconds,
    changes.date_day,
    cast(sum(changes.sign) as integer) as trips,
    cast(coalesce(sum(changes.sign) filter (where changes.distance_m is not null), 0) as integer) as trips_with_distance,
    changes.is_electric,
    changes.feed,
    changes.trip_type
from changes
group by changes.date_day, changes.duration_seconds, changes.is_electric, changes.feed, changes.trip_type
order by changes.date_day, changes.duration_seconds
