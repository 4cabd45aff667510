{#- What a station's status consists of: an interval of int_station_status is constant in all of it. -#}
{% macro station_status_columns() %}
    {{ return([
        'state', 'bikes_available', 'bikes_mechanical', 'bikes_electric', 'docks_free', 'edocks_free', 'docks_total',
        'edocks_total', 'bikes_overflow', 'ebikes_overflow', 'bikes_to_collect', 'bikes_to_fix', 'density_level', 'is_renting',
        'is_returning'
    ]) }}
{% endmacro %}

{#- What a station's attributes are. Of each the latest non-null value counts. -#}
{% macro station_attribute_columns() %}
    {{ return([
        'station_name', 'latitude', 'longitude', 'capacity', 'state', 'station_type', 'operator_type', 'insee_code', 'city_name',
        'max_overflow', 'credit_card', 'kiosk_state', 'overflow', 'overflow_activation', 'is_altitude'
    ]) }}
{% endmacro %}

{#- The columns of one relation in a select list: `a.x, a.y`. -#}
{% macro columns_of(relation, columns) -%}
    {% for column in columns %}{{ relation }}.{{ column }}{{ ',\n        ' if not loop.last }}{% endfor %}
{%- endmacro %}
