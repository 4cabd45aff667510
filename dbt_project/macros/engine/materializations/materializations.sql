{#- dbt's materializations for PostgreSQL, but for how what is made anew takes its place: put_in_place.sql says it. -#}

{% materialization view, adapter='postgres' %}
    {% set existing = load_cached_relation(this) %}
    {% set target = this.incorporate(type='view') %}
    {% set made = target if existing is none else beside(target) %}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement('main') %}{{ get_create_view_as_sql(made, with_one_alias(sql)) }}{% endcall %}
    {% if existing is not none %}{% do put_in_place(made, target) %}{% endif %}
    {% do apply_grants(target, config.get('grants'), should_revoke=should_revoke(existing)) %}
    {% do persist_docs(target, model) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{% materialization table, adapter='postgres' %}
    {% set target = this.incorporate(type='table') %}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% do make_table(target, sql) %}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{% materialization incremental, adapter='postgres' %}
    {% set existing = load_cached_relation(this) %}
    {% set target = this.incorporate(type='table') %}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% if existing is none or existing.is_view or should_full_refresh() %}
        {% do make_table(target, sql) %}
    {% else %}
        {% set result = make_temp_relation(target) %}
        {% do run_query(get_create_table_as_sql(True, result, with_one_alias(sql))) %}
        {% set on_schema_change = incremental_validate_on_schema_change(config.get('on_schema_change'), default='ignore') %}
        {% set strategy = adapter.get_incremental_strategy_macro(context, config.get('incremental_strategy') or 'default') %}
        {% set columns = process_schema_changes(on_schema_change, result, existing) %}
        {% set arguments = {
            'target_relation': target,
            'temp_relation': result,
            'unique_key': config.get('unique_key'),
            'dest_columns': columns or adapter.get_columns_in_relation(existing),
            'incremental_predicates': config.get('incremental_predicates'),
        } %}
        {% call statement('main') %}{{ with_one_alias(strategy(arguments)) }}{% endcall %}
        {% do apply_grants(target, config.get('grants'), should_revoke=true) %}
        {% do persist_docs(target, model) %}
        {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% endif %}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{#-
    A table made whole. Its indexes, statistics and watermark come first: a table in its place is one that readers wait for. So what
    post-hooks call `this` is the new table, wherever it is then.
-#}
{% macro make_table(target, sql) %}
    {% set existing = load_cached_relation(this) %}
    {% set made = target if existing is none else beside(target) %}
    {% call statement('main') %}{{ get_create_table_as_sql(False, made, with_one_alias(sql)) }}{% endcall %}
    {% do create_indexes(made) %}
    {% do apply_grants(made, config.get('grants'), should_revoke=false) %}
    {% do persist_docs(made, model) %}
    {{ run_hooks(post_hooks, inside_transaction=True, made=made) }}
    {% if existing is not none %}{% do put_in_place(made, target) %}{% endif %}
{% endmacro %}

{#- dbt's own, but that in the hooks of a table that is made whole `this` is that table. -#}
{% macro run_hooks(hooks, inside_transaction=True, made=none) %}
    {% for hook in hooks | selectattr('transaction', 'equalto', inside_transaction) %}
        {% if not inside_transaction and loop.first %}
            {% call statement(auto_begin=false) %}commit{% endcall %}
        {% endif %}
        {% set rendered = with_one_alias(render(hook.get('sql'))) | trim %}
        {% if made is not none %}{% set rendered = rendered | replace(this.render(), made.render()) %}{% endif %}
        {% if rendered %}{% call statement(auto_begin=inside_transaction) %}{{ rendered }}{% endcall %}{% endif %}
    {% endfor %}
{% endmacro %}

{#- With `--empty` dbt puts a query in the place of each relation, with an alias of its own: where a model gives it one, that counts. -#}
{% macro with_one_alias(query) %}
    {{ return(modules.re.sub('\\) _dbt_limit_subq_\\w+ as ', ') as ', query) if flags.EMPTY else query) }}
{% endmacro %}

{% macro postgres__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
    {{ dbt.default__get_test_sql(with_one_alias(main_sql), fail_calc, warn_if, error_if, limit) }}
{%- endmacro %}

{#- Where a relation is made anew while the old one is in its place. What a run of dbt before ours left there goes. -#}
{% macro beside(target) %}
    {% set made = make_intermediate_relation(target) %}
    {{ drop_relation_if_exists(load_cached_relation(made)) }}
    {{ return(made) }}
{% endmacro %}

{#- dbt truncates a seed, for which readers have to end, or drops it with its views. -#}
{% macro postgres__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
    {% if full_refresh %}
        {% set made = beside(this.incorporate(type='table')) %}
        {% set types = model['config'].get('column_types', {}) %}
        {% set statement_made %}
            create table {{ made }} (
                {% for name in agate_table.column_names %}
                    {{ adapter.quote_seed_column(name, model['config'].get('quote_columns')) }}
                    {{ types.get(name, adapter.convert_type(agate_table, loop.index0)) }}{{ ',' if not loop.last }}
                {% endfor %}
            )
        {% endset %}
        {% do run_query(statement_made) %}
        {% do put_in_place(made, this) %}
    {% else %}
        {% set statement_made = 'delete from ' ~ old_relation %}
        {% call statement() %}{{ statement_made }}{% endcall %}
    {% endif %}
    {{ return(statement_made) }}
{% endmacro %}
