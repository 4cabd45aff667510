{#- Catches a time of which nothing is said: each interval of a key ends where its next begins, the last one in 2200. -#}
{% test intervals_without_hole(model, key) %}
    select *
    from (
        select
            {{ key | join(', ') }},
            valid_from,
            valid_to,
            lead(valid_from, 1, {{ forever() }}) over (
                partition by {{ key | join(', ') }} order by valid_from, valid_to
            ) as next_from
        from {{ model }}
    ) as intervals
    where valid_to <> next_from
{% endtest %}
