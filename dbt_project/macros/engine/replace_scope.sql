{#-
    The incremental strategy of the interval and movement tables. dbt's own strategies never delete a row that a recomputed
    stretch no longer has; this one makes the target equal to the model's result within a scope, and writes only what differs.

    meta.scope: the model that says what is recomputed; without it, the new rows of the log that meta.changes_of names.
    meta.scope_condition: which old rows lie in it, as SQL over `old_row` and `scope`. unique_key: the columns that identify a row.
    meta.keeps_changes: what differs is logged (changes.sql).
-#}
{% macro get_incremental_replace_scope_sql(arg_dict) %}
    {% set target, result = arg_dict['target_relation'], arg_dict['temp_relation'] %}
    {% set keys = config.get('unique_key') %}
    {% set meta = config.get('meta') %}
    {% set columns = adapter.get_columns_in_relation(target) | map(attribute='name') | list %}
    {% set horizon = horizon_to_log() %}

    {# The log's readers have passed the horizon of a scope that was applied before. #}
    {% if horizon is not none and horizon <= applied_through(this.identifier) %}{{ return('select 1') }}{% endif %}

    analyze {{ result }};

    {% if horizon is not none %}{{ forget_applied_changes() }}{% endif %}

    {% call logged(horizon, -1, 'old_row') %}
    delete from {{ target }} as old_row
    using {{ ref(meta['scope']) if 'scope' in meta else changes_since_applied(meta['changes_of']) }} as scope
    where
        {{ meta['scope_condition'] }}
        and {{ _is_not_as_in(result, keys, columns) }}
    {% endcall %}

    {% call logged(horizon, 1, 'inserted') %}
    insert into {{ target }} as inserted ({{ columns | join(', ') }})
    select {{ columns | join(', ') }}
    from {{ result }} as new_row
    where {{ _is_not_in(target, keys) }}
    {% endcall %}
{% endmacro %}

{#- Of an old row: the result has none that is the same in every column. -#}
{% macro _is_not_as_in(result, keys, columns) -%}
    not exists (
        select 1
        from {{ result }} as new_row
        where
            {{ _same(keys, 'old_row', 'new_row') }}
            and ({% for column in columns %}old_row.{{ column }}{{ ', ' if not loop.last }}{% endfor %})
            is not distinct from
            ({% for column in columns %}new_row.{{ column }}{{ ', ' if not loop.last }}{% endfor %})
    )
{%- endmacro %}

{#- Of a new row: the target has none with its key. -#}
{% macro _is_not_in(target, keys) -%}
    not exists (
        select 1
        from {{ target }} as old_row
        where {{ _same(keys, 'old_row', 'new_row') }}
    )
{%- endmacro %}

{% macro _same(keys, left, right) -%}
    {% for key in keys %}{{ left }}.{{ key }} = {{ right }}.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
{%- endmacro %}
