{#-
    How a relation that is made anew takes the place of the old one, with nobody ever seeing it missing. dbt would drop the old one with
    all that stands on it, which then is away until it is built itself: for good, where a run leaves it out.

    Here nothing is dropped that something stands on. The new relation is made beside the old one. Then, in one transaction:
      - a view that says what the old one says is dropped again, and the old one stays;
      - a view with the old one's columns, and perhaps more after them, is written over the old one;
      - all else changes names with the old one, and each view that stands on the old one is written over itself: its text has names,
        which now mean the new one. So it keeps its grants, comments, owner and triggers, and so does what stands on it.
    A view that does not fit the new one (a column that it reads is gone) goes on standing on the old one, under another name, until
    it is built itself. At the end of each run such old ones go on which nothing stands any more.

    Readers wait for a moment, and find the new one: PostgreSQL looks a name up again after it has waited for its lock. Who asks for
    such a lock and waits has all later readers wait behind him. So it is asked for only a moment at a time, and that also ends what
    would be a deadlock with a reader; between the tries readers have their way. Who is in the way for longer is named.
-#}

{#- `made` is there beside `target`, which may be a table or a view. In the model's transaction, as its last step. -#}
{% macro put_in_place(made, target) %}
    {% set began, said = modules.datetime.datetime.now(), [] %}
    {# As long as Jinja lets a loop be: five hours and more. #}
    {% for attempt in range(100000) %}
        {% set outcome = run_query(put_in_place_now(made, target)).rows[0] %}
        {# What is built in this run too will fit by then. #}
        {% for view in outcome['left_behind'].split(', ') if view and 'model.' ~ project_name ~ '.' ~ view.split('.')[-1] not in selected_resources %}
            {% do exceptions.warn(
                view ~ " does not fit the new " ~ target.schema ~ "." ~ target.identifier ~ " and goes on showing the old one: build it too"
            ) %}
        {% endfor %}
        {% if not outcome['blocked_by'] %}{{ return('') }}{% endif %}
        {% set seconds = (modules.datetime.datetime.now() - began).total_seconds() %}
        {% if seconds > var('lock_wait_seconds') or loop.last %}
            {% do fail(
                target.schema ~ "." ~ target.identifier ~ " could not be replaced for " ~ var('lock_wait_seconds')
                ~ " seconds, since it is in use by " ~ outcome['blocked_by'] ~ ": end that (select pg_terminate_backend(pid)), then build again"
            ) %}
        {% elif seconds > 2 and outcome['blocked_by'] not in said %}
            {% do said.append(outcome['blocked_by']) %}
            {% do log(
                "waiting to replace " ~ target.schema ~ "." ~ target.identifier ~ ", in use by " ~ outcome['blocked_by'], info=true
            ) %}
        {% endif %}
    {% endfor %}
{% endmacro %}

{#-
    Statements that do so, or find within half a second that somebody is in the way; and a query that says who, and which views were left
    behind. The locks come before the texts: another model of this run may be replacing what the same view reads.
-#}
{% macro put_in_place_now(made, target) %}
    do $put_in_place$
    declare
        made constant oid := '{{ made }}'::regclass;
        old constant oid := '{{ target }}'::regclass;
        are_views constant boolean := 2 = (select count(*) from pg_class where oid in (made, old) and relkind = 'v');
        columns_made constant text[] := {{ columns_as_text('made') }};
        columns_old constant text[] := {{ columns_as_text('old') }};
        fits constant boolean := are_views and columns_made[:cardinality(columns_old)] = columns_old;
        -- Those that another role owns cannot be written over, unless we may all.
        views oid[] := array[]::oid[];
        patience constant text := current_setting('lock_timeout');
        relation oid;
        statement text;
        statements text[];
        left_behind text[] := array[]::text[];
    begin
        perform set_config('velib.blocked_by', '', true), set_config('velib.left_behind', '', true);
        if fits and columns_made = columns_old and pg_get_viewdef(made) = pg_get_viewdef(old) then
            execute format('drop view %s', made::regclass);
            return;
        end if;

        if not fits then
            views := array(
                select distinct rules.ev_class
                from pg_depend as dependencies
                inner join pg_rewrite as rules on dependencies.objid = rules.oid
                inner join pg_class as relations on rules.ev_class = relations.oid
                where
                    dependencies.refclassid = 'pg_class'::regclass
                    and dependencies.refobjid = old
                    and dependencies.classid = 'pg_rewrite'::regclass
                    and rules.ev_class <> old
                    and relations.relkind = 'v'
                    and pg_has_role(current_user, relations.relowner, 'usage')
                -- What stands on others comes first, as readers lock it: views are younger than what they stand on.
                order by rules.ev_class desc
            );
        end if;

        begin
            perform set_config('lock_timeout', '500ms', true);
            foreach relation in array views || old loop
                -- It changes nothing, and locks this relation alone: `lock table` of a view locks all that it reads.
                execute (
                    select format('alter table %s owner to %I', oid::regclass, pg_get_userbyid(relowner))
                    from pg_class
                    where oid = relation
                );
            end loop;
            perform set_config('lock_timeout', patience, true);
        exception
            when lock_not_available then
                perform set_config('velib.blocked_by', coalesce({{ in_use_by('views || old') }}, 'somebody who has just ended'), true);
                perform pg_sleep(0.2);
                return;
        end;

        if fits then
            execute format('create or replace view %s as %s', old::regclass, pg_get_viewdef(made));
            execute format('drop view %s', made::regclass);
            return;
        end if;

        statements := array(
            select format(
                'create or replace view %s %s as %s',
                view::regclass,
                (select 'with (' || array_to_string(reloptions, ', ') || ')' from pg_class where oid = view),
                pg_get_viewdef(view)
            )
            from unnest(views) as view
        );
        execute format('alter table %s rename to %I', old::regclass, left('{{ target.identifier }}', 40) || '{{ replaced() }}' || old);
        execute format('alter table %s rename to %I', made::regclass, '{{ target.identifier }}');
        for i in 1 .. cardinality(statements) loop
            begin
                execute statements[i];
            exception
                when syntax_error_or_access_rule_violation or feature_not_supported then
                    left_behind := left_behind || views[i]::regclass::text;
            end;
        end loop;
        perform set_config('velib.left_behind', array_to_string(left_behind, ', '), true);
        begin
            execute format('drop %s %s', (select case when relkind = 'v' then 'view' else 'table' end from pg_class where oid = old), old::regclass);
        exception
            when dependent_objects_still_exist then null;
        end;
    end
    $put_in_place$;
    select
        current_setting('velib.blocked_by') as blocked_by,
        current_setting('velib.left_behind') as left_behind
{% endmacro %}

{#- What a relation under another name, on which something stands, has in its name. -#}
{% macro replaced() %}{{ return('__replaced_') }}{% endmacro %}

{#- The columns of a relation, each with all that `create or replace view` wants to be the same. -#}
{% macro columns_as_text(relation) -%}
    array(
            select concat_ws(' ', attname, atttypid, atttypmod, attcollation)
            from pg_attribute
            where attrelid = {{ relation }} and attnum > 0 and not attisdropped
            order by attnum
        )
{%- endmacro %}

{#- Who holds locks on these relations. Of other roles' sessions not everybody may see more than the number. -#}
{% macro in_use_by(relations) -%}
    (
                    select string_agg(
                        format(
                            'pid %s (role %s, %s, %s since %s)',
                            sessions.pid,
                            coalesce(sessions.usename, '?'),
                            coalesce(nullif(sessions.application_name, ''), 'no application name'),
                            coalesce(sessions.state, '?'),
                            coalesce(to_char(sessions.state_change, 'YYYY-MM-DD HH24:MI:SS TZ'), '?')
                        ),
                        ', '
                        order by sessions.pid
                    )
                    from pg_stat_activity as sessions
                    where sessions.pid <> pg_backend_pid() and sessions.pid in (
                        select locks.pid
                        from pg_locks as locks
                        where locks.granted and locks.locktype = 'relation' and locks.relation = any({{ relations }})
                        and locks.database = (select oid from pg_database where datname = current_database())
                    )
                )
{%- endmacro %}

{#- At the end of a run: the relations that were replaced and had to stay, and on which nothing stands now. -#}
{% macro drop_replaced() %}
    do $drop_replaced$
    declare
        replaced record;
        patience constant text := current_setting('lock_timeout');
    begin
        for replaced in
            select
                relations.oid,
                case when relations.relkind = 'v' then 'view' else 'table' end as kind
            from pg_class as relations
            inner join pg_namespace as schemas on relations.relnamespace = schemas.oid
            where
                relations.relname ~ '{{ replaced() }}[0-9]+$'
                and relations.relkind in ('v', 'r')
                and schemas.nspname in ('staging', 'intermediate', 'mart', 'compat')
            -- Views are younger than what they stand on.
            order by relations.oid desc
        loop
            begin
                perform set_config('lock_timeout', '500ms', true);
                execute format('drop %s %s', replaced.kind, replaced.oid::regclass);
            exception
                when dependent_objects_still_exist or lock_not_available or insufficient_privilege then null;
            end;
        end loop;
        perform set_config('lock_timeout', patience, true);
    end
    $drop_replaced$;
{% endmacro %}

{#- Whoever asks dbt to drop a relation, for whatever reason, does not ask for more. -#}
{% macro postgres__drop_table(relation) %}drop table if exists {{ relation }}{% endmacro %}
{% macro postgres__drop_view(relation) %}drop view if exists {{ relation }}{% endmacro %}

{#- A view may be the old one still: grants that a model has no more are taken back. -#}
{% macro postgres__copy_grants() %}{{ return(true) }}{% endmacro %}
