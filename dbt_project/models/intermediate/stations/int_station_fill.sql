{{ config(
    materialized='incremental',
    incremental_strategy='replace_scope',
    unique_key=['station_code', 'feed', 'date_month', 'day_of_week', 'hour_of_day'],
    on_schema_change='fail',
    meta={
        'scope': 'int_station_hours_scope',
        'scope_condition': 'old_row.station_code = scope.station_code and old_row.feed = scope.feed'
            ~ ' and old_row.date_month = scope.date_month and old_row.day_of_week = scope.day_of_week'
            ~ ' and old_row.hour_of_day = scope.hour_of_day',
        'changes_of': 'int_trips',
    },
    indexes=[{'columns': ['station_code', 'date_month', 'day_of_week', 'hour_of_day']}],
    post_hook=["{{ through_scope('int_station_hours_scope') }}", "{{ analyze_when_new() }}"],
) }}
-- depends_on: {{ ref('int_station_hours_scope') }}
-- How full each station is, by month, day of the week and hour of the day. A cell in scope is added up anew, from its four or
-- five hours. Columns from wide to narrow; what follows from them is in kpi_fill_heatmap, a view. A station's cells of a month
-- lie together.
{% if is_incremental() %}
with cells as (
    select distinct
        scope.feed,
        scope.station_code,
        scope.date_month,
        scope.day_of_week,
        scope.hour_of_day
    from {{ ref('int_station_hours_scope') }} as scope
    where scope.feed is not null
),

month_hours as (
    select
        months.date_month,
        {{ day_of_week(local_day('hours.hour_at')) }} as day_of_week,
        {{ local_hour('hours.hour_at') }} as hour_of_day,
        hours.hour_at
    from (
        select distinct cells.date_month
        from cells
    ) as months
    cross join lateral ( -- noqa: ST05
        select
            {{ hours_from(
                begin_of_day('months.date_month'), hours_after(begin_of_day(next_month('months.date_month')), -1)
            ) }} as hour_at
    ) as hours
    {{ computed_once() }}
),

hours as (
    select
        cells.date_month,
        cells.day_of_week,
        cells.hour_of_day,
        hourly.*
    from cells
    inner join month_hours
        on
            cells.date_month = month_hours.date_month
            and cells.day_of_week = month_hours.day_of_week
            and cells.hour_of_day = month_hours.hour_of_day
    cross join lateral (
        select alike.*
        from {{ ref('int_station_hourly') }} as alike
        where
            alike.station_code = cells.station_code
            and alike.feed = cells.feed
            and alike.hour_at = month_hours.hour_at
        {{ computed_once() }}
    ) as hourly
)
{% else %}
with hours as (
    select
        {{ month_of(local_day('hourly.hour_at')) }} as date_month,
        {{ day_of_week(local_day('hourly.hour_at')) }} as day_of_week,
        {{ local_hour('hourly.hour_at') }} as hour_of_day,
        hourly.*
    from {{ ref('int_station_hourly') }} as hourly
)
{% endif %}

select
    {{ added_up('hours', station_fill_sums()[:4]) }},
    hours.date_month,
    {{ added_up('hours', station_fill_sums()[4:], 'smallint') }},
    hours.day_of_week,
    hours.hour_of_day,
    hours.feed,
    hours.station_code
from hours
where hours.observed_seconds > 0
group by hours.feed, hours.station_code, hours.date_month, hours.day_of_week, hours.hour_of_day
{% if not is_incremental() %}
    order by hours.date_month, hours.station_code
{% endif %}
