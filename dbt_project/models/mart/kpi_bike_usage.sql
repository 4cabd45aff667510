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
    usage.trips_with_distance,
    case when usage.trips_with_distance > 0 then cast(usage.distance_m as bigint) end as distance_m,
    usage.stations_visited,
    usage.boomerangs,
    usage.boomerangs / cast(usage.trips + usage.boomerangs as double precision) as boomerang_share
from (
    select
        ends.feed,
        ends.bike_id,
        ends.period_start,
        {{ bike_usage_sums_of('ends', 'ends.counts') }},
        cast(count(distinct ends.station_code) filter (where {{ is_customer_trip('ends') }}) as integer) as stations_visited
    from (
        select
            trips.*,
            {{ starts_on }} as period_start,
            places.station_code,
            places.counts
        from {{ ref('int_trips') }} as trips
        -- Both its stations, and the trip itself with one of them.
        cross join lateral (
            values (trips.origin_station_code, 1), (trips.destination_station_code, 0)
        ) as places (station_code, counts)
        where {{ is_use('trips') }}
    ) as ends
    group by ends.feed, ends.bike_id, ends.period_start
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
