{#- The sum of two counts of which either may be unknown; unknown only when both are. -#}
{% macro sum_of_known(left, right) -%}
    cast(
        case when {{ left }} is not null or {{ right }} is not null then coalesce({{ left }}, 0) + coalesce({{ right }}, 0) end
        as integer
    )
{%- endmacro %}
