{#-
    Post-hook: an index of what each stretch of blocks holds, for expressions that grow as the rows were added. It is a ten-thousandth of
    the size of one of rows. What was added since the last build is taken in at once: until then each look reads all of it.
-#}
{% macro block_range_index(suffix, columns, condition) %}
    do $$
    declare
        index_name text := '{{ suffix }}_' || '{{ this }}'::regclass::oid;
    begin
        execute format(
            'create index if not exists %I on {{ this }} using brin ({{ columns | replace("'", "''") }})'
            ' with (pages_per_range = 32) where {{ condition | replace("'", "''") }}',
            index_name
        );
        perform brin_summarize_new_values(cast(format('{{ this.schema }}.%I', index_name) as regclass));
    end
    $$
{% endmacro %}
