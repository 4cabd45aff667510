{#-
    What a run must not do, said in one line ("refused: …") before anything is touched: work beside another build, read raw tables
    of another layout, or add to a mart that was built from another raw schema, by other models or with other vars.
-#}
{% macro refuse_unsafe_run() %}
    {% do refuse_old_vars() %}
    {% do refuse_other_encoding() %}
    {% if flags.WHICH != 'test' %}{% do refuse_beside_another_build() %}{% endif %}
    {% do refuse_other_layout() %}
    {% if builds_models() %}
        {% do refuse_to_lose_the_pruned() %}
        {% do refuse_stale_mart() %}
    {% endif %}
{% endmacro %}

{#- The vars that had another name once, by that name. Whoever says the old one is told; in a watermark it stands for the new one. -#}
{% macro renamed_vars() %}{{ return({'saturated_share': 'saturated_fill_rate'}) }}{% endmacro %}

{#- dbt itself passes over a var that nobody reads. -#}
{% macro refuse_old_vars() %}
    {% for old, new in renamed_vars().items() if var(old, none) is not none %}
        {% do refuse("the var " ~ old ~ " is called " ~ new ~ " now: set that one") %}
    {% endfor %}
{% endmacro %}

{#- Seeds and literals hold accents. `velib` and Dagster see to the connection's encoding, plain dbt cannot. -#}
{% macro refuse_other_encoding() %}
    {% set encodings = run_query("select current_setting('server_encoding'), current_setting('client_encoding')").rows[0] %}
    {% if encodings[0] != 'UTF8' %}
        {% do refuse("the database is encoded in " ~ encodings[0] ~ ", and has to be in UTF8") %}
    {% elif encodings[1] != 'UTF8' %}
        {% do refuse("the connection's encoding is " ~ encodings[1] ~ ", and has to be UTF8: unset PGCLIENTENCODING") %}
    {% endif %}
{% endmacro %}

{#- Whether this run makes models: what only tests, or loads seeds, builds on nothing. -#}
{% macro builds_models() %}
    {% for unique_id in selected_resources if unique_id.startswith('model.') and flags.WHICH in ('run', 'build') %}
        {{ return(true) }}
    {% endfor %}
    {{ return(false) }}
{% endmacro %}

{#- `velib build` and Dagster hold the lock on builds while dbt works (velib/building/dbt_process.py, which says who its holder is). -#}
{% macro refuse_beside_another_build() %}
    {% set holders = run_query(
        "select pid from pg_locks where locktype = 'advisory' and granted and objsubid = 1"
        ~ " and database = (select oid from pg_database where datname = current_database())"
        ~ " and (cast(classid as bigint) << 32) + cast(objid as bigint) = " ~ build_lock()
    ).columns[0].values() %}
    {% if holders and holders[0] | string != env_var('VELIB_BUILD_LOCK_HOLDER', '') %}
        {% do refuse("another build is running on this database (pid " ~ holders[0] ~ "): wait for it to end") %}
    {% endif %}
{% endmacro %}

{% macro build_lock() %}{{ return(33841459485) }}{% endmacro %}

{#- The loader writes raw.layout. What it wrote before it did so was layout 1. -#}
{% macro refuse_other_layout() %}
    {% set layout = raw_layout() %}
    {% if layout.version > var('raw_layout') %}
        {% do refuse(
            "a newer version of this project loaded the database (layout " ~ layout.version ~ " of raw, known up to "
            ~ var('raw_layout') ~ "): update the project"
        ) %}
    {% elif layout.version < var('raw_layout') %}
        {% do refuse(
            "an older version of this project loaded the database (layout " ~ layout.version ~ " of raw, needed is "
            ~ var('raw_layout') ~ "): run `velib status` once, which brings it up to date"
        ) %}
    {% endif %}
{% endmacro %}

{#- version, raw_id (null before the first load), and the last change set there is. -#}
{% macro raw_layout() %}
    {% set there = run_query(
        "select to_regclass('raw.layout') is not null, to_regclass('raw._dlt_loads') is not null,"
        ~ " to_regclass('raw.snapshots') is not null"
    ).rows[0] %}
    {% set last = run_query("select coalesce(max(change_set_id), 0) from raw.snapshots").columns[0].values()[0] if there[2] else 0 %}
    {% set rows = run_query("select version, cast(raw_id as text) from raw.layout").rows if there[0] else [] %}
    {% if rows | length %}
        {{ return({'version': rows[0][0] | int, 'raw_id': rows[0][1], 'last': last}) }}
    {% endif %}
    {{ return({'version': 1 if there[1] and last > 0 else var('raw_layout'), 'raw_id': none, 'last': last}) }}
{% endmacro %}

{#- Where change sets are pruned (`velib keep`), what incremental models hold of that time is nowhere else. -#}
{% macro refuse_to_lose_the_pruned() %}
    {% set there = run_query("select to_regclass('raw.prunings') is not null").columns[0].values()[0] %}
    {% set rows = run_query("select cast(max(pruned_through) as text) from raw.prunings").rows if there else [[none]] %}
    {% set lost = [] %}
    {% for unique_id in selected_resources if rows[0][0] and reads_change_sets(graph.nodes.get(unique_id)) %}
        {% set node = graph.nodes[unique_id] %}
        {% set relation = adapter.get_relation(database=node.database, schema=node.schema, identifier=node.alias) %}
        {% if flags.FULL_REFRESH or relation is none %}{% do lost.append(node.name) %}{% endif %}
    {% endfor %}
    {% if lost %}
        {% do refuse(
            "the change sets up to " ~ rows[0][0] ~ " are pruned, and to build " ~ lost | sort | join(', ')
            ~ " from scratch would lose all before: load the files into another VELIB_HOME or database, and build there"
        ) %}
    {% endif %}
{% endmacro %}

{#- Whether a node is a table that grows by what change sets say. -#}
{% macro reads_change_sets(node) %}
    {% if node and node.resource_type == 'model' and node.config.materialized == 'incremental' %}
        {% for name in ['bike_changes', 'bike_sightings', 'station_changes', 'station_listings', 'station_attribute_changes'] %}
            {% if 'model.' ~ project_name ~ '.stg_' ~ name in node.depends_on.nodes %}{{ return(true) }}{% endif %}
        {% endfor %}
    {% endif %}
    {{ return(false) }}
{% endmacro %}

{#- What incremental models hold can be added to only by the same models, with the same vars, from the same raw schema. -#}
{% macro refuse_stale_mart() %}
    {% set stale = stale_models() %}
    {% set kept = [] %}
    {% for model in stale if not (flags.FULL_REFRESH and model.unique_id in selected_resources) %}
        {% do kept.append(model) %}
    {% endfor %}
    {% if kept %}
        {% set cause = (kept | sort(attribute='rank') | first).cause %}
        {% if flags.FULL_REFRESH %}
            {% do refuse(
                cause ~ ", and this run leaves out " ~ (kept | map(attribute='name') | sort | join(', '))
                ~ ": run `velib build --full-refresh` without a selection"
            ) %}
        {% elif kept | selectattr('rank', 'equalto', 1) | list %}
            {% do refuse(cause ~ ": update the project") %}
        {% else %}
            {% do refuse(cause ~ ": run `velib build --full-refresh`, which builds it anew") %}
        {% endif %}
    {% endif %}
{% endmacro %}

{#- The models whose table was built otherwise than this run would, each with the cause; 1 is the gravest rank. -#}
{% macro stale_models() %}
    {% set raw, stale = raw_layout(), [] %}
    {% for row in built_models() %}
        {% set name, through, version, raw_id, vars = row[0], row[1], row[2] | int, row[3], row[4] %}
        {% set unique_id = 'model.' ~ project_name ~ '.' ~ name %}
        {% set differing = differing_vars(fromjson(vars, {})) if vars else [] %}
        {% set cause = none %}
        {% if version > var('models_version') %}
            {% set rank = 1 %}
            {% set cause = "the mart was built by a newer version of the models (" ~ version ~ ", these are " ~ var('models_version') ~ ")" %}
        {% elif version < var('models_version') %}
            {% set rank = 2 %}
            {% set cause = "the mart was built by an older version of the models (" ~ version ~ ", these are " ~ var('models_version') ~ ")" %}
        {% elif through > 0 and ((raw_id and raw_id != raw.raw_id) or through > raw.last) %}
            {% set rank = 3 %}
            {% set cause = "the mart was built from another raw schema than the one that is there" %}
        {% elif through > 0 and differing %}
            {% set rank = 4 %}
            {% set cause = "the mart was built with other vars (" ~ differing | join(', ') ~ ")" %}
        {% endif %}
        {# Of what is a view by now nothing is built. #}
        {% if cause and graph.nodes.get(unique_id, {}).get('config', {}).get('materialized') == 'incremental' %}
            {% do stale.append({'name': name, 'unique_id': unique_id, 'rank': rank, 'cause': cause}) %}
        {% endif %}
    {% endfor %}
    {{ return(stale) }}
{% endmacro %}

{#- The watermarks of the tables that are there. Through JSON, since a watermark of an earlier version has fewer columns. -#}
{% macro built_models() %}
    {% if not run_query("select to_regclass('intermediate.build_watermarks') is not null").columns[0].values()[0] %}
        {{ return([]) }}
    {% endif %}
    {{ return(run_query(
        "select built.model_name, built.change_set_id,"
        ~ " coalesce(cast(to_jsonb(built) ->> 'models_version' as integer), 1),"
        ~ " to_jsonb(built) ->> 'raw_id', to_jsonb(built) ->> 'vars_fingerprint'"
        ~ " from intermediate.build_watermarks as built"
        ~ " where exists (select from pg_class as c inner join pg_namespace as n on c.relnamespace = n.oid"
        ~ " where c.relname = built.model_name and n.nspname in ('intermediate', 'mart'))"
        ~ " order by built.model_name"
    ).rows) }}
{% endmacro %}

{#- The vars that what is in incremental models depends on; all others take effect with any build. -#}
{% macro shaping_vars() %}
    {% set shaping = {} %}
    {% for name in [
        'gap_seconds', 'flicker_seconds', 'maintenance_seconds', 'maintenance_least_seconds', 'maintenance_battery_points',
        'rebalancing_bikes', 'implausible_kmh', 'long_seconds', 'boomerang_seconds', 'earth_radius_m', 'time_zone',
        'states_in_service', 'saturated_fill_rate', 'position_tolerance_degrees',
    ] %}
        {% do shaping.update({name: var(name)}) %}
    {% endfor %}
    {{ return(shaping) }}
{% endmacro %}

{% macro vars_fingerprint() %}{{ return(tojson(shaping_vars(), sort_keys=true)) }}{% endmacro %}

{#-
    Such as "gap_seconds 2700, now 1800". A var that is newer than a model's watermark is none that the model read: one that begins to
    read another var is of another version.
-#}
{% macro differing_vars(before) %}
    {% set now, differing = shaping_vars(), [] %}
    {% for name in before.keys() | sort %}
        {% set name_now = renamed_vars().get(name, name) %}
        {% if before.get(name) != now.get(name_now) %}
            {% do differing.append(name_now ~ ' ' ~ before.get(name) ~ ', now ' ~ now.get(name_now, 'unset')) %}
        {% endif %}
    {% endfor %}
    {{ return(differing) }}
{% endmacro %}

{% macro refuse(why) %}{% do fail('refused: ' ~ why) %}{% endmacro %}

{#- Ends the run, or the model, with one line. Below a compiler error, which this is not, dbt would list the macros that led to it. -#}
{% macro fail(why) %}{% do exceptions.raise_dependency_error(why) %}{% endmacro %}
