-- Catches a function mart.critical_stations that was not made with its view: as of a feed's newest snapshot it says the same.
-- depends_on: {{ ref('kpi_critical_stations') }}
{% set view = ref('kpi_critical_stations') %}
with as_of as (
    select found.*
    from (
        select distinct
            critical.feed,
            critical.to_at
        from {{ view }} as critical
    ) as moments
    cross join lateral {{ view.schema }}.critical_stations(moments.to_at) as found
    where found.feed = moments.feed
)

{{ differing_rows('as_of', view, [
    'feed', 'rank', 'station_code', 'from_at', 'to_at', 'empty_minutes', 'full_minutes', 'score',
]) }}
