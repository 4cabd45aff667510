{#- A bike's type as the mart names it; the tables hold whether it is electric. -#}
{% macro bike_type(is_electric) -%}
    case when {{ is_electric }} then 'electric' when not {{ is_electric }} then 'mechanical' end
{%- endmacro %}
