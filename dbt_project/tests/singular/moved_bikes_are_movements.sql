-- Catches a day of trucks that was not made anew when one of its movements changed: it has the bikes that kpi_trips_daily has,
-- which grows by the log of changes.
with movements as (
    select
        trips.date_day,
        trips.feed,
        sum(trips.trips) as bikes,
        coalesce(sum(trips.trips) filter (where trips.bike_type = 'mechanical'), 0) as bikes_mechanical,
        coalesce(sum(trips.trips) filter (where trips.bike_type = 'electric'), 0) as bikes_electric
    from {{ ref('kpi_trips_daily') }} as trips
    where trips.trip_type = 'rebalancing'
    group by trips.date_day, trips.feed
)

{{ differing_rows('movements', ref('kpi_rebalancing_daily'), [
    'date_day', 'feed', 'bikes', 'bikes_mechanical', 'bikes_electric',
]) }}
