{{ config(tags=['full']) }}
-- Catches a day, week or month that lost or doubled one of its days, and a district that lost or doubled one of its stations:
-- each has the sums of what it is added up from, whose own sums station_hours_add_up holds against the hours.
{% set parts = [
    ('kpi_station_weekly', ref('kpi_station_daily'), ['station_code'], 'date_week', week_of('finer.date_day')),
    ('kpi_station_monthly', ref('kpi_station_daily'), ['station_code'], 'date_month', month_of('finer.date_day')),
    ('kpi_district_hourly', ref('kpi_station_hourly'), ['district_code'], 'hour_at', 'finer.hour_at'),
    ('kpi_district_daily', ref('kpi_station_daily'), ['district_code'], 'date_day', 'finer.date_day'),
    ('kpi_district_weekly', ref('kpi_station_daily'), ['district_code'], 'date_week', week_of('finer.date_day')),
    ('kpi_district_monthly', ref('kpi_station_daily'), ['district_code'], 'date_month', month_of('finer.date_day')),
    ('kpi_network_daily', ref('kpi_network_hourly'), [], 'date_day', 'finer.date_day'),
    ('kpi_network_weekly', ref('kpi_network_hourly'), [], 'date_week', week_of('finer.date_day')),
    ('kpi_network_monthly', ref('kpi_network_hourly'), [], 'date_month', month_of('finer.date_day')),
] %}
-- depends_on: {{ ref('kpi_station_weekly') }}, {{ ref('kpi_station_monthly') }}, {{ ref('kpi_district_hourly') }}
-- depends_on: {{ ref('kpi_district_daily') }}, {{ ref('kpi_district_weekly') }}, {{ ref('kpi_district_monthly') }}
-- depends_on: {{ ref('kpi_network_daily') }}, {{ ref('kpi_network_weekly') }}, {{ ref('kpi_network_monthly') }}
{% for model, finer, place, period, period_of in parts %}
    {% set place_of = 'stations.district_code' if place == ['district_code'] else 'finer.station_code' %}
    select
        '{{ model }}' as model_name,
        coalesce(expected.feed, found.feed) as feed
    from (
        select
            finer.feed,
            {% if place %}{{ place_of }} as {{ place[0] }},{% endif %}
            {{ period_of }} as {{ period }},
            {{ added_up('finer', station_hour_sums(), 'bigint') }}
        from {{ finer }} as finer
        {% if place == ['district_code'] %}
            inner join {{ ref('int_station_corrected') }} as stations on finer.station_code = stations.station_code
            where stations.district_code is not null
        {% endif %}
        group by finer.feed, {% if place %}{{ place_of }}, {% endif %}{{ period_of }}
    ) as expected
    full outer join {{ ref(model) }} as found
        on
            expected.feed = found.feed
            and expected.{{ period }} = found.{{ period }}
            {% if place %}and expected.{{ place[0] }} = found.{{ place[0] }}{% endif %}
    where
        {% for column in station_hour_sums() %}
            expected.{{ column }} is distinct from found.{{ column }}{{ ' or' if not loop.last }}
        {% endfor %}
    {{ 'union all' if not loop.last }}
{% endfor %}
