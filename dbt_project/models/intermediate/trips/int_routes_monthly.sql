{{ config(
    materialized='incremental',
    incremental_strategy='accumulate',
    unique_key=['date_month', 'origin_station_code', 'destination_station_code', 'feed'],
    on_schema_change='fail',
    meta={'changes_of': 'int_trips', 'count': 'trips'},
    indexes=[
        {'columns': ['date_month', 'origin_station_code', 'destination_station_code']},
        {'columns': ['date_month', 'trips']},
    ],
    post_hook=["{{ through_changes_of('int_trips') }}", "{{ analyze_when_new() }}"],
) }}
-- How often customers rode from where to where in a local month, and how long. Seconds are rounded down, as in
-- int_trip_durations_daily.
with changes as (
    select
        {{ month_of(local_day('changes.departed_at')) }} as date_month,
        changes.origin_station_code,
        changes.destination_station_code,
        changes.feed,
        changes.is_electric,
        {{ whole_seconds_between('changes.departed_at', 'changes.arrived_at') }} as duration_seconds,
        changes.sign
    from {{ changes_since_applied('int_trips') }} as changes
    where {{ is_customer_trip('changes') }}
)

select
    cast(sum(changes.sign * changes.duration_seconds) as bigint) as duration_seconds,
    changes.date_month,
    cast(sum(changes.sign) as integer) as trips,
    cast(coalesce(sum(changes.sign) filter (where not changes.is_electric), 0) as integer) as trips_mechanical,
    cast(coalesce(sum(changes.sign) filter (where changes.is_electric), 0) as integer) as trips_electric,
    changes.feed,
    changes.origin_station_code,
    changes.destination_station_code
from changes
group by changes.date_month, changes.origin_station_code, changes.destination_station_code, changes.feed
order by changes.date_month
