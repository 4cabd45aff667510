{#-
    The sums of station hours over periods (week, month) and districts, as whole queries. All are of whole numbers, so they add up
    exactly; whatever is a mean or a share follows from them.

    The days are listed, each with the period that it lies in: so a condition on the period finds its rows by the index on the day.
-#}

{#- The days from the first to the last of int_station_daily, each with the first day of its period: date_<period>. -#}
{% macro days_of_periods(period, first_day) %}
    select
        series.date_day,
        {{ first_day }} as date_{{ period }}
    from (
        select
            min(daily.date_day) as first_day,
            max(daily.date_day) as last_day
        from {{ ref('int_station_daily') }} as daily
    ) as bounds
    cross join lateral ({{ days_between('bounds.first_day', 'bounds.last_day') }}) as series -- noqa: ST05
{% endmacro %}

{#- `first_day`: the first day of the period of `series.date_day`, as SQL. -#}
{% macro station_periods(period, first_day) %}
with days as (
    {{ days_of_periods(period, first_day) }}
),

sums as (
    select
        daily.feed,
        daily.station_code,
        days.date_{{ period }},
        {{ added_up('daily', station_hour_sums(), 'bigint') }},
        min(daily.fill_rate_min) as fill_rate_min,
        max(daily.fill_rate_max) as fill_rate_max
    from days
    inner join {{ ref('kpi_station_daily') }} as daily on days.date_day = daily.date_day
    group by daily.feed, daily.station_code, days.date_{{ period }}
)

select
    sums.feed,
    sums.station_code,
    sums.date_{{ period }},
    {{ columns_of('sums', station_hour_sums()) }},
    {{ station_rates('sums') }},
    sums.fill_rate_min,
    sums.fill_rate_max,
    sums.arrivals - sums.departures as net_flow
from sums
{% endmacro %}

{#- Stations without a district are left out. -#}
{% macro district_periods(period, first_day) %}
with days as (
    {{ days_of_periods(period, first_day) }}
),

sums as (
    select
        daily.feed,
        districts.district_code,
        max(districts.district_name) as district_name,
        days.date_{{ period }},
        {{ added_up('daily', station_hour_sums(), 'bigint') }}
    from days
    inner join {{ ref('kpi_station_daily') }} as daily on days.date_day = daily.date_day
    inner join {{ ref('int_station_corrected') }} as districts on daily.station_code = districts.station_code
    where districts.district_code is not null
    group by daily.feed, districts.district_code, days.date_{{ period }}
)

select
    sums.feed,
    sums.district_code,
    sums.district_name,
    sums.date_{{ period }},
    {{ columns_of('sums', station_hour_sums()) }},
    {{ station_rates('sums') }},
    sums.arrivals - sums.departures as net_flow
from sums
{% endmacro %}

{#- `first_day` here of `hourly.date_day`. An hour of the network is one short row. -#}
{% macro network_periods(period, first_day) %}
with sums as (
    select
        hourly.feed,
        {{ first_day }} as date_{{ period }},
        {{ added_up('hourly', station_hour_sums(), 'bigint') }}
    from {{ ref('kpi_network_hourly') }} as hourly
    group by hourly.feed, {{ first_day }}
)

select
    sums.feed,
    sums.date_{{ period }},
    {{ columns_of('sums', station_hour_sums()) }},
    {{ station_rates('sums') }},
    sums.arrivals - sums.departures as net_flow
from sums
{% endmacro %}
