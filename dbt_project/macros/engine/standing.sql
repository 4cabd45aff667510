{#- What a build need not make again (velib/building/unchanged_models.py): seeds, tables that their model calls constant, and views. -#}
{% macro create_standing() %}
    create table if not exists intermediate.standing (
        only_row boolean primary key default true check (only_row),
        fingerprint text not null,
        nodes jsonb not null,
        relations jsonb not null,
        is_in_force boolean not null
    );
    update intermediate.standing set is_in_force = false where is_in_force;
{% endmacro %}

{#- At the end of a run of everything: what stands now. VELIB_BUILD_OF_EVERYTHING is the project's fingerprint. -#}
{% macro note_standing() %}
    {% set nodes, relations = [], [] %}
    {% for node in graph.nodes.values() %}
        {% if is_constant(node) or (node.resource_type == 'model' and node.config.materialized == 'view') %}
            {% do nodes.append('fqn:' ~ node.fqn | join('.')) %}
            {% do relations.append('"' ~ node.schema ~ '"."' ~ node.alias ~ '"') %}
        {% elif node.resource_type == 'test' and tests_constants(node) %}
            {% do nodes.append('fqn:' ~ node.fqn | join('.')) %}
        {% endif %}
    {% endfor %}
    insert into intermediate.standing (fingerprint, nodes, relations, is_in_force)
    values (
        '{{ env_var("VELIB_BUILD_OF_EVERYTHING") }}',
        {{ dbt.string_literal(tojson(nodes | sort)) }},
        {{ dbt.string_literal(tojson(relations | sort)) }},
        true
    )
    on conflict (only_row) do update set
        fingerprint = excluded.fingerprint,
        nodes = excluded.nodes,
        relations = excluded.relations,
        is_in_force = true
{% endmacro %}

{% macro is_constant(node) %}
    {{ return(node and (node.resource_type == 'seed' or node.config.meta.get('is_constant', false)) or false) }}
{% endmacro %}

{#- Whether a data test reads constants alone. -#}
{% macro tests_constants(test) %}
    {% for parent in test.depends_on.nodes if not is_constant(graph.nodes.get(parent)) %}
        {{ return(false) }}
    {% endfor %}
    {{ return(test.depends_on.nodes | length > 0) }}
{% endmacro %}
