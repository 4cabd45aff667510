{{ config(materialized='view') }}
-- One row a local day, feed, type of bike, type of movement and stretch of minutes in which there are movements. What takes three
-- hours or longer is in one stretch, without an end. A duration is known to the feed's cadence, so narrower stretches would be
-- full and empty by turns: of each day they are as wide as snapshots were apart on it, five minutes at least. The days are
-- listed, so that a condition on date_day finds its durations, and its snapshots, by their indexes.
with bounds as (
    select
        min(daily.date_day) as first_day,
        max(daily.date_day) as last_day
    from {{ ref('int_trip_durations_daily') }} as daily
),

days as (
    select
        feeds.feed,
        series.date_day,
        {{ begin_of_day('series.date_day') }} as begin_at,
        {{ begin_of_day('series.date_day + 1') }} as end_at
    from bounds
    cross join lateral ({{ days_between('bounds.first_day', 'bounds.last_day') }}) as series -- noqa: ST05
    cross join {{ ref('int_feeds') }} as feeds
),

widths as (
    select
        days.feed,
        days.date_day,
        case
            {% for minutes in [5, 10, 15, 20, 30] %}
                when coalesce({{ usual_interval('of_day.median_seconds') }}, 0) <= {{ 60 * minutes }} then {{ minutes }}
            {% endfor %}
            else 60
        end as width
    from days
    cross join lateral ({{ usual_seconds_of_day('days') }}) as of_day -- noqa: ST05
    {{ computed_once() }}
),

durations as (
    select
        daily.*,
        widths.width,
        cast(widths.width * least(daily.duration_seconds / (60 * widths.width), 180 / widths.width) as integer) as from_minutes
    from widths
    inner join {{ ref('int_trip_durations_daily') }} as daily on widths.feed = daily.feed and widths.date_day = daily.date_day
)

select
    durations.date_day,
    durations.feed,
    {{ bike_type('durations.is_electric') }} as bike_type,
    durations.trip_type,
    {{ is_customer_trip('durations') }} as is_customer_trip,
    durations.from_minutes,
    case when durations.from_minutes < 180 then durations.from_minutes + durations.width end as to_minutes,
    cast(sum(durations.trips) as integer) as trips
from durations
group by durations.date_day, durations.feed, durations.is_electric, durations.trip_type, durations.from_minutes, durations.width
