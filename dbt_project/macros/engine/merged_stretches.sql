{#-
    The CTE `merged`: stretches [from_at, to_at) of one key, those that overlap made one. `stretches` is a CTE with the columns
    feed, `key`, from_at, to_at. Of a column `flag`, a merged stretch says whether it is true of any.
-#}
{% macro merged_stretches(stretches, key, flag=none) %}
opened as (
    select
        stretch.*,
        case
            when
                stretch.from_at < max(stretch.to_at) over (
                    partition by stretch.feed, stretch.{{ key }}
                    order by stretch.from_at, stretch.to_at
                    rows between unbounded preceding and 1 preceding
                )
                then 0
            else 1
        end as opens
    from {{ stretches }} as stretch
),

numbered as (
    select
        opened.*,
        sum(opened.opens) over (
            partition by opened.feed, opened.{{ key }} order by opened.from_at, opened.to_at rows unbounded preceding
        ) as stretch_number
    from opened
),

merged as (
    select
        numbered.feed,
        numbered.{{ key }},
        min(numbered.from_at) as from_at,
        max(numbered.to_at) as to_at{% if flag %},
        bool_or(numbered.{{ flag }}) as {{ flag }}{% endif %}

    from numbered
    group by numbered.feed, numbered.{{ key }}, numbered.stretch_number
)
{% endmacro %}
