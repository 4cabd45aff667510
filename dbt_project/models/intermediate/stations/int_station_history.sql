{% set attributes = station_attribute_columns() %}
{{ config(
    materialized='incremental',
    incremental_strategy='replace_scope',
    unique_key=['station_code', 'valid_from'],
    on_schema_change='fail',
    meta={
        'scope': 'int_station_history_scope',
        'scope_condition': 'old_row.station_code = scope.station_code',
    },
    indexes=[{'columns': ['station_code', 'valid_from'], 'unique': true}],
    post_hook=[
        "{{ partial_index('current', 'station_code', 'valid_to = ' ~ forever()) }}",
        "{{ through_scope('int_station_history_scope') }}",
        "{{ analyze_when_new() }}",
    ],
) }}
-- depends_on: {{ ref('int_station_history_scope') }}
-- A station's attributes over time, over all feeds. Steps:
--   1. per instant one statement: of two feeds at one instant the one whose name sorts last;
--   2. of each attribute the latest non-null value so far;
--   3. a position stays until one is stated that is more than rounding away from it: collectors that write as many digits as they
--      like are no station that moves. Against the position that counts, not the one stated before: small steps add up;
--   4. statements that change nothing are left out.
with statements as (
    select
        attributes.station_code,
        attributes.valid_from,
        {% for attribute in attributes %}
            attributes.{{ attribute }},
            count(attributes.{{ attribute }}) over by_time as {{ attribute }}_group,
        {% endfor %}
        attributes.feed
    from {{ ref('int_station_attributes') }} as attributes
    {% if is_incremental() %}
        where
            attributes.station_code in (
                select scope.station_code
                from {{ ref('int_station_history_scope') }} as scope
            )
    {% endif %}
    window by_time as (
        partition by attributes.station_code
        order by attributes.valid_from, attributes.feed
        rows unbounded preceding
    )
),

resolved as (
    select
        statements.station_code,
        statements.valid_from,
        statements.feed,
        {% for attribute in attributes %}
            {% if attribute == 'is_altitude' %}
                bool_or(statements.{{ attribute }}) over (
                    partition by statements.station_code, statements.{{ attribute }}_group
                ) as {{ attribute }},
            {% else %}
                max(statements.{{ attribute }}) over (
                    partition by statements.station_code, statements.{{ attribute }}_group
                ) as {{ attribute }},
            {% endif %}
        {% endfor %}
        lead(statements.valid_from) over (
            partition by statements.station_code order by statements.valid_from, statements.feed
        ) as next_statement_at
    from statements
),

settled as (
    select
        resolved.station_code,
        resolved.valid_from,
        {{ kept_position('resolved.latitude', 'resolved.longitude', 'by_time') }} as kept_position,
        {{ columns_of('resolved', attributes | reject('in', ['latitude', 'longitude']) | list) }}
    from resolved
    where resolved.next_statement_at is null or resolved.next_statement_at > resolved.valid_from
    window by_time as (partition by resolved.station_code order by resolved.valid_from)
),

positioned as (
    select
        settled.*,
        settled.kept_position[1] as latitude,
        settled.kept_position[2] as longitude
    from settled
),

marked as (
    select
        positioned.*,
        coalesce(
            {% for attribute in attributes %}
                positioned.{{ attribute }} is not distinct from lag(positioned.{{ attribute }}) over by_time
                and
            {% endfor %}
            lag(positioned.valid_from) over by_time is not null,
            false
        ) as is_same
    from positioned
    window by_time as (partition by positioned.station_code order by positioned.valid_from)
)

select
    marked.station_code,
    marked.valid_from,
    lead(marked.valid_from, 1, {{ forever() }}) over (
        partition by marked.station_code order by marked.valid_from
    ) as valid_to,
    {{ columns_of('marked', attributes) }}
from marked
where not marked.is_same
