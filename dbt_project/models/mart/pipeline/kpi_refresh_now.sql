{{ config(materialized='view') }}
-- One row a feed of which snapshots captured in the last 24 hours are in the mart: how long they took there. Each counts with
-- the first build that had it. One that was written again (a late file's successor) does not say when that was, and is left out,
-- as is what was built before builds wrote that down (macros/engine/refreshes.sql). Only the window is read, through the index
-- on feed and time.
with ages as (
    select
        recent.feed,
        {{ seconds_between('recent.snapshot_at', 'build.visible_at') }} as capture_seconds,
        {{ seconds_between('files.landed_at', 'build.visible_at') }} as landing_seconds
    from {{ ref('int_feeds') }} as feeds
    cross join lateral (
        select
            snapshots.feed,
            snapshots.snapshot_at,
            snapshots.change_set_id
        from {{ ref('int_snapshots') }} as snapshots
        where
            snapshots.feed = feeds.feed
            and snapshots.snapshot_at > {{ hours_after('now()', -24) }}
            and snapshots.snapshot_at <= now()
            and not snapshots.is_rewritten
    ) as recent
    inner join {{ ref('stg_snapshots') }} as files on recent.change_set_id = files.change_set_id
    cross join lateral (
        select
            later.visible_at,
            later.feed
        from intermediate.refreshes as later
        where
            later.through_change_set_id >= recent.change_set_id
            -- The numbers of another raw schema are others.
            and later.raw_id is not distinct from (
                select newest.raw_id
                from intermediate.refreshes as newest
                order by newest.visible_at desc
                limit 1
            )
        order by later.through_change_set_id, later.visible_at
        limit 1
    ) as build
    where build.feed is not null
)

select
    ages.feed,
    cast(count(*) as integer) as snapshots,
    {% for what in ['capture_seconds', 'landing_seconds'] %}
        min(ages.{{ what }}) as {{ what }}_min,
        avg(ages.{{ what }}) as {{ what }}_mean,
        percentile_cont(0.95) within group (order by ages.{{ what }}) as {{ what }}_p95,
        max(ages.{{ what }}) as {{ what }}_max{{ ',' if not loop.last }}
    {% endfor %}
from ages
group by ages.feed
