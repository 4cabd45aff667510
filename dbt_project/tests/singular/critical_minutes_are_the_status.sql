{{ config(tags=['full']) }}
-- Catches minutes of the critical stations that are not those of their intervals in the window, and a station that was worse off
-- and is not among them: one without a bike for longer than the last of them scores more by that alone.
with critical as (
    select found.*
    from {{ ref('kpi_critical_stations') }} as found
    {{ computed_once() }}
),

windows as (
    select
        critical.feed,
        critical.from_at,
        critical.to_at,
        count(*) as stations,
        min(critical.score) as least_score
    from critical
    group by critical.feed, critical.from_at, critical.to_at
),

minutes as (
    select
        windows.feed,
        status.station_code,
        windows.stations,
        windows.least_score,
        sum({{ seconds_between(
            second_of('greatest(status.valid_from, windows.from_at)'), second_of('least(status.valid_to, windows.to_at)')
        ) }}) / 60 as empty_minutes
    from windows
    inner join {{ ref('fct_station_status') }} as status
        on windows.feed = status.feed and windows.to_at > status.valid_from and windows.from_at < status.valid_to
    where status.bikes_available = 0 and status.is_in_service
    group by windows.feed, status.station_code, windows.stations, windows.least_score
)

select
    coalesce(minutes.feed, critical.feed) as feed,
    coalesce(minutes.station_code, critical.station_code) as station_code
from minutes
full outer join critical on minutes.feed = critical.feed and minutes.station_code = critical.station_code
where
    abs(coalesce(minutes.empty_minutes, 0) - critical.empty_minutes) > 0.0001
    or (
        critical.station_code is null
        and minutes.stations = {{ var('critical_stations') }}
        and {{ var('critical_empty_minute') }} * minutes.empty_minutes > minutes.least_score + 0.0001
    )
