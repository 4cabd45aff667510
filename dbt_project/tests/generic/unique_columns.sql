{#- Catches a key that is not one: rows doubled by a join, by a repeated load, or by a stretch built twice. -#}
{% test unique_columns(model, columns) %}
    select
        {{ columns | join(',\n        ') }},
        count(*) as rows_of_key
    from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1
{% endtest %}
