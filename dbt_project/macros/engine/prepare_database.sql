{#-
    What has to be there before the first model, once nothing speaks against the run (guards.sql): the tables of the raw schema
    (empty, when nothing has been loaded yet, so that dbt builds on a fresh database too), the watermarks of the incremental
    models, the role that reads the mart, and the place of corrections. Then the run is written down (builds.sql).
-#}
{% macro prepare_database() %}
    {% if execute and flags.WHICH in ('run', 'build', 'test', 'snapshot', 'seed') %}
        {% do refuse_unsafe_run() %}
        {% do run_query(create_missing_raw_tables()) %}
        {% do run_query(create_watermarks()) %}
        {% do run_query(create_kept_position()) %}
        {% if builds_models() %}{% do run_query(adopt_watermarks()) %}{% endif %}
        {% do run_query(create_reader()) %}
        {% do run_query(create_corrections()) %}
        {% if flags.WHICH != 'test' %}{% do run_query(create_standing()) %}{% endif %}
        {% if builds_models() %}{% do run_query(begin_build()) %}{% endif %}
    {% endif %}
    select 1
{% endmacro %}

{% macro create_missing_raw_tables() %}
    create schema if not exists raw;
    {% for source in graph.sources.values() if source.source_name == 'raw' and source.config.meta.created_when_missing %}
        create table if not exists raw.{{ source.identifier }} (
            {% for column in source.columns.values() %}
                {{ column.name }} {{ column.data_type }}{{ ',' if not loop.last }}
            {% endfor %}
        );
    {% endfor %}
{% endmacro %}

{#- Privileges on roles may be missing on a server of one's own: then its owner makes the role, and says so when it is absent. -#}
{% macro create_reader() %}
    do $$
    begin
        if not exists (select 1 from pg_roles where rolname = 'velib_reader') then
            create role velib_reader nologin;
        end if;
    exception
        when duplicate_object or unique_violation then null;
        when insufficient_privilege then
            raise exception 'the role velib_reader is missing and % may not create it: ask the server''s owner for it',
                current_user;
    end
    $$;
    do $$
    begin
        -- A reader who has begun a transaction and asks nothing holds up whoever has to replace what he has read. What the owner has
        -- set, 0 for never, stays.
        if not exists (
            select from pg_db_role_setting as settings
            where
                settings.setrole = 'velib_reader'::regrole
                and array_to_string(settings.setconfig, ',') like '%idle_in_transaction_session_timeout=%'
        ) then
            alter role velib_reader set idle_in_transaction_session_timeout = '{{ var("reader_idle_minutes") }}min';
        end if;
    exception
        when insufficient_privilege then null;
    end
    $$;
    create schema if not exists mart;
    create schema if not exists compat;
    grant usage on schema mart, compat to velib_reader;
{% endmacro %}
