{% set sums = [
    'trips', 'duration_seconds', 'distance_m', 'trips_with_distance', 'measured_trips', 'measured_seconds', 'measured_m',
    'boomerangs', 'moves_mechanical', 'moves_electric',
] %}
{{ config(
    materialized='incremental',
    incremental_strategy='replace_scope',
    unique_key=['bike_id', 'feed', 'period', 'period_start'],
    on_schema_change='fail',
    meta={
        'changes_of': 'int_trips',
        'scope_condition': 'old_row.bike_id = scope.bike_id and old_row.feed = scope.feed'
            ~ " and (old_row.period, old_row.period_start) in (('month', " ~ month_of(local_day('scope.departed_at')) ~ "),"
            ~ " ('year', " ~ year_of(local_day('scope.departed_at')) ~ '))',
    },
    indexes=[{'columns': ['bike_id', 'period_start']}, {'columns': ['period_start']}],
    pre_hook="{{ number_stations() }}",
    post_hook=["{{ through_changes_of('int_trips') }}", "{{ analyze_when_new() }}"],
) }}
-- depends_on: {{ ref('int_stations') }}
-- How much each bike was used in each local month and year. Steps:
--   1. a month's sums: what is kept of it, and the log's rows. The stations of a month that lost a trip are read again;
--   2. a month's stations, as a set (macros/sql/station_sets.sql), so that a year's need no trip;
--   3. a year is the sum of its months, those touched and those kept.
-- An hour's trips cost a look at the twelve months of the bikes that were ridden, whatever the history.
with
{% if is_incremental() %}
changes as (
    select
        {{ month_of(local_day('changes.departed_at')) }} as date_month,
        changes.*
    from {{ changes_since_applied('int_trips') }} as changes
),

touched as (
    select
        changes.date_month,
        changes.feed,
        changes.bike_id,
        bool_or(changes.sign < 0 and {{ is_customer_trip('changes') }}) as has_lost_trips,
        {{ bike_usage_sums_of('changes', 'changes.sign') }}
    from changes
    group by changes.date_month, changes.feed, changes.bike_id
),

