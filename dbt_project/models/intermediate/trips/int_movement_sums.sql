{{ config(
    materialized='incremental',
    incremental_strategy='accumulate',
    unique_key=['subject', 'key', 'other_key'],
    on_schema_change='fail',
    meta={'changes_of': 'int_trips', 'count': 'movements'},
    indexes=[{'columns': ['subject', 'key', 'other_key'], 'unique': true}],
    post_hook=["{{ through_changes_of('int_trips') }}", "{{ analyze_when_new() }}"],
) }}
-- How many movements the first generation's trips are (compat.v_trajets: all but flicker, from last seen to first seen), and how
-- long they took, over all time: by route, by station they left and came to, by bike, and by local day. Its clients ask for these
-- sums without a period; a year of movements would have to be read for each answer. Whole microseconds, so that sums are exact.
with changes as (
    select
        cast({{ local_day('changes.last_seen_at') }} as text) as local_day,
        changes.bike_id,
        changes.origin_station_code as origin,
        changes.destination_station_code as destination,
        cast(round(1000000 * {{ seconds_between('changes.last_seen_at', 'changes.first_seen_at') }}) as bigint) as microseconds,
        changes.sign
    from {{ changes_since_applied('int_trips') }} as changes
    where changes.trip_type <> 'flicker'
)

select
    cast(sum(changes.sign * changes.microseconds) as decimal(38, 0)) as microseconds,
    cast(sum(changes.sign) as integer) as movements,
    case
        when grouping(changes.local_day) = 0 then 'day'
        when grouping(changes.bike_id) = 0 then 'bike'
        when grouping(changes.destination) = 1 then 'origin'
        when grouping(changes.origin) = 1 then 'destination'
        else 'route'
    end as subject,
    coalesce(changes.local_day, changes.bike_id, changes.origin, changes.destination) as key,
    case when grouping(changes.origin) = 0 and grouping(changes.destination) = 0 then changes.destination else '' end as other_key
from changes
group by
    grouping sets (
        (changes.origin, changes.destination), (changes.origin), (changes.destination), (changes.bike_id), (changes.local_day)
    )
{% if not is_incremental() %}
    order by subject, key, other_key
{% endif %}
