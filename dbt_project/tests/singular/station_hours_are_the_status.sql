{{ config(tags=['full']) }}
-- Catches time lost or counted twice where the status is cut at the hours, and hours left from an earlier state of the archive: a
-- station's hours have as many seconds as its intervals, up to the feed's last snapshot, and so has each kind of them.
with feeds as (
    select
        snapshots.feed,
        max(snapshots.snapshot_at) as last_at
    from {{ ref('fct_snapshots') }} as snapshots
    group by snapshots.feed
),

intervals as (
    select
        status.feed,
        status.station_code,
        status.is_in_service,
        status.bikes_available,
        status.bikes_electric,
        status.docks_free,
        {{ seconds_between(second_of('status.valid_from'), second_of('least(status.valid_to, feeds.last_at)')) }} as seconds
    from {{ ref('fct_station_status') }} as status
    inner join feeds on status.feed = feeds.feed
),

stated as (
    select
        intervals.feed,
        intervals.station_code,
        sum(intervals.seconds) as observed_seconds,
        sum(intervals.seconds) filter (where intervals.is_in_service) as in_service_seconds,
        sum(intervals.seconds) filter (where intervals.is_in_service and intervals.bikes_available = 0) as empty_seconds,
        sum(intervals.seconds) filter (where intervals.is_in_service and intervals.docks_free = 0) as full_seconds
    from intervals
    group by intervals.feed, intervals.station_code
),

hours as (
    select
        hourly.feed,
        hourly.station_code,
        {{ added_up('hourly', ['observed_seconds', 'in_service_seconds', 'empty_seconds', 'full_seconds'], 'bigint') }}
    from {{ ref('kpi_station_hourly') }} as hourly
    group by hourly.feed, hourly.station_code
)

select
    coalesce(stated.feed, hours.feed) as feed,
    coalesce(stated.station_code, hours.station_code) as station_code,
    stated.observed_seconds as stated_seconds,
    hours.observed_seconds
from stated
full outer join hours on stated.feed = hours.feed and stated.station_code = hours.station_code
where
    {% for column in ['observed_seconds', 'in_service_seconds', 'empty_seconds', 'full_seconds'] %}
        coalesce(stated.{{ column }}, 0) <> coalesce(hours.{{ column }}, 0){{ ' or' if not loop.last }}
    {% endfor %}
