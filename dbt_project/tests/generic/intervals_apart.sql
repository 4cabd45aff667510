{#-
    Catches intervals of one key that overlap (one thing in two states at once), that end before or when they begin, and a second
    open one: what an incremental build does that cuts a chain at a batch, or forgets to close the interval before.
-#}
{% test intervals_apart(model, key) %}
    select *
    from (
        select
            {{ key | join(', ') }},
            valid_from,
            valid_to,
            lead(valid_from) over (partition by {{ key | join(', ') }} order by valid_from, valid_to) as next_from
        from {{ model }}
    ) as intervals
    where valid_from >= valid_to or next_from < valid_to
{% endtest %}
