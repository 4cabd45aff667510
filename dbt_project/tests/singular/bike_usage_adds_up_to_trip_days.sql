{{ config(tags=['full']) }}
-- Catches a ride that is of no bike's month, or of two: all bikes of a month have as many trips and boomerangs, as long and as
-- far, as the month's days.
with bikes as (
    select
        usage.feed,
        usage.period_start as date_month,
        sum(usage.trips) as trips,
        sum(usage.duration_seconds) as duration_seconds,
        coalesce(sum(usage.distance_m), 0) as distance_m,
        sum(usage.boomerangs) as boomerangs
    from {{ ref('kpi_bike_usage') }} as usage
    where usage.period = 'month'
    group by usage.feed, usage.period_start
),

days as (
    select
        daily.feed,
        {{ month_of('daily.date_day') }} as date_month,
        coalesce(sum(daily.trips) filter (where daily.is_customer_trip), 0) as trips,
        coalesce(sum(daily.duration_seconds) filter (where daily.is_customer_trip), 0) as duration_seconds,
        coalesce(sum(daily.distance_m) filter (where daily.is_customer_trip), 0) as distance_m,
        coalesce(sum(daily.trips) filter (where daily.trip_type = 'boomerang'), 0) as boomerangs
    from {{ ref('kpi_trips_daily') }} as daily
    where daily.is_customer_trip or daily.trip_type = 'boomerang'
    group by daily.feed, {{ month_of('daily.date_day') }}
)

{{ differing_rows('bikes', 'days', ['feed', 'date_month', 'trips', 'duration_seconds', 'distance_m', 'boomerangs']) }}
