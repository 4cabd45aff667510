{#-
    What the interval models say of the stretches that they compute anew. A scope model has one row a stretch [from_at, to_at) of a
    station or a bike, its `key`; a build from scratch has one stretch for all of time.
-#}

{#- In a select list: the stretch that a row lies in. -#}
{% macro stretch_columns() -%}
    {%- if is_incremental() -%}
        scope.from_at,
            scope.to_at
    {%- else -%}
        {{ since_ever() }} as from_at,
            {{ forever() }} as to_at
    {%- endif -%}
{%- endmacro %}

{#- The join of `relation` to the stretches, as `scope`: its rows whose moment `at` lies in one. -#}
{% macro join_scope(scope, key, relation, at) -%}
    inner join {{ ref(scope) }} as scope
        on
            {{ relation }}.feed = scope.feed
            and {{ relation }}.{{ key }} = scope.{{ key }}
            and {{ relation }}.{{ at }} >= scope.from_at
            and {{ relation }}.{{ at }} < scope.to_at
{%- endmacro %}

{#- Of stations, the stretches that reach back before anything was known, of an incremental build. `events` has a row for each event. -#}
{% macro stretches_since_ever(scope, events) -%}
    select
        {{ events }}.feed,
        {{ events }}.station_code,
        {{ events }}.from_at,
        {{ events }}.to_at
    from {{ events }}
    where {{ events }}.from_at = {{ since_ever() }}
    {% if is_incremental() %}
        union all
        -- What is new may all lie before the first listing: that one then stands where the stretch ends.
        select
            scope.feed,
            scope.station_code,
            scope.from_at,
            scope.to_at
        from {{ ref(scope) }} as scope
        where scope.from_at = {{ since_ever() }} and scope.to_at < {{ forever() }}
    {% endif %}
{%- endmacro %}
