{#-
    The runs that made models, in intermediate.builds: one that died has no end there, and `velib status` says so. Killed in the
    middle, it leaves models of two states beside each other until the next run, which no watermark tells of. Which is the newest says
    build_number, and not the clock, which may have been wrong.
-#}
{% macro begin_build() %}
    create table if not exists intermediate.builds (
        invocation_id text primary key,
        started_at timestamptz not null default now(),
        ended_at timestamptz,
        has_succeeded boolean,
        build_number bigint generated always as identity
    );
    -- Asked for first: altering waits for whoever reads the table, also where there is nothing to be done.
    do $$
    begin
        if not exists (
            select from pg_attribute
            where attrelid = 'intermediate.builds'::regclass and attname = 'build_number' and not attisdropped
        ) then
            -- What was built before builds had numbers has only its clock to go by.
            alter table intermediate.builds add column build_number bigint;
            update intermediate.builds
            set build_number = numbered.build_number
            from (
                select invocation_id, row_number() over (order by started_at, invocation_id) as build_number
                from intermediate.builds
            ) as numbered
            where builds.invocation_id = numbered.invocation_id;
            alter table intermediate.builds alter column build_number set not null;
            alter table intermediate.builds alter column build_number add generated always as identity;
            perform setval(
                pg_get_serial_sequence('intermediate.builds', 'build_number'),
                coalesce((select max(build_number) from intermediate.builds), 0) + 1,
                false
            );
        end if;
    end
    $$;
    delete from intermediate.builds where started_at < now() - interval '30 days';
    insert into intermediate.builds (invocation_id) values ('{{ invocation_id }}');
    {{ create_refreshes() }}
{% endmacro %}

{#- on-run-end. dbt runs it after failures too. -#}
{% macro end_build(results) %}
    {% if execute and builds_models() %}
        {% set failed = results | selectattr('status', 'in', ['error', 'fail', 'skipped', 'runtime error']) | list %}
        update intermediate.builds
        set ended_at = now(), has_succeeded = {{ 'false' if failed else 'true' }}
        where invocation_id = '{{ invocation_id }}';
        {{ drop_replaced() }}
        {{ note_refreshes() }}
        {% if not failed and env_var('VELIB_BUILD_OF_EVERYTHING', '') %}{{ note_standing() }}{% endif %}
    {% else %}
        select 1
    {% endif %}
{% endmacro %}