month_sums as (
    select
        touched.date_month,
        touched.feed,
        touched.bike_id,
        touched.has_lost_trips,
        known.stations as known_stations,
        {% for sum in sums %}
            touched.{{ sum }} + coalesce(known.{{ sum }}, 0) as {{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from touched
    left join {{ this }} as known
        on
            touched.bike_id = known.bike_id
            and touched.feed = known.feed
            and touched.date_month = known.period_start
            and known.period = 'month'
),

rides as (
    select
        changes.date_month,
        changes.feed,
        changes.bike_id,
        changes.origin_station_code,
        changes.destination_station_code
    from changes
    inner join month_sums
        on
            changes.date_month = month_sums.date_month
            and changes.feed = month_sums.feed
            and changes.bike_id = month_sums.bike_id
    -- A trip of the log may be gone again, by a build that this model did not live to see: then its month is read again.
    where changes.sign > 0 and not month_sums.has_lost_trips and {{ is_customer_trip('changes') }}
    union all
    select
        month_sums.date_month,
        month_sums.feed,
        month_sums.bike_id,
        again.origin_station_code,
        again.destination_station_code
    from month_sums
    inner join {{ ref('int_trips') }} as again
        on
            month_sums.bike_id = again.bike_id
            and month_sums.feed = again.feed
            and again.departed_at >= {{ begin_of_day('month_sums.date_month') }}
            and again.departed_at < {{ begin_of_day(next_month('month_sums.date_month')) }}
    where month_sums.has_lost_trips and {{ is_customer_trip('again') }}
),

visits as (
    select
        rides.date_month,
        rides.feed,
        rides.bike_id,
        stations.element
    from rides
    cross join lateral (values (rides.origin_station_code), (rides.destination_station_code)) as ends (station_code)
    inner join {{ station_elements() }} as stations on ends.station_code = stations.station_code
    union all
    select
        month_sums.date_month,
        month_sums.feed,
        month_sums.bike_id,
        {{ element_of('month_sums.known_stations') }} as element
    from month_sums
    where not month_sums.has_lost_trips
),
{% else %}
ends_of_time as (
    select
        {{ local_day('min(trips.departed_at)') }} as first_day,
        {{ local_day('max(trips.departed_at)') }} as last_day
    from {{ ref('int_trips') }} as trips
),

months as (
    select distinct {{ month_of('series.date_day') }} as date_month
    from ends_of_time
    cross join lateral ({{ days_between('ends_of_time.first_day', 'ends_of_time.last_day') }}) as series -- noqa: ST05
),

-- Month by month, so that no more than a month's bikes have to fit into memory.
month_sums as (
    select
        months.date_month,
        of_month.*
    from months
    cross join lateral (
        select
            trips.feed,
            trips.bike_id,
            {{ bike_usage_sums_of('trips', '1') }}
        from {{ ref('int_trips') }} as trips
        where
            trips.departed_at >= {{ begin_of_day('months.date_month') }}
            and trips.departed_at < {{ begin_of_day(next_month('months.date_month')) }}
        group by trips.feed, trips.bike_id
    ) as of_month
),

visits as (
    select
        months.date_month,
        of_month.*
    from months
    cross join lateral (
        select
            trips.feed,
            trips.bike_id,
            {{ visits_joined('stations.element') }} as element
        from {{ ref('int_trips') }} as trips
        cross join lateral (values (trips.origin_station_code), (trips.destination_station_code)) as ends (station_code)
        inner join {{ station_elements() }} as stations on ends.station_code = stations.station_code
        where
            trips.departed_at >= {{ begin_of_day('months.date_month') }}
            and trips.departed_at < {{ begin_of_day(next_month('months.date_month')) }}
            and {{ is_customer_trip('trips') }}
        group by trips.feed, trips.bike_id, stations.word
    ) as of_month
),
{% endif %}

month_elements as (
    select
        visits.date_month,
        visits.feed,
        visits.bike_id,
        {{ visits_joined('visits.element') }} as element
    from visits
    group by visits.date_month, visits.feed, visits.bike_id, {{ word_of('visits.element') }}
),

month_sets as (
    select
        month_elements.date_month,
        month_elements.feed,
        month_elements.bike_id,
        sum({{ stations_in('month_elements.element') }}) as stations_visited,
        {{ set_of('month_elements.element') }} as stations
    from month_elements
    group by month_elements.date_month, month_elements.feed, month_elements.bike_id
),

month_rows as (
    select
        month_sums.date_month,
        month_sums.feed,
        month_sums.bike_id,
        {{ columns_of('month_sums', sums) }},
        coalesce(month_sets.stations_visited, 0) as stations_visited,
        month_sets.stations
    from month_sums
    left join month_sets
        on
            month_sums.date_month = month_sets.date_month
            and month_sums.feed = month_sets.feed
            and month_sums.bike_id = month_sets.bike_id
    where month_sums.trips + month_sums.boomerangs > 0
),

year_parts as (
    select
        {{ year_of('month_rows.date_month') }} as date_year,
        month_rows.feed,
        month_rows.bike_id,
        {{ columns_of('month_rows', sums) }},
        month_rows.stations
    from month_rows
    {% if is_incremental() %}
        union all
        select
            years.date_year,
            years.feed,
            years.bike_id,
            {{ columns_of('known', sums) }},
            known.stations
        from (
            select distinct
                {{ year_of('touched.date_month') }} as date_year,
                touched.feed,
                touched.bike_id
            from touched
        ) as years
        inner join {{ this }} as known
            on
                years.bike_id = known.bike_id
                and years.feed = known.feed
                and known.period = 'month'
                and years.date_year <= known.period_start
                and {{ next_year('years.date_year') }} > known.period_start
        where
            not exists (
                select 1
                from touched as other
                where
                    other.bike_id = known.bike_id
                    and other.feed = known.feed
                    and other.date_month = known.period_start
            )
    {% endif %}
),

year_sums as (
    select
        year_parts.date_year,
        year_parts.feed,
        year_parts.bike_id,
        {% for sum in sums %}
            cast(sum(year_parts.{{ sum }}) as {{ bike_usage_type(sum) }}) as {{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from year_parts
    group by year_parts.date_year, year_parts.feed, year_parts.bike_id
),

year_visits as (
    select
        year_parts.date_year,
        year_parts.feed,
        year_parts.bike_id,
        {{ element_of('year_parts.stations') }} as element
    from year_parts
),

year_elements as (
    select
        year_visits.date_year,
        year_visits.feed,
        year_visits.bike_id,
        {{ visits_joined('year_visits.element') }} as element
    from year_visits
    group by year_visits.date_year, year_visits.feed, year_visits.bike_id, {{ word_of('year_visits.element') }}
),

year_sets as (
    select
        year_elements.date_year,
        year_elements.feed,
        year_elements.bike_id,
        sum({{ stations_in('year_elements.element') }}) as stations_visited,
        {{ set_of('year_elements.element') }} as stations
    from year_elements
    group by year_elements.date_year, year_elements.feed, year_elements.bike_id
),

periods as (
    select
        'month' as period,
        month_rows.date_month as period_start,
        month_rows.feed,
        month_rows.bike_id,
        {{ columns_of('month_rows', sums) }},
        month_rows.stations_visited,
        month_rows.stations
    from month_rows
    union all
    select
        'year' as period,
        year_sums.date_year as period_start,
        year_sums.feed,
        year_sums.bike_id,
        {{ columns_of('year_sums', sums) }},
        coalesce(year_sets.stations_visited, 0) as stations_visited,
        -- Nothing is made of a year.
        cast(null as bigint[]) as stations
    from year_sums
    left join year_sets
        on
            year_sums.date_year = year_sets.date_year
            and year_sums.feed = year_sets.feed
            and year_sums.bike_id = year_sets.bike_id
)

select
    periods.period_start,
    {{ columns_of('periods', sums) }},
    cast(periods.stations_visited as integer) as stations_visited,
    periods.feed,
    periods.bike_id,
    periods.period,
    periods.stations
from periods
{% if not is_incremental() %}
    order by periods.period_start
{% endif %}
