{#-
    The incremental strategy of sums that grow by what is new. The model's result says by how much the sums of each key change, from a
    log of changes (changes.sql); they are added to the target's. A key of which nothing is left goes. All sums are of whole numbers,
    which come out the same in whatever order they are added up.

    unique_key: the columns that identify a row; those that may be null are named in meta.keys_or_null too. meta.count: the sum
    that says how much is left of a key. Every other column is a sum.
-#}
{% macro get_incremental_accumulate_sql(arg_dict) %}
    {% set target, delta = arg_dict['target_relation'], arg_dict['temp_relation'] %}
    {% set meta, keys = config.get('meta'), config.get('unique_key') %}
    {% set columns = adapter.get_columns_in_relation(target) | map(attribute='name') | list %}
    {% set sums = columns | reject('in', keys) | list %}
    {% set or_null = meta.get('keys_or_null', []) %}

    analyze {{ delta }};

    merge into {{ target }} as total
    using {{ delta }} as delta
        on
            {{ _same(keys | reject('in', or_null) | list, 'total', 'delta') }}
            {% for key in or_null %}and total.{{ key }} is not distinct from delta.{{ key }}{% endfor %}
    when matched and total.{{ meta['count'] }} + delta.{{ meta['count'] }} = 0
        then delete
    when matched and ({% for sum in sums %}delta.{{ sum }}{{ ', ' if not loop.last }}{% endfor %}) <> ({{ (['0'] * (sums | length)) | join(', ') }})
        then update set {% for sum in sums %}{{ sum }} = total.{{ sum }} + delta.{{ sum }}{{ ', ' if not loop.last }}{% endfor %}
    when not matched and delta.{{ meta['count'] }} <> 0
        then insert ({{ columns | join(', ') }})
        values ({% for column in columns %}delta.{{ column }}{{ ', ' if not loop.last }}{% endfor %});
{% endmacro %}
