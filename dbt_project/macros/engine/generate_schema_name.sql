{#- Schemas are named as users know them: `mart`, not `<target schema>_mart`. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name if custom_schema_name else target.schema }}
{%- endmacro %}
