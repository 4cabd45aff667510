{{ config(tags=['full']) }}
-- Catches changes of int_trips that were applied twice to a bike's month or year, or not, sets of stations that lost one or
-- kept one too many, and days and weeks found through an index that leaves trips out: each figure is that of the period's
-- movements.
with movements as (
    select
        trips.*,
        {{ local_day('trips.departed_at') }} as date_day
    from {{ ref('fct_trips') }} as trips
    where trips.is_customer_trip or trips.trip_type = 'boomerang'
),

periods as (
    {% for period, starts_on in [
        ('day', 'movements.date_day'), ('week', week_of('movements.date_day')), ('month', month_of('movements.date_day')),
        ('year', year_of('movements.date_day')),
    ] %}
    select
        '{{ period }}' as period,
        {{ starts_on }} as period_start,
        movements.*
    from movements
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

counted as (
    select
        periods.feed,
        periods.bike_id,
        periods.period,
        periods.period_start,
        count(*) filter (where periods.is_customer_trip) as trips,
        coalesce(sum(floor(periods.duration_seconds)) filter (where periods.is_customer_trip), 0) as duration_seconds,
        sum(round(periods.distance_m)) filter (where periods.is_customer_trip) as distance_m,
        count(*) filter (where periods.trip_type = 'boomerang') as boomerangs
    from periods
    group by periods.feed, periods.bike_id, periods.period, periods.period_start
),

visited as (
    select
        visits.feed,
        visits.bike_id,
        visits.period,
        visits.period_start,
        count(*) as stations_visited
    from (
        select
            periods.feed,
            periods.bike_id,
            periods.period,
            periods.period_start,
            periods.origin_station_code as station_code
        from periods
        where periods.is_customer_trip
        union
        select
            periods.feed,
            periods.bike_id,
            periods.period,
            periods.period_start,
            periods.destination_station_code as station_code
        from periods
        where periods.is_customer_trip
    ) as visits
    group by visits.feed, visits.bike_id, visits.period, visits.period_start
),

expected as (
    select
        counted.*,
        coalesce(visited.stations_visited, 0) as stations_visited
    from counted
    left join visited
        on
            counted.feed = visited.feed
            and counted.bike_id = visited.bike_id
            and counted.period = visited.period
            and counted.period_start = visited.period_start
)

{{ differing_rows('expected', ref('kpi_bike_usage'), [
    'feed', 'bike_id', 'period', 'period_start', 'trips', 'duration_seconds', 'distance_m', 'boomerangs', 'stations_visited',
]) }}
