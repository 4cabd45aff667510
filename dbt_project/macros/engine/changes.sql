{#-
    A log of what changed in an incremental model, for models that hold sums over it: a year of trips need not be read to add an hour.

    Who keeps one. A model with meta.keeps_changes (and the strategy replace_scope) writes what it deletes and inserts into
    intermediate.<model>_changes too, in the same transaction: its own columns, `sign` (-1 gone, 1 new), and `horizon`, the change
    set through which the model is built by then. The sum of sign * x over the rows beyond a reader's own watermark is what a sum of x
    that the reader holds has to change by. It is exact whatever came late, and nothing is counted twice, since a reader's rows and
    its watermark are committed together.

    Who reads it. A model with meta.changes_of (the name of the model that keeps the log), by changes_since_applied or
    changes_since; its watermark is moved by through_changes_of.

    Where it begins. Whenever the table of the model is made whole, the log begins anew, and the watermarks of its readers are taken
    back: what they have applied is of another table. Its row of sign 0 says where it begins: it holds all changes after that
    row's horizon. A reader whose watermark lies before that cannot be brought up to date by the log. It is made whole itself, as with
    --full-refresh: should_full_refresh and is_built ask log_reaches.

    Where it ends. What all readers have applied is deleted by the next build of the model, and the log then begins there. A reader
    that is not built does not count.
-#}

{#- For a reader: the log's rows beyond the change set `applied`. -#}
{% macro changes_since(model_name, applied) -%}
    (
        select changes.*
        from {{ changes_log(model_name) }} as changes
        where changes.horizon > {{ applied }}
    )
{%- endmacro %}

{#- For a reader that adds up: what it has not applied yet. When it is made whole, all rows of the model are new to it. -#}
{% macro changes_since_applied(model_name) -%}
    {%- set whole = ref(model_name) -%}
    {%- if is_incremental() -%}
        {{ changes_since(model_name, applied_through(this.identifier)) }}
    {%- else -%}
        (
        select
            whole.*,
            1 as sign
        from {{ whole }} as whole
    )
    {%- endif -%}
{%- endmacro %}

{#- Post-hook of a reader: its watermark is that of the model whose changes, or whose rows, it has now applied. -#}
{% macro through_changes_of(model_name) -%}
    {{ advance_watermark(
        "select change_set_id from intermediate.build_watermarks where model_name = '" ~ model_name ~ "'"
    ) }}
{%- endmacro %}

{#- Whether the log has all that the reader `model_name` has not applied. True of models that read none. -#}
{% macro log_reaches(model_name) %}
    {% set read = graph.nodes.get('model.' ~ project_name ~ '.' ~ model_name, {}).get('config', {}).get('meta', {}).get('changes_of') %}
    {% if not execute or not read %}{{ return(true) }}{% endif %}
    {% if load_relation(changes_log(read)) is none %}{{ return(false) }}{% endif %}
    {{ return(run_query(
        "select 1 from " ~ changes_log(read) ~ " as log inner join intermediate.build_watermarks as built"
        ~ " on log.horizon <= built.change_set_id where log.sign = 0 and built.model_name = '" ~ model_name ~ "'"
    ).rows | length > 0) }}
{% endmacro %}

{#- dbt's own, which every incremental model asks whether to make its table whole. -#}
{% macro should_full_refresh() %}
    {{ return(dbt.should_full_refresh() or not log_reaches(this.identifier)) }}
{% endmacro %}

{% macro changes_log(model_name) %}
    {# Where a unit test is parsed, there is no `this`. #}
    {% if not execute %}{{ return(model_name ~ '_changes') }}{% endif %}
    {{ return(this.incorporate(path={'identifier': model_name ~ '_changes', 'schema': velib_schema_of(model_name)})) }}
{% endmacro %}

{#- Post-hook of a model that keeps a log, after the one that moves its watermark: a log for a table just made whole. -#}
{% macro begin_changes() %}
    {% set log = changes_log(this.identifier) %}
    {% if is_incremental() and load_relation(log) is not none %}
        select 1
    {% else %}
        drop table if exists {{ log }};
        create table {{ log }} as
        select
            model.*,
            cast(0 as smallint) as sign,
            built.change_set_id as horizon
        from intermediate.build_watermarks as built
        left join {{ this }} as model on false
        where built.model_name = '{{ this.identifier }}';
        update intermediate.build_watermarks set change_set_id = -1
        where model_name in ('{{ readers_of_changes() | map(attribute='name') | join("', '") }}');
    {% endif %}
{% endmacro %}

{#- The models that read the log of this one. -#}
{% macro readers_of_changes() %}
    {% set readers, nodes = [], graph.nodes.values() if execute else [] %}
    {% for node in nodes if node.resource_type == 'model' and node.config.meta.get('changes_of') == this.identifier %}
        {% do readers.append(node) %}
    {% endfor %}
    {{ return(readers) }}
{% endmacro %}

{#- Of replace_scope: the change set through which the model is to be built by its scope; none where no log is to be written. -#}
{% macro horizon_to_log() %}
    {% set meta = config.get('meta') %}
    {% if not meta.get('keeps_changes') or load_relation(changes_log(this.identifier)) is none %}{{ return(none) }}{% endif %}
    {{ return(run_query("select max(horizon) from " ~ ref(meta['scope'])).columns[0].values()[0]) }}
{% endmacro %}

{#- Of replace_scope: a statement whose rows, `row`, are logged where `horizon` is given. -#}
{% macro logged(horizon, sign, row) %}
    {% if horizon is none %}
        {{ caller() }};
    {% else %}
        with changed as (
            {{ caller() }}
            returning {{ row }}.*
        )

        insert into {{ changes_log(this.identifier) }}
        select
            changed.*,
            {{ sign }},
            {{ horizon }}
        from changed;
    {% endif %}
{% endmacro %}

{#- Of replace_scope: deletes what all readers that are built have applied. The log then begins there. -#}
{% macro forget_applied_changes() %}
    {% set log, built = changes_log(this.identifier), [] %}
    {% for reader in readers_of_changes() %}
        {% if load_relation(this.incorporate(path={'identifier': reader.name, 'schema': reader.schema})) is not none %}
            {% do built.append(reader.name) %}
        {% endif %}
    {% endfor %}
    {% set applied_by_all = run_query(
        "select coalesce(min(change_set_id), " ~ applied_through(this.identifier) ~ ")"
        ~ " from intermediate.build_watermarks where model_name in ('" ~ built | join("', '") ~ "')"
    ).columns[0].values()[0] %}
    delete from {{ log }} where sign <> 0 and horizon <= {{ applied_by_all }};
    update {{ log }} set horizon = {{ applied_by_all }} where sign = 0 and horizon < {{ applied_by_all }};
{% endmacro %}
