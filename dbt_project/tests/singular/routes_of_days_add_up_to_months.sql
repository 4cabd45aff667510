{{ config(tags=['full']) }}
-- Catches a trip of no day, or of two, where the clocks change: the days of a month have as many trips between two stations as
-- the month.
with days as (
    select
        {{ month_of('daily.date_day') }} as date_month,
        daily.feed,
        daily.origin_station_code,
        daily.destination_station_code,
        sum(daily.trips) as trips,
        sum(daily.duration_seconds) as duration_seconds
    from {{ ref('kpi_routes_daily') }} as daily
    group by {{ month_of('daily.date_day') }}, daily.feed, daily.origin_station_code, daily.destination_station_code
)

{{ differing_rows('days', ref('kpi_routes_monthly'), [
    'date_month', 'feed', 'origin_station_code', 'destination_station_code', 'trips', 'duration_seconds',
]) }}
