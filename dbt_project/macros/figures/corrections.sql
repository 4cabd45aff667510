{#-
    Corrections: what people say of stations and bikes against the files. They are kept in a schema of their own, which no build, full
    refresh or loader touches, and applied when dim_station and dim_bike are read: a correction is seen at once.

    A row of corrections.made says one field of one station or bike; the last of a field that was not undone is in force. `exists` is a
    field too: true adds what no file lists, false hides what files list. Rows are added, never changed: an undoing is a row of
    corrections.undone. The role velib_corrector may add to both, and nothing else.
-#}

{#- The fields that can be corrected, each with its type. Those of a station that mart.dim_station does not have are in compat.station. -#}
{% macro correctable_fields(entity) %}
    {{ return({
        'station': [
            ('name', 'text'), ('latitude', 'double precision'), ('longitude', 'double precision'), ('capacity', 'integer'),
            ('station_type', 'text'), ('operator_type', 'text'), ('district_code', 'text'), ('district_name', 'text'),
            ('city_code', 'text'), ('city_name', 'text'), ('docks_total', 'integer'),
            ('edocks_total', 'integer'), ('max_overflow', 'integer'),
        ],
        'bike': [('bike_type', 'text')],
    }[entity]) }}
{% endmacro %}

{#- A position of a bike is a second and a bike, and can only be hidden (compat.localisation_velo). -#}
{% macro correction_checks() %}
    {{ return({
        'field_is_known': "field = 'exists' and (entity in ('station', 'bike') or entity = 'position' and key ~ '^[0-9]{1,11}/.')"
            ~ " or entity = 'station' and field in ('" ~ correctable_fields('station') | map(attribute=0) | join("', '") ~ "')"
            ~ " or entity = 'bike' and field in ('" ~ correctable_fields('bike') | map(attribute=0) | join("', '") ~ "')",
        'value_fits': "
            case
                when field = 'exists' then coalesce(new_value in ('true', 'false'), false)
                when new_value is null then true
                when field in ('latitude', 'longitude') and new_value !~ '^-?[0-9]{1,3}(\\.[0-9]{1,20})?$' then false
                when field = 'latitude' then cast(new_value as double precision) between -90 and 90
                when field = 'longitude' then cast(new_value as double precision) between -180 and 180
                when field in ('capacity', 'docks_total', 'edocks_total', 'max_overflow') and new_value !~ '^[0-9]{1,5}$' then false
                when field in ('capacity', 'docks_total', 'edocks_total', 'max_overflow') then cast(new_value as integer) <= 10000
                when field = 'bike_type' then new_value in ('mechanical', 'electric')
                else length(new_value) between 1 and 200
            end
        ",
    }) }}
{% endmacro %}

{% macro create_corrections() %}
    {% set checks = local_md5(correction_checks() | string) %}
    {% set there = run_query(
        "select to_regclass('corrections.undone') is not null, (select obj_description(c.oid, 'pg_constraint') from pg_constraint as c"
        ~ " where c.conrelid = to_regclass('corrections.made') and c.conname = 'field_is_known')"
    ).rows[0] %}
    {% if not there[0] %}
        create schema if not exists corrections;
        create table if not exists corrections.made (
            correction_id bigint generated always as identity primary key,
            made_at timestamptz not null default clock_timestamp(),
            made_by text not null check (length(made_by) between 1 and 100),
            entity text not null,
            key text not null check (length(key) between 1 and 100),
            field text not null,
            old_value text,
            new_value text,
            reason text check (length(reason) between 1 and 1000)
        );
        create index if not exists made_by_key on corrections.made (entity, key);
        create table if not exists corrections.undone (
            correction_id bigint primary key references corrections.made,
            undone_at timestamptz not null default clock_timestamp(),
            undone_by text not null check (length(undone_by) between 1 and 100),
            reason text check (length(reason) between 1 and 1000)
        );
        create or replace function corrections.refuse_change() returns trigger language plpgsql as $$
        begin
            raise exception 'corrections are added and undone, never changed or deleted';
        end
        $$;
        {% for table in ['made', 'undone'] %}
            create or replace trigger only_added before update or delete or truncate on corrections.{{ table }}
            for each statement execute function corrections.refuse_change();
        {% endfor %}
    {% endif %}
    {% if there[1] != checks %}
        {# Made by a version that took less, or not there yet. #}
        {% for name, condition in correction_checks().items() %}
            alter table corrections.made drop constraint if exists {{ name }};
            alter table corrections.made add constraint {{ name }} check ({{ condition }});
        {% endfor %}
        comment on constraint field_is_known on corrections.made is '{{ checks }}';
    {% endif %}
    do $$
    begin
        begin
            if not exists (select 1 from pg_roles where rolname = 'velib_corrector') then
                create role velib_corrector nologin;
            end if;
        exception
            when duplicate_object or unique_violation then null;
            -- Who never corrects anything does not need it; the API says what is missing.
            when insufficient_privilege then null;
        end;
        if
            exists (select 1 from pg_roles where rolname = 'velib_corrector')
            and not has_column_privilege('velib_corrector', 'corrections.undone', 'undone_by', 'insert')
        then
            grant usage on schema corrections to velib_corrector;
            grant select on corrections.made, corrections.undone to velib_corrector;
            grant insert (made_by, entity, key, field, old_value, new_value, reason) on corrections.made to velib_corrector;
            grant insert (correction_id, undone_by, reason) on corrections.undone to velib_corrector;
        end if;
        -- It reads what it corrects, as the reader does.
        if not pg_has_role('velib_corrector', 'velib_reader', 'member') then
            grant velib_reader to velib_corrector;
        end if;
    exception
        when undefined_object or insufficient_privilege then null;
    end
    $$;
{% endmacro %}

{#- A query: a row for each station or bike that is corrected. `is_there` is null where nothing is said of that, `of_<field>` whether of a field. -#}
{% macro corrections_by_key(entity, key) %}
    select
        corrections.key as {{ key }},
        bool_or(corrections.new_value = 'true') filter (where corrections.field = 'exists') as is_there
        {% for field, type in correctable_fields(entity) %}
            , bool_or(corrections.field = '{{ field }}') as of_{{ field }}
            , cast(max(corrections.new_value) filter (where corrections.field = '{{ field }}') as {{ type }}) as {{ field }}
        {% endfor %}
    from {{ ref('stg_corrections') }} as corrections
    where corrections.entity = '{{ entity }}'
    group by corrections.key
{% endmacro %}

{#- In a select list: a column as it was corrected, else as the files tell. -#}
{% macro corrected(column, told='told') -%}
    case when corrected.of_{{ column }} then corrected.{{ column }} else {{ told }}.{{ column }} end
{%- endmacro %}
