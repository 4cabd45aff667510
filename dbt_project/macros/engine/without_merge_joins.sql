{#-
    Pre-hook: the lists of stations and snapshots that a model joins are short and hashed. The planner does not know how short a CTE
    is, and would sort all movements by station for each such join.
-#}
{% macro without_merge_joins() -%}
    set local enable_mergejoin = off
{%- endmacro %}
