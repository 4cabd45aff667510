{#-
    The most critical stations at a moment: kpi_critical_stations, and the function mart.critical_stations for any moment. Both are
    this query; the function is made with the view, since dbt-postgres knows no functions that return rows.
-#}

{#-
    `feeds`: a query for feed, feed_last_at and the moment to_at. `most`: how many stations of each feed. Steps:
      1. hours: what the status of each station says of each hour of the window before to_at. Of those that were empty, full or
         saturated in it:
      2. usual: the rides of the hours with the same local hour of the same day of the week, in the weeks before;
      3. scored: the rides that failed, that is, what is usual in the time in which there was no bike, or no dock; and the score.
    In numbers with decimals until the end, so that whatever the order of adding up, the sums and so the ranks come out the same.
-#}
{% macro critical_stations(feeds, most) %}
with windows as (
    select
        moments.feed,
        {{ hours_after('moments.to_at', '-' ~ var('critical_hours')) }} as from_at,
        moments.to_at,
        least(moments.to_at, moments.feed_last_at) as observed_to_at
    from ({{ feeds }}) as moments
),

places as (
    select
        windows.*,
        stations.station_code
    from windows
    inner join {{ ref('int_stations') }} as stations on windows.feed = stations.feed
),

hours as (
    select
        places.feed,
        places.station_code,
        places.from_at,
        places.to_at,
        of_status.hour_at,
        of_status.observed_seconds,
        coalesce(of_status.in_service_seconds, 0) as in_service_seconds,
        coalesce(of_status.empty_seconds, 0) as empty_seconds,
        coalesce(of_status.full_seconds, 0) as full_seconds,
        coalesce(of_status.saturated_seconds, 0) as saturated_seconds
    from places
    cross join lateral ({{ hours_of_status('places', bounded=true) }}) as of_status
),

critical_hours as (
    select of_station.*
    from (
        select
            hours.*,
            sum(hours.empty_seconds + hours.saturated_seconds) over (
                partition by hours.feed, hours.station_code
            ) as critical_seconds
        from hours
    ) as of_station
    where of_station.critical_seconds > 0
),

-- The hours of the weeks before with the same local hour and day of the week: two where October repeats it, none where March
-- leaves it out.
hours_before as (
    select
        window_hours.feed,
        window_hours.hour_at,
        of_day.hour_at as before_at
    from (
        select distinct
            critical_hours.feed,
            critical_hours.hour_at
        from critical_hours
    ) as window_hours
    cross join ({{ numbers_between(1, var('critical_weeks')) }}) as weeks
    cross join lateral ( -- noqa: ST05
        select
            {{ hours_from(
                begin_of_day(local_day('window_hours.hour_at') ~ ' - 7 * weeks.number'),
                hours_after(begin_of_day(local_day('window_hours.hour_at') ~ ' - 7 * weeks.number + 1'), -1),
            ) }} as hour_at
    ) as of_day
    where {{ local_hour('of_day.hour_at') }} = {{ local_hour('window_hours.hour_at') }}
    {{ computed_once() }}
),

usual as (
    select
        critical_hours.feed,
        critical_hours.station_code,
        critical_hours.hour_at,
        sum(before_then.departures) as departures,
        sum(before_then.arrivals) as arrivals,
        sum(before_then.in_service_seconds) as in_service_seconds
    from critical_hours
    inner join {{ ref('int_bikes_listed') }} as listed on critical_hours.feed = listed.feed
    inner join hours_before
        on
            critical_hours.feed = hours_before.feed
            and critical_hours.hour_at = hours_before.hour_at
            and hours_before.before_at >= listed.from_at
            and hours_before.before_at < listed.to_at
    cross join lateral (
        select
            hourly.departures,
            hourly.arrivals,
            hourly.in_service_seconds
        from {{ ref('int_station_hourly') }} as hourly
        where
            hourly.station_code = critical_hours.station_code
            and hourly.feed = critical_hours.feed
            and hourly.hour_at = hours_before.before_at
        {{ computed_once() }}
    ) as before_then
    group by critical_hours.feed, critical_hours.station_code, critical_hours.hour_at
    having sum(before_then.in_service_seconds + before_then.departures + before_then.arrivals) > 0
),

-- Of an hour that nobody observed before, with the bikes listed and the station in service, nothing is known.
-- Of less than an hour in service nothing is usual: what was ridden in it counts as that of an hour.
expected as (
    select
        critical_hours.*,
        usual.departures / cast(greatest(usual.in_service_seconds, 3600) as numeric) as departures_a_second,
        usual.arrivals / cast(greatest(usual.in_service_seconds, 3600) as numeric) as arrivals_a_second
    from critical_hours
    left join usual
        on
            critical_hours.feed = usual.feed
            and critical_hours.station_code = usual.station_code
            and critical_hours.hour_at = usual.hour_at
),

sums as (
    select
        expected.feed,
        expected.station_code,
        expected.from_at,
        expected.to_at,
        sum(expected.observed_seconds) as observed_seconds,
        sum(expected.empty_seconds) as empty_seconds,
        sum(expected.full_seconds) as full_seconds,
        sum(expected.saturated_seconds) as saturated_seconds,
        round(sum(expected.departures_a_second * expected.in_service_seconds), 6) as usual_departures,
        round(sum(expected.arrivals_a_second * expected.in_service_seconds), 6) as usual_arrivals,
        round(sum(expected.departures_a_second * expected.empty_seconds), 6) as failed_departures,
        round(sum(expected.arrivals_a_second * expected.full_seconds), 6) as failed_arrivals
    from expected
    group by expected.feed, expected.station_code, expected.from_at, expected.to_at
),

scored as (
    select
        sums.*,
        round(
            {{ var('critical_empty_minute') }} * sums.empty_seconds / 60.0
            + {{ var('critical_saturated_minute') }} * sums.saturated_seconds / 60.0
            + {{ var('critical_failed_ride') }} * coalesce(sums.failed_departures + sums.failed_arrivals, 0),
            6
        ) as score
    from sums
),

-- Of equal scores the station at which more is usually ridden goes first, then the larger one: more people come to it.
ranked as (
    select
        scored.*,
        stations.name,
        stations.latitude,
        stations.longitude,
        stations.district_code,
        stations.district_name,
        row_number() over (
            partition by scored.feed
            order by
                scored.score desc,
                scored.usual_departures + scored.usual_arrivals desc nulls last,
                stations.capacity desc nulls last,
                {{ by_code_point('scored.station_code') }}
        ) as rank
    from scored
    left join {{ ref('int_station_corrected') }} as stations on scored.station_code = stations.station_code
)

select
    ranked.feed,
    cast(ranked.rank as integer) as rank,
    ranked.station_code,
    ranked.name,
    ranked.latitude,
    ranked.longitude,
    ranked.district_code,
    ranked.district_name,
    ranked.from_at,
    ranked.to_at,
    {% for what in ['observed', 'empty', 'full', 'saturated'] %}
        cast(ranked.{{ what }}_seconds as double precision) / 60 as {{ what }}_minutes,
    {% endfor %}
    {% for what in ['usual_departures', 'usual_arrivals', 'failed_departures', 'failed_arrivals', 'score'] %}
        cast(ranked.{{ what }} as double precision) as {{ what }}{{ ',' if not loop.last }}
    {% endfor %}
from ranked
where ranked.rank <= {{ most }}
order by ranked.feed, ranked.rank
{% endmacro %}

{#-
    Post-hook of kpi_critical_stations. The function reads what its caller may not: it runs as its owner, by names that no search
    path changes. Its body is text, which PostgreSQL looks up at each call: a table that is made anew is found again.
-#}
{% macro create_critical_stations() %}
    {% set definition %}
    create or replace function {{ this.schema }}.critical_stations (as_of timestamptz, most integer default {{ var('critical_stations') }})
    returns table (
        {% for column in model.columns.values() %}
            {{ column.name }} {{ column.data_type }}{{ ',' if not loop.last }}
        {% endfor %}
    )
    language sql stable security definer set search_path = pg_catalog, pg_temp
    as $function$
        {{ critical_stations('select last.feed, last.feed_last_at, $1 as to_at from (' ~ last_snapshots() ~ ') as last', '$2') }}
    $function$
    {% endset %}
    do $define$
    begin
        {{ definition }};
    exception
        -- Other columns than before. Whoever calls it in that very moment may not find it.
        when invalid_function_definition then
            drop function {{ this.schema }}.critical_stations (timestamptz, integer);
            {{ definition }};
    end
    $define$;
    revoke execute on function {{ this.schema }}.critical_stations (timestamptz, integer) from public;
    grant execute on function {{ this.schema }}.critical_stations (timestamptz, integer) to velib_reader;
    comment on function {{ this.schema }}.critical_stations (timestamptz, integer)
    is 'kpi_critical_stations as of any time: the most critical stations of each feed in the var critical_hours hours before as_of.'
{% endmacro %}
