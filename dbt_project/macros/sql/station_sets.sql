{#-
    Sets of stations, as int_bike_usage keeps them: exact, and small enough for each bike and month. Each station has a number
    (number_stations). An element holds 48 of them: which 48 in its upper 16 bits, called the word, and a bit for each that is in
    the set. So two sets become one by `visits_joined` over their elements of one word, and sets need not be counted again.
-#}

{#- Of a relation with the column `element`: which stations the element is about. -#}
{% macro word_of(element) -%}
    {{ return(adapter.dispatch('word_of', 'velib')(element)) }}
{%- endmacro %}
{% macro default__word_of(element) -%} {{ element }} >> 48 {%- endmacro %}

{#- An aggregate: the element of all stations that are in one of the elements of a word. -#}
{% macro visits_joined(element) -%}
    {{ return(adapter.dispatch('visits_joined', 'velib')(element)) }}
{%- endmacro %}
{% macro default__visits_joined(element) -%} bit_or({{ element }}) {%- endmacro %}

{#- How many stations are in an element. -#}
{% macro stations_in(element) -%}
    {{ return(adapter.dispatch('stations_in', 'velib')(element)) }}
{%- endmacro %}
{% macro default__stations_in(element) -%} bit_count(cast({{ element }} & 281474976710655 as bit(48))) {%- endmacro %}

{#- An aggregate: the elements of a set, each of another word, as an array that is the same for the same set. -#}
{% macro set_of(element) -%}
    {{ return(adapter.dispatch('set_of', 'velib')(element)) }}
{%- endmacro %}
{% macro default__set_of(element) -%} array_agg({{ element }} order by {{ element }}) {%- endmacro %}

{#-
    Pre-hook of int_bike_usage: a number for each station that has none. They are kept as long as the model's table is, and made
    anew with it, in its transaction: no other table may hold them, and in which order they were given does not show.
-#}
{% macro number_stations() %}
    {% if execute and not is_incremental() %}
        drop table if exists {{ station_elements() }};
        create table {{ station_elements() }} (
            station_code text primary key,
            word integer not null,
            element bigint not null
        );
    {% endif %}
    insert into {{ station_elements() }} (station_code, word, element)
    select
        numbered.station_code,
        numbered.number / 48,
        ((numbered.number / 48) << 48) | (cast(1 as bigint) << cast(numbered.number % 48 as integer))
    from (
        select
            unknown.station_code,
            row_number() over (order by unknown.station_code) - 1 + (select count(*) from {{ station_elements() }}) as number
        from (
            select distinct stations.station_code
            from {{ ref('int_stations') }} as stations
            where
                not exists (
                    select 1
                    from {{ station_elements() }} as known
                    where known.station_code = stations.station_code
                )
        ) as unknown
    ) as numbered;
    {% if execute and not is_incremental() %}analyze {{ station_elements() }}{% endif %}
{% endmacro %}

{#- The stations with their numbers: station_code, word, and the element of the set of this station alone. -#}
{% macro station_elements() -%} intermediate.station_elements {%- endmacro %}
