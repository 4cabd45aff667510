{#-
    Descriptions as comments in the database (persist_docs), in place of dbt's own macro: that one writes every comment with each build
    of an incremental model. This one asks what is there, and writes what differs. So it costs a live build one look a table, and
    holds whatever the relation was before: new, replaced or as it was.
-#}
{% macro postgres__persist_docs(relation, model, for_relation, for_columns) %}
    {% set wanted = {} %}
    {% if for_relation and config.persist_relation_docs() %}
        {% do wanted.update({'': model.description | trim}) %}
    {% endif %}
    {% if for_columns and config.persist_column_docs() %}
        {% for column in model.columns.values() %}{% do wanted.update({column.name: column.description | trim}) %}{% endfor %}
    {% endif %}
    {% if not wanted %}{{ return('') }}{% endif %}

    {% set there = {} %}
    {% for row in run_query(
        "select coalesce(columns.attname, ''), comments.description from pg_description as comments"
        ~ " left join pg_attribute as columns on comments.objoid = columns.attrelid and comments.objsubid = columns.attnum"
        ~ " where comments.classoid = 'pg_class'::regclass and comments.objoid = '" ~ relation ~ "'::regclass"
    ).rows %}
        {% do there.update({row[0]: row[1]}) %}
    {% endfor %}

    {% set statements = [] %}
    {% for name, description in wanted.items() if description != there.get(name, '') %}
        {% set object = 'column ' ~ relation ~ '.' ~ adapter.quote(name) if name else relation.type ~ ' ' ~ relation %}
        {% do statements.append('comment on ' ~ object ~ ' is ' ~ dbt.string_literal(dbt.escape_single_quotes(description))) %}
    {% endfor %}
    {% if statements %}{% do run_query(statements | join(';\n')) %}{% endif %}
{% endmacro %}
