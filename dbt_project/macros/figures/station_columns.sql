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

{#- What is said of a station's hours and adds up, over hours and over stations: seconds, bikes and docks times seconds, rides. -#}
{% macro station_hour_sums() %}
    {{ return([
        'bike_seconds', 'dock_seconds', 'mechanical_bike_seconds', 'electric_bike_seconds', 'observed_seconds',
        'in_service_seconds', 'empty_seconds', 'full_seconds', 'saturated_seconds', 'typed_seconds', 'departures',
        'departures_mechanical', 'departures_electric', 'arrivals', 'arrivals_mechanical', 'arrivals_electric'
    ]) }}
{% endmacro %}

{#- Of these, what is said of how full stations are, and what of rides. -#}
{% macro station_fill_sums() %}{{ return(station_hour_sums()[:10]) }}{% endmacro %}
{% macro station_ride_sums() %}{{ return(station_hour_sums()[10:]) }}{% endmacro %}

{#- The models that int_station_hours_scope says what to compute anew of. -#}
{% macro station_hour_models() %}
    {{ return(['int_station_hourly', 'int_station_daily', 'int_station_fill', 'int_network_hourly']) }}
{% endmacro %}

{#- The columns of one relation in a select list: `a.x, a.y`. -#}
{% macro columns_of(relation, columns) -%}
    {% for column in columns %}{{ relation }}.{{ column }}{{ ',\n        ' if not loop.last }}{% endfor %}
{%- endmacro %}
