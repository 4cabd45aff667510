{#- The name of a number from 1 up. -#}
{% macro name_of(number, names) -%}
    case {{ number }}
        {% for name in names %}when {{ loop.index }} then '{{ name }}' {% endfor %}
    end
{%- endmacro %}
