{#- A query for the rows that only one of two relations has, each without doubles. Nulls are equal. -#}
{% macro differing_rows(one, other, columns) -%}
select
    {{ columns | join(',\n    ') }}
from (
    select {{ columns | join(', ') }} from {{ one }}
    union all
    select {{ columns | join(', ') }} from {{ other }}
) as of_both
group by {{ columns | join(', ') }}
having count(*) <> 2
{%- endmacro %}
