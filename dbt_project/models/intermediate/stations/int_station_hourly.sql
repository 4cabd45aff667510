{{ config(
    materialized='incremental',
    incremental_strategy='replace_scope',
    unique_key=['station_code', 'feed', 'hour_at'],
    on_schema_change='fail',
    meta={
        'scope': 'int_station_hours_scope',
        'scope_condition': 'old_row.station_code = scope.station_code and old_row.feed = scope.feed'
            ~ ' and old_row.hour_at = scope.hour_at',
        'changes_of': 'int_trips',
    },
    indexes=[{'columns': ['station_code', 'hour_at']}, {'columns': ['hour_at']}],
    post_hook=["{{ through_scope('int_station_hours_scope') }}", "{{ analyze_when_new() }}"],
) }}
-- depends_on: {{ ref('int_station_hours_scope') }}
-- Each station's hours. Whole numbers, so that whatever is added up from them adds up exactly. Steps:
--   1. stretches: the hours in scope that follow one another, or all of time;
--   2. what each hour of a stretch says (hours_of_status in macros/figures/station_hours.sql): stretch by stretch, so that
-- no more than a
--      station's hours are in memory. The interval that is open ends at the feed's last snapshot;
--   3. the rides of customers that began and ended in each hour.
-- An hour of which nothing was observed, and in which no ride began or ended, has no row. Columns from wide to narrow, so that
-- none is padded; what follows from others is in kpi_station_hourly, a view. The rows come out in the order of time.
with stretches as (
    {% if is_incremental() %}
        select
            hours.feed,
            hours.station_code,
            min(hours.hour_at) as from_at,
            {{ hours_after('max(hours.hour_at)', 1) }} as to_at
        from (
            select
                scope.feed,
                scope.station_code,
                scope.hour_at,
                {{ hour_number('scope.hour_at') }}
                - row_number() over (partition by scope.feed, scope.station_code order by scope.hour_at) as stretch_number
            from {{ ref('int_station_hours_scope') }} as scope
            where scope.feed is not null
        ) as hours
        group by hours.feed, hours.station_code, hours.stretch_number
    {% else %}
        select
            stations.feed,
            stations.station_code,
            {{ since_ever() }} as from_at,
            {{ forever() }} as to_at
        from {{ ref('int_stations') }} as stations
    {% endif %}
),

places as (
    select
        stretches.*,
        least(feeds.feed_last_at, stretches.to_at) as observed_to_at
    from stretches
    inner join ({{ last_snapshots() }}) as feeds on stretches.feed = feeds.feed
),

observed_hours as (
    select
        places.feed,
        places.station_code,
        hours.*
    from places
    cross join lateral ( -- noqa: ST05
        {{ hours_of_status('places', bounded=is_incremental()) }}
    ) as hours
),

ends as (
    {% for end, station_code, at in [
        ('departures', 'origin_station_code', 'departed_at'), ('arrivals', 'destination_station_code', 'arrived_at')
    ] %}
        select
            trips.feed,
            trips.{{ station_code }} as station_code,
            {{ hour_of('trips.' ~ at) }} as hour_at,
            {{ 'true' if end == 'departures' else 'false' }} as is_departure,
            trips.is_electric
        from {{ ref('int_trips') }} as trips
        {% if is_incremental() %}
            inner join places
                on
                    trips.{{ station_code }} = places.station_code
                    and trips.feed = places.feed
                    and trips.{{ at }} >= places.from_at
                    and trips.{{ at }} < places.to_at
        {% endif %}
        where {{ is_customer_trip('trips') }}
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

hours_with_rides as (
    select
        ends.feed,
        ends.station_code,
        ends.hour_at,
        count(*) filter (where ends.is_departure) as departures,
        count(*) filter (where ends.is_departure and not ends.is_electric) as departures_mechanical,
        count(*) filter (where ends.is_departure and ends.is_electric) as departures_electric,
        count(*) filter (where not ends.is_departure) as arrivals,
        count(*) filter (where not ends.is_departure and not ends.is_electric) as arrivals_mechanical,
        count(*) filter (where not ends.is_departure and ends.is_electric) as arrivals_electric
    from ends
    group by ends.feed, ends.station_code, ends.hour_at
)

select
    coalesce(observed_hours.hour_at, hours_with_rides.hour_at) as hour_at,
    {% for column in ['bike_seconds', 'dock_seconds', 'mechanical_bike_seconds', 'electric_bike_seconds'] %}
        cast(coalesce(observed_hours.{{ column }}, 0) as integer) as {{ column }},
    {% endfor %}
    cast(observed_hours.fill_rate_min as real) as fill_rate_min,
    cast(observed_hours.fill_rate_max as real) as fill_rate_max,
    {% for column in station_fill_sums()[4:] %}
        cast(coalesce(observed_hours.{{ column }}, 0) as smallint) as {{ column }},
    {% endfor %}
    {% for column in station_ride_sums() %}
        cast(coalesce(hours_with_rides.{{ column }}, 0) as smallint) as {{ column }},
    {% endfor %}
    coalesce(observed_hours.feed, hours_with_rides.feed) as feed,
    coalesce(observed_hours.station_code, hours_with_rides.station_code) as station_code
from observed_hours
full outer join hours_with_rides
    on
        observed_hours.feed = hours_with_rides.feed
        and observed_hours.station_code = hours_with_rides.station_code
        and observed_hours.hour_at = hours_with_rides.hour_at
{% if not is_incremental() %}
    order by hour_at, station_code
{% endif %}
