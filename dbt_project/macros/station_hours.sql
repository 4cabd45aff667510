{#- What is said of stations by the hour: int_station_hourly, and what is added up from it. -#}

{#- In a select list, the sums of a group of hours. -#}
{% macro added_up(relation, columns, type='integer') -%}
    {% for column in columns %}
        cast(sum({{ relation }}.{{ column }}) as {{ type }}) as {{ column }}{{ ',' if not loop.last }}
    {% endfor %}
{%- endmacro %}

{#- In a select list, what follows from the sums. Null where nothing was observed of it. -#}
{% macro station_rates(relation) -%}
    {{ ratio(relation, 'bike_seconds', 'dock_seconds') }} as fill_rate,
    {% for what in ['empty', 'full', 'saturated'] %}
        {{ ratio(relation, what ~ '_seconds', 'in_service_seconds') }} as {{ what }}_share,
    {% endfor %}
    {% for what in ['observed', 'in_service', 'empty', 'full', 'saturated'] %}
        cast({{ relation }}.{{ what }}_seconds as double precision) / 60 as {{ what }}_minutes,
    {% endfor %}
    {{ ratio(relation, 'mechanical_bike_seconds', 'typed_seconds') }} as bikes_mechanical,
    {{ ratio(relation, 'electric_bike_seconds', 'typed_seconds') }} as bikes_electric
{%- endmacro %}

{% macro ratio(relation, part, whole) -%}
    cast({{ relation }}.{{ part }} as double precision) / nullif({{ relation }}.{{ whole }}, 0)
{%- endmacro %}

{#- The states in which a station's bikes and docks can be used, as SQL. -#}
{% macro states_in_service() -%}
    {% for state in var('states_in_service') %}'{{ state | replace("'", "''") }}'{{ ', ' if not loop.last }}{% endfor %}
{%- endmacro %}

{#-
    Whether a row of int_station_status says how a station is: it was observed, for some time, and by a feed that states a status
    (one of attributes alone, GBFS station_information, does not).
-#}
{% macro states_status(status) -%}
    {{ status }}.is_listed
    and {{ status }}.valid_from < {{ status }}.valid_to
    and coalesce({{ status }}.bikes_available, {{ status }}.docks_free) is not null
{%- endmacro %}
