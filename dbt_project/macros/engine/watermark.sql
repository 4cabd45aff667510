{#-
    How far each incremental model has applied the change sets. The loader numbers change sets in the order in which loads are
    completed, so "what is new" is one comparison. A model and its watermark are committed together (the post-hook runs in the
    model's transaction): a build killed anywhere is made up for by the next. Beside it stands what the model was built from, by
    which version of the models, and with which vars: guards.sql refuses to add to what was built otherwise.
-#}
{% macro create_watermarks() %}
    create schema if not exists intermediate;
    create table if not exists intermediate.build_watermarks (
        model_name text primary key,
        change_set_id integer not null
    );
    do $$
    begin
        -- Not `add column if not exists`: that would lock the table, and wait for whoever reads it, at each build.
        if not exists (
            select 1
            from pg_attribute
            where attrelid = 'intermediate.build_watermarks'::regclass and attname = 'vars_fingerprint'
        ) then
            alter table intermediate.build_watermarks
                add column raw_id uuid,
                add column models_version integer,
                add column vars_fingerprint text;
        end if;
    end
    $$;
{% endmacro %}

{#-
    Watermarks without a past: a mart of before these columns, or one that was built before the raw schema had a name. And those
    of tables that are views by now: nothing moves them any more, and they would say for ever that a build fell behind.
-#}
{% macro adopt_watermarks() %}
    {% set raw_id = current_raw_id() %}
    {% for model in graph.nodes.values() if model.resource_type == 'model' and model.config.materialized == 'view' %}
        {{ "delete from intermediate.build_watermarks where model_name in ('" if loop.first else "', '" }}{{ model.name }}{{ "');" if loop.last }}
    {% endfor %}
    update intermediate.build_watermarks
    set
        raw_id = coalesce(raw_id, {{ raw_id }}),
        models_version = coalesce(models_version, 1),
        vars_fingerprint = coalesce(vars_fingerprint, {{ dbt.string_literal(dbt.escape_single_quotes(vars_fingerprint())) }})
    where
        raw_id is distinct from coalesce(raw_id, {{ raw_id }})
        or models_version is null
        or vars_fingerprint is null
{% endmacro %}

{#- The raw schema's name as SQL; null where nothing was loaded yet. -#}
{% macro current_raw_id() %}
    {% set raw_id = raw_layout().raw_id if execute else none %}
    {{ return("cast('" ~ raw_id ~ "' as uuid)" if raw_id else 'cast(null as uuid)') }}
{% endmacro %}

{#- Whether `model_name` is there to be added to: false before its first build, and when it is to be built anew. -#}
{% macro is_built(model_name) %}
    {# While parsing the answer is yes, so that dbt sees every ref. #}
    {% if not execute %}{{ return(true) }}{% endif %}
    {% if flags.FULL_REFRESH or not flags.WHICH in ('run', 'build') %}{{ return(false) }}{% endif %}
    {% set relation = this.incorporate(path={'identifier': model_name, 'schema': velib_schema_of(model_name)}) %}
    {{ return(load_relation(relation) is not none and log_reaches(model_name)) }}
{% endmacro %}

{#- The last change set that `model_name` has applied; 0 when it is not built. -#}
{% macro applied_through(model_name) %}
    {% if not execute or not is_built(model_name) %}{{ return(0) }}{% endif %}
    {% set rows = run_query(
        "select change_set_id from intermediate.build_watermarks where model_name = '" ~ model_name ~ "'"
    ) %}
    {{ return(rows.columns[0].values()[0] if rows | length else 0) }}
{% endmacro %}

{% macro velib_schema_of(model_name) %}
    {{ return('intermediate' if model_name.startswith('int_') else 'mart') }}
{% endmacro %}

{#- Post-hook: `through` is a query for the last change set that the model has now applied. With `--empty` it has applied none. -#}
{% macro advance_watermark(through) %}
    {% if flags.EMPTY and is_incremental() %}{{ return('select 1') }}{% endif %}
    insert into intermediate.build_watermarks (model_name, change_set_id, raw_id, models_version, vars_fingerprint)
    select
        '{{ this.identifier }}',
        {{ 0 if flags.EMPTY else 'coalesce((' ~ through ~ '), 0)' }},
        {{ current_raw_id() }},
        {{ var('models_version') }},
        {{ dbt.string_literal(dbt.escape_single_quotes(vars_fingerprint())) }}
    on conflict (model_name) do update set
        change_set_id = excluded.change_set_id,
        raw_id = excluded.raw_id,
        models_version = excluded.models_version,
        vars_fingerprint = excluded.vars_fingerprint
{% endmacro %}

{% macro through_snapshots() -%}
    {# Of itself, the model has to be asked as `this`: while it is made anew, its name means the old one (run_hooks). #}
    {% set snapshots = this.render() if this.identifier == 'int_snapshots' else 'intermediate.int_snapshots' %}
    {{ advance_watermark('select max(change_set_id) from ' ~ snapshots) }}
{%- endmacro %}

{% macro through_scope(scope) -%}
    {{ advance_watermark('select max(horizon) from intermediate.' ~ scope) }}
{%- endmacro %}

{#- Statistics for a table just made: the models after it are planned in the same run, before autovacuum has seen it. -#}
{% macro analyze_when_new() %}
    do $$
    begin
        if not exists (
            select 1
            from pg_stats as statistics
            inner join pg_class as tables on statistics.tablename = tables.relname
            where
                tables.oid = '{{ this }}'::regclass
                and statistics.schemaname = '{{ this.schema }}'
        ) then
            analyze {{ this }};
            -- From then on by rows, not by a tenth of the table: that is a month of a year, and what statistics have never heard of (a
            -- new month, a new day) counts as one row, for which loops are planned that are wrong for thousands.
            alter table {{ this }} set (autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000);
        end if;
    end
    $$
{% endmacro %}

{#- An index dbt's `indexes` config cannot say (partial). Named after the table's oid: a full refresh builds beside the old one. -#}
{% macro partial_index(suffix, columns, condition) %}
    do $$
    begin
        execute format(
            'create index if not exists %I on {{ this }} ({{ columns | replace("'", "''") }}) where {{ condition | replace("'", "''") }}',
            '{{ suffix }}_' || '{{ this }}'::regclass::oid
        );
    end
    $$
{% endmacro %}
