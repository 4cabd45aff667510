{{ config(materialized='view') }}
-- One row a feed and local day from its first snapshot to its last. Each day is looked up through the indexes of
-- int_snapshots, so a question about few days costs these. Files in quarantine do not make a day: one may say that it is of
-- 1970. Steps:
--   1. the days of each feed;
--   2. the day's snapshots, the usual interval between two of them, and how many that means;
--   3. the gaps that overlap the day: those that end in it, and the one that ends with the first snapshot after it.
with quarantined as (
    select
        coalesce(files.feed, only_feed.feed) as feed,
        {{ local_day('files.snapshot_at') }} as date_day,
        cast(count(*) as integer) as files
    from {{ ref('stg_quarantined_files') }} as files
    left join ( -- noqa: ST05
        select max(feeds.feed) as feed
        from {{ ref('int_feeds') }} as feeds
        having count(*) = 1
    ) as only_feed on true
    where files.snapshot_at is not null
    group by coalesce(files.feed, only_feed.feed), {{ local_day('files.snapshot_at') }}
),

duplicates as (
    select
        copies.feed,
        {{ local_day('copies.snapshot_at') }} as date_day,
        cast(count(*) as integer) as files
    from {{ ref('stg_duplicate_files') }} as copies
    group by copies.feed, {{ local_day('copies.snapshot_at') }}
),

feeds as (
    select
        known.feed,
        (
            select min(earliest.snapshot_at)
            from {{ ref('int_snapshots') }} as earliest
            where earliest.feed = known.feed
        ) as first_at,
        (
            select max(latest.snapshot_at)
            from {{ ref('int_snapshots') }} as latest
            where latest.feed = known.feed
        ) as last_at
    from {{ ref('int_feeds') }} as known
    {{ computed_once() }}
),

days as (
    select
        feeds.feed,
        feeds.first_at,
        feeds.last_at,
        series.date_day,
        {{ begin_of_day('series.date_day') }} as begin_at,
        {{ begin_of_day('series.date_day + 1') }} as end_at
    from feeds
    cross join lateral ({{ days_between(local_day('feeds.first_at'), local_day('feeds.last_at')) }}) as series -- noqa: ST05
),

received as (
    select
        days.*,
        of_day.snapshots,
        {{ usual_interval('of_day.median_seconds') }} as usual_seconds
    from days
    cross join lateral ({{ usual_seconds_of_day('days') }}) as of_day -- noqa: ST05
),

expected as (
    select
        received.*,
        cast(
            round(
                least(
                    {{ seconds_between('greatest(received.begin_at, received.first_at)', 'received.end_at') }},
                    {{ seconds_between('greatest(received.begin_at, received.first_at)', 'received.last_at') }}
                    + received.usual_seconds
                ) / received.usual_seconds
            ) as integer
        ) as snapshots_expected
    from received
)

select
    expected.feed,
    expected.date_day,
    expected.usual_seconds,
    expected.snapshots_expected,
    expected.snapshots as snapshots_received,
    cast(expected.snapshots as double precision) / nullif(expected.snapshots_expected, 0) as received_share,
    gaps.gaps,
    gaps.gap_seconds,
    coalesce(quarantined.files, 0) as quarantined_files,
    coalesce(duplicates.files, 0) as duplicate_files,
    refreshes.refreshes,
    refreshes.refresh_seconds_mean,
    refreshes.refresh_seconds_p95
from expected
cross join lateral (
    select
        cast(count(*) filter (where after_gap.previous_snapshot_at >= expected.begin_at) as integer) as gaps,
        coalesce(
            sum(
                {{ seconds_between(
                    'greatest(after_gap.previous_snapshot_at, expected.begin_at)',
                    'least(after_gap.snapshot_at, expected.end_at)'
                ) }}
            ),
            0
        ) as gap_seconds
    from {{ ref('int_snapshots') }} as after_gap
    where
        after_gap.feed = expected.feed
        and after_gap.is_after_gap
        and after_gap.snapshot_at > expected.begin_at
        and after_gap.previous_snapshot_at < expected.end_at
        and after_gap.snapshot_at <= coalesce(
            (
                select min(next_day.snapshot_at)
                from {{ ref('int_snapshots') }} as next_day
                where next_day.feed = expected.feed and next_day.snapshot_at >= expected.end_at
            ),
            expected.end_at
        )
) as gaps
left join quarantined on expected.feed = quarantined.feed and expected.date_day = quarantined.date_day
left join duplicates on expected.feed = duplicates.feed and expected.date_day = duplicates.date_day
-- What was built within a day of its capture: an archive that is loaded later has waited for its load, not for a build.
cross join lateral (
    select
        cast(count(*) as integer) as refreshes,
        sum(builds.capture_seconds_mean * builds.snapshots) / sum(builds.snapshots) as refresh_seconds_mean,
        percentile_disc(0.95) within group (order by builds.capture_seconds_max) as refresh_seconds_p95
    from {{ ref('fct_refresh') }} as builds
    where
        builds.feed = expected.feed
        and builds.last_snapshot_at >= expected.begin_at
        and builds.last_snapshot_at < expected.end_at
        and builds.visible_at >= expected.begin_at
        and builds.visible_at < {{ hours_after('builds.last_snapshot_at', 24) }}
        and builds.visible_at < {{ hours_after('expected.end_at', 24) }}
) as refreshes
