{#- Catches rows that contradict themselves: `condition` must be true of each (unknown is not true). -#}
{% test holds(model, condition) %}
    select *
    from {{ model }}
    where not coalesce({{ condition }}, false)
{% endtest %}
