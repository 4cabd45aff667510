{{ config(tags=['full']) }}
-- Catches loads and stations of a day of trucks that are not those of its movements in fct_trips.
with moved as (
    select
        {{ local_day('trips.departed_at') }} as date_day,
        trips.*
    from {{ ref('fct_trips') }} as trips
    where trips.trip_type = 'rebalancing'
),

loads as (
    select distinct
        moved.date_day,
        moved.feed,
        moved.origin_station_code,
        moved.destination_station_code,
        moved.last_seen_at,
        moved.first_seen_at
    from moved
),

ends as (
    select
        moved.date_day,
        moved.feed,
        moved.origin_station_code as station_code,
        -1 as bikes
    from moved
    union all
    select
        moved.date_day,
        moved.feed,
        moved.destination_station_code as station_code,
        1 as bikes
    from moved
),

balances as (
    select
        ends.date_day,
        ends.feed,
        sign(sum(ends.bikes)) as side
    from ends
    group by ends.date_day, ends.feed, ends.station_code
),

days as (
    select
        balances.date_day,
        balances.feed,
        (
            select count(*)
            from loads
            where loads.date_day = balances.date_day and loads.feed = balances.feed
        ) as moves,
        count(*) filter (where balances.side = -1) as stations_emptied,
        count(*) filter (where balances.side = 1) as stations_filled
    from balances
    group by balances.date_day, balances.feed
)

{{ differing_rows('days', ref('kpi_rebalancing_daily'), ['date_day', 'feed', 'moves', 'stations_emptied', 'stations_filled']) }}
