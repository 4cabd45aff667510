{#-
    The first generation's keys, and its writes: what is inserted into compat.station and compat.velo, updated or deleted in them, or
    deleted in compat.localisation_velo becomes corrections (macros/figures/corrections.sql), in the name of the role that does it. The role
    velib_corrector may, and who is granted that role.
-#}

{#- A bike's number: 17 bits of the hash of its feed and name. Of a fleet of 15,000 some 800 share theirs with another, and five never do. -#}
{% macro velo_number(feed, bike_id) -%}
    cast({{ hashed_number(feed ~ " || '|' || " ~ bike_id) }} >> 43 as integer)
{%- endmacro %}

{#-
    The key of a bike's position in a snapshot: 32 bits of the second, the 17 of the bike's number, and four for its place among the
    bikes that share that. It grows with time, is below 2^53 until the year 2106, and the same files give the same.
-#}
{% macro loc_id(moment, number, place) -%}
    {{ epoch_seconds(moment) }} * 2097152 + {{ number }} * 16 + {{ place }}
{%- endmacro %}

{#- Post-hook of a view: it takes writes, through the trigger function `body`, from velib_corrector. A view that is made anew gets both anew. -#}
{% macro takes_writes(operations, body) %}
    {% set function = this.schema ~ '.' ~ this.identifier ~ '_written()' %}
    create or replace function {{ function }} returns trigger language plpgsql as $body$
    {{ body }}
    $body$;
    create or replace trigger written instead of {{ operations | join(' or ') }} on {{ this }}
    for each row execute function {{ function }};
    do $$
    begin
        grant {{ operations | join(', ') }} on {{ this }} to velib_corrector;
    exception
        when undefined_object then null; -- who never corrects anything does not need it
    end
    $$
{% endmacro %}

{#- In PL/pgSQL: writes a correction down for each of the fields (name, as it is, as it is wanted) that is to be another. -#}
{% macro make_corrections(entity, key, fields) %}
    insert into corrections.made (made_by, entity, key, field, old_value, new_value)
    select current_user, '{{ entity }}', {{ key }}, fields.field, fields.old_value, fields.new_value
    from (
        values
        {% for field, is_so, wanted in fields %}
            ('{{ field }}', cast({{ is_so }} as text), cast({{ wanted }} as text)){{ ',' if not loop.last }}
        {% endfor %}
    ) as fields (field, old_value, new_value)
    where fields.old_value is distinct from fields.new_value;
{% endmacro %}

{#- In PL/pgSQL: two that correct the same thing wait for one another, as in velib/api/corrections.py. -#}
{% macro lock_correction(entity, key) %}
    perform pg_advisory_xact_lock(hashtextextended('velib correction {{ entity }} ' || {{ key }}, 0));
{% endmacro %}

{#- Inserting a station that is there updates it, with what is given. -#}
{% macro station_written() %}
declare
    code text := case tg_op when 'INSERT' then new.station_code else old.station_code end;
    is_so record;
    wanted record;
    capacity_is integer;
    is_added boolean := false;
begin
    {{ lock_correction('station', 'code') }}
    select * into is_so from {{ this }} as station where station.station_code = code;
    if tg_op = 'INSERT' and not found then
        {{ make_corrections('station', 'code', [('exists', 'false', 'true')]) }}
        is_added := true;
        select * into is_so from {{ this }} as station where station.station_code = code;
    elsif not found then
        return null; -- somebody else hid it meanwhile
    end if;
    if tg_op = 'DELETE' then
        {{ make_corrections('station', 'code', [('exists', 'true', 'false')]) }}
        return old;
    end if;
    if new.station_code <> code then
        raise exception 'a station keeps its code: add another, and delete this one' using errcode = 'feature_not_supported';
    end if;
    {% set columns = ['name', 'latitude', 'longitude', 'stationtype', 'type', 'nbdock_total', 'nbedock_total', 'maxbikeoverflow'] %}
    select
        {% for column in columns %}
            case
                when tg_op = 'UPDATE' and new.{{ column }} is not distinct from old.{{ column }} then is_so.{{ column }}
                when tg_op = 'INSERT' and not is_added then coalesce(new.{{ column }}, is_so.{{ column }})
                else new.{{ column }}
            end as {{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    into wanted;
    if (wanted.latitude is null) <> (wanted.longitude is null) then
        raise exception 'latitude and longitude go together: both, or neither' using errcode = 'check_violation';
    end if;
    {# Numbers in digits alone, as the table has them. The mart's capacity is that of both kinds of docks. #}
    {{ make_corrections('station', 'code', [
        ('name', 'is_so.name', 'wanted.name'),
        ('latitude', 'cast(cast(is_so.latitude as text) as numeric)', 'cast(cast(wanted.latitude as text) as numeric)'),
        ('longitude', 'cast(cast(is_so.longitude as text) as numeric)', 'cast(cast(wanted.longitude as text) as numeric)'),
        ('station_type', 'is_so.stationtype', 'wanted.stationtype'),
        ('operator_type', "nullif(is_so.type, '')", "nullif(wanted.type, '')"),
        ('docks_total', 'is_so.nbdock_total', 'wanted.nbdock_total'),
        ('edocks_total', 'is_so.nbedock_total', 'wanted.nbedock_total'),
        ('max_overflow', 'is_so.maxbikeoverflow', 'wanted.maxbikeoverflow'),
    ]) }}
    if (wanted.nbdock_total, wanted.nbedock_total) is distinct from (is_so.nbdock_total, is_so.nbedock_total) then
        select station.capacity into capacity_is from {{ ref('dim_station') }} as station where station.station_code = code;
        {{ make_corrections('station', 'code', [
            ('capacity', 'capacity_is', 'coalesce(wanted.nbdock_total + coalesce(wanted.nbedock_total, 0), capacity_is)')
        ]) }}
    end if;
    return new;
end
{% endmacro %}

{#- Inserting a bike that is there leaves it. -#}
{% macro velo_written() %}
declare
    bike text := case tg_op when 'INSERT' then new.velo_name else old.velo_name end;
    is_so record;
begin
    {{ lock_correction('bike', 'bike') }}
    select * into is_so from {{ this }} as velo where velo.velo_name = bike;
    if found = (tg_op = 'INSERT') then
        return null; -- it is there; or somebody else hid it meanwhile
    end if;
    if tg_op = 'DELETE' then
        {{ make_corrections('bike', 'bike', [('exists', 'true', 'false')]) }}
        return old;
    end if;
    if new.velo_name <> bike then
        raise exception 'a bike keeps its name: add another, and delete this one' using errcode = 'feature_not_supported';
    end if;
    if tg_op = 'INSERT' then
        {{ make_corrections('bike', 'bike', [('exists', 'false', 'true')]) }}
        select * into is_so from {{ this }} as velo where velo.velo_name = bike;
    end if;
    {{ make_corrections('bike', 'bike', [('bike_type', bike_type('is_so.bikeelectric'), bike_type('new.bikeelectric'))]) }}
    return new;
end
{% endmacro %}

{#- A position is a bike at a second, of whatever feed: its loc_id is another when a bike comes that shares its number. -#}
{% macro localisation_velo_written() %}
declare
    position_key text := old.snapshot_id || '/' || old.velo_name;
begin
    {{ lock_correction('position', 'position_key') }}
    {{ make_corrections('position', 'position_key', [('exists', 'true', 'false')]) }}
    return old;
end
{% endmacro %}
