{{ config(
    materialized='incremental',
    incremental_strategy='replace_scope',
    unique_key=['station_code', 'feed', 'date_day'],
    on_schema_change='fail',
    meta={
        'scope': 'int_station_hours_scope',
        'scope_condition': 'old_row.station_code = scope.station_code and old_row.feed = scope.feed'
            ~ ' and old_row.date_day = scope.date_day',
        'changes_of': 'int_trips',
    },
    indexes=[{'columns': ['station_code', 'date_day']}, {'columns': ['date_day']}],
    post_hook=["{{ through_scope('int_station_hours_scope') }}", "{{ analyze_when_new() }}"],
) }}
-- depends_on: {{ ref('int_station_hours_scope') }}
-- Each station's local days: the sums of its hours. A day in scope is added up anew. Columns from wide to narrow, so that none is
-- padded; what follows from others is in kpi_station_daily, a view. The rows come out in the order of time.
{% if is_incremental() %}
with days as (
    select distinct
        scope.feed,
        scope.station_code,
        scope.date_day
    from {{ ref('int_station_hours_scope') }} as scope
    where scope.feed is not null
),

hours as (
    select
        days.date_day,
        hourly.*
    from days
    cross join lateral (
        select of_day.*
        from {{ ref('int_station_hourly') }} as of_day
        where
            of_day.station_code = days.station_code
            and of_day.feed = days.feed
            and of_day.hour_at >= {{ begin_of_day('days.date_day') }}
            and of_day.hour_at < {{ begin_of_day('days.date_day + 1') }}
        {{ computed_once() }}
    ) as hourly
)
{% else %}
with hours as (
    select
        {{ local_day('hourly.hour_at') }} as date_day,
        hourly.*
    from {{ ref('int_station_hourly') }} as hourly
)
{% endif %}

select
    {{ added_up('hours', station_hour_sums()[:4], 'bigint') }},
    {{ added_up('hours', station_hour_sums()[4:]) }},
    min(hours.fill_rate_min) as fill_rate_min,
    max(hours.fill_rate_max) as fill_rate_max,
    hours.date_day,
    hours.feed,
    hours.station_code
from hours
group by hours.feed, hours.station_code, hours.date_day
{% if not is_incremental() %}
    order by hours.date_day, hours.station_code
{% endif %}
