{{ config(tags=['full']) }}
-- Catches a day, an hour of the network or a cell of the heatmap that was not added up anew when one of its hours changed, or was
-- left when all of them went.
{% set parts = [
    ('kpi_station_daily', ['station_code', 'date_day'], station_hour_sums()),
    ('kpi_network_hourly', ['hour_at'], station_hour_sums()),
    ('kpi_fill_heatmap', ['station_code', 'date_month', 'day_of_week', 'hour_of_day'], station_fill_sums()),
] %}
with hours as (
    select
        hourly.*,
        {{ month_of('hourly.date_day') }} as date_month,
        {{ day_of_week('hourly.date_day') }} as day_of_week
    from {{ ref('kpi_station_hourly') }} as hourly
)

{% for model, key, columns in parts %}
    select
        '{{ model }}' as model_name,
        coalesce(expected.feed, found.feed) as feed
    from (
        select
            hours.feed,
            {{ columns_of('hours', key) }},
            {{ added_up('hours', columns, 'bigint') }}
        from hours
        {{ 'where hours.observed_seconds > 0' if model == 'kpi_fill_heatmap' }}
        group by hours.feed, {{ columns_of('hours', key) }}
    ) as expected
    full outer join {{ ref(model) }} as found
        on
            expected.feed = found.feed
            {% for column in key %}
                and expected.{{ column }} = found.{{ column }}
            {% endfor %}
    where
        {% for column in columns %}
            expected.{{ column }} is distinct from found.{{ column }}{{ ' or' if not loop.last }}
        {% endfor %}
    {{ 'union all' if not loop.last }}
{% endfor %}
