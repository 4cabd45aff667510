{#- The first day of a day's year. -#}
{% macro year_of(day) -%}
    {{ return(adapter.dispatch('year_of', 'velib')(day)) }}
{%- endmacro %}
{% macro default__year_of(day) -%}
    cast(date_trunc('year', cast({{ day }} as timestamp)) as date)
{%- endmacro %}

{#- The first day of the year after it. -#}
{% macro next_year(year) -%}
    {{ return(adapter.dispatch('next_year', 'velib')(year)) }}
{%- endmacro %}
{% macro default__next_year(year) -%}
    cast({{ year }} + interval '1 year' as date)
{%- endmacro %}
