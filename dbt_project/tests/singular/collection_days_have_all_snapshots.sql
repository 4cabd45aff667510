{{ config(tags=['full']) }}
-- Catches a snapshot of no day, or of two, and a gap that midnight cut wrongly: the days of a feed have its snapshots, its
-- gaps and the seconds of these, the days of 23 and 25 hours among them.
with days as (
    select
        daily.feed,
        sum(daily.snapshots_received) as snapshots,
        sum(daily.gaps) as gaps,
        round(cast(sum(daily.gap_seconds) as numeric), 3) as gap_seconds
    from {{ ref('kpi_collection_daily') }} as daily
    group by daily.feed
),

listed as (
    select
        snapshots.feed,
        count(*) as snapshots,
        count(*) filter (where snapshots.is_after_gap) as gaps,
        round(cast(coalesce(sum(snapshots.gap_seconds) filter (where snapshots.is_after_gap), 0) as numeric), 3) as gap_seconds
    from {{ ref('fct_snapshots') }} as snapshots
    group by snapshots.feed
)

{{ differing_rows('days', 'listed', ['feed', 'snapshots', 'gaps', 'gap_seconds']) }}
