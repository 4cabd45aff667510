{{ config(
    materialized='incremental',
    incremental_strategy='replace_scope',
    unique_key=['feed', 'hour_at'],
    on_schema_change='fail',
    meta={
        'scope': 'int_station_hours_scope',
        'scope_condition': 'old_row.feed = scope.feed and old_row.hour_at = scope.hour_at',
        'changes_of': 'int_trips',
    },
    indexes=[{'columns': ['feed', 'hour_at'], 'unique': true}],
    post_hook=["{{ through_scope('int_station_hours_scope') }}", "{{ analyze_when_new() }}"],
) }}
-- depends_on: {{ ref('int_station_hours_scope') }}
-- One row a feed and hour: the sum over its stations. An hour in scope is added up anew. What follows from the sums is in
-- kpi_network_hourly, a view.
with hours as (
    select
        hourly.feed,
        hourly.hour_at,
        {{ added_up('hourly', station_hour_sums(), 'bigint') }},
        cast(count(*) filter (where hourly.observed_seconds > 0) as integer) as stations_observed
    from {{ ref('int_station_hourly') }} as hourly
    {% if is_incremental() %}
        where
            hourly.hour_at in (
                select scope.hour_at
                from {{ ref('int_station_hours_scope') }} as scope
            )
    {% endif %}
    group by hourly.feed, hourly.hour_at
)

select
    hours.feed,
    hours.hour_at,
    {{ local_day('hours.hour_at') }} as date_day,
    {{ local_hour('hours.hour_at') }} as hour_of_day,
    hours.stations_observed,
    {{ columns_of('hours', station_hour_sums()) }}
from hours
