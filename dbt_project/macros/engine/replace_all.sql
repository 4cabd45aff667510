{#-
    The incremental strategy of short lists that are made anew with each build, and that views stand on: the target is made equal to the
    model's result, in place. A table that is put in the place of the old one has to have all readers out of it for a moment, in each
    live build. Here nobody waits, and only what differs is written. unique_key: the columns that identify a row.
-#}
{% macro get_incremental_replace_all_sql(arg_dict) %}
    {% set target, result = arg_dict['target_relation'], arg_dict['temp_relation'] %}
    {% set keys = config.get('unique_key') %}
    {% set columns = adapter.get_columns_in_relation(target) | map(attribute='name') | list %}

    analyze {{ result }};

    delete from {{ target }} as old_row
    where {{ _is_not_as_in(result, keys, columns) }};

    insert into {{ target }} ({{ columns | join(', ') }})
    select {{ columns | join(', ') }}
    from {{ result }} as new_row
    where {{ _is_not_in(target, keys) }};
{% endmacro %}
