{{ config(materialized='view') }}
-- One row a feed, bike, kind of period (day, week, month, year) and period in which customers used the bike. Months and years
-- are kept (int_bike_usage). Days and weeks are counted when they are asked for: a year of them is too long to keep. The day
-- and the week of a trip are indexed (int_trips), so that one bike's come from its trips, and those of all bikes from the
-- day's or the week's.
{% for period, starts_on in [('day', local_day('trips.departed_at')), ('week', week_of(local_day('trips.departed_at')))] %}
select
    usage.feed,
    usage.bike_id,
    {{ type_of_most('usage.moves_mechanical', 'usage.moves_electric') }} as bike_type,
    '{{ period }}' as period,
    usage.period_start,
    usage.trips,
    cast(usage.duration_seconds as bigint) as duration_seconds,
    usage.duration_seconds / cast(3600 as double precision) as hours_ridden,
    cast(usage.trips_with_distance as integer) as trips_with_distance,
    case when usage.trips_with_distance > 0 then cast(usage.distance_m as bigint) end as distance_m,
    usage.stations_visited,
    usage.boomerangs,
    usage.boomerangs / cast(usage.trips + usage.boomerangs as double precision) as boomerang_share
from (
    select
        visits.feed,
        visits.bike_id,
        visits.period_start,
        cast(coalesce(sum(visits.trips), 0) as integer) as trips,
        coalesce(sum(visits.duration_seconds), 0) as duration_seconds,
        coalesce(sum(visits.trips_with_distance), 0) as trips_with_distance,
        sum(visits.distance_m) as distance_m,
        cast(count(visits.station_code) as integer) as stations_visited,
        cast(coalesce(sum(visits.boomerangs), 0) as integer) as boomerangs,
        coalesce(sum(visits.moves_mechanical), 0) as moves_mechanical,
        coalesce(sum(visits.moves_electric), 0) as moves_electric
    from (
        select
            trips.feed,
            trips.bike_id,
            {{ starts_on }} as period_start,
            ends.station_code,
            sum(ends.trips) as trips,
            sum(ends.duration_seconds) as duration_seconds,
            count(ends.distance_m) as trips_with_distance,
            sum(ends.distance_m) as distance_m,
            sum(ends.boomerangs) as boomerangs,
            sum(ends.moves) filter (where not trips.is_electric) as moves_mechanical,
            sum(ends.moves) filter (where trips.is_electric) as moves_electric
        from {{ ref('int_trips') }} as trips
        -- Both stations of a trip, and with one of them what counts once; a boomerang visits none.
        cross join lateral (
            values
            (
                case when {{ is_customer_trip('trips') }} then trips.origin_station_code end,
                1,
                case when {{ is_customer_trip('trips') }} then 1 end,
                case when not {{ is_customer_trip('trips') }} then 1 end,
                case
                    when {{ is_customer_trip('trips') }}
                        then {{ whole_seconds_between('trips.departed_at', 'trips.arrived_at') }}
                end,
                case when {{ is_customer_trip('trips') }} then cast(round(trips.distance_m) as integer) end
            ),
            (case when {{ is_customer_trip('trips') }} then trips.destination_station_code end, 0, 0, 0, 0, null)
        ) as ends (station_code, moves, trips, boomerangs, duration_seconds, distance_m)
        where {{ is_use('trips') }}
        group by trips.feed, trips.bike_id, {{ starts_on }}, ends.station_code
    ) as visits
    group by visits.feed, visits.bike_id, visits.period_start
) as usage
union all
{% endfor %}
select
    kept.feed,
    kept.bike_id,
    {{ type_of_most('kept.moves_mechanical', 'kept.moves_electric') }} as bike_type,
    kept.period,
    kept.period_start,
    kept.trips,
    cast(kept.duration_seconds as bigint) as duration_seconds,
    kept.duration_seconds / cast(3600 as double precision) as hours_ridden,
    kept.trips_with_distance,
    case when kept.trips_with_distance > 0 then cast(kept.distance_m as bigint) end as distance_m,
    kept.stations_visited,
    kept.boomerangs,
    kept.boomerangs / cast(kept.trips + kept.boomerangs as double precision) as boomerang_share
from {{ ref('int_bike_usage') }} as kept
