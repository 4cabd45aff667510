{{ config(tags=['full']) }}
-- Catches a duration that is in no stretch of the histogram, or in two, and a day made anew from part of its durations.
with stretches as (
    select
        histogram.date_day,
        histogram.feed,
        histogram.bike_type,
        histogram.trip_type,
        sum(histogram.trips) as trips
    from {{ ref('kpi_trip_duration_histogram') }} as histogram
    group by histogram.date_day, histogram.feed, histogram.bike_type, histogram.trip_type
)

{{ differing_rows('stretches', ref('kpi_trips_daily'), [
    'date_day', 'feed', 'bike_type', 'trip_type', 'trips',
]) }}
