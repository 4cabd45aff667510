{#-
    What is new to a model, in stretches of time ("islands"): unbroken runs of snapshots of one feed whose change sets the model
    has not applied. Newly loaded snapshots at the end of a feed are one island; a late file and its successor are another.

    Columns: feed, first_at, last_at (the run's first and last snapshot), has_gap (a snapshot of it comes after a collection
    gap), is_append (nothing of the feed was built at or after first_at: there are no old rows inside).
-#}
{% macro touched_islands(applied) %}
    select
        runs.feed,
        min(runs.snapshot_at) as first_at,
        max(runs.snapshot_at) as last_at,
        bool_or(runs.is_after_gap) as has_gap,
        not bool_or(runs.is_rewritten)
        and max(runs.snapshot_at) = max(runs.feed_last_at) as is_append
    from (
        select
            marked.*,
            sum(marked.starts_run) over (
                partition by marked.feed order by marked.snapshot_at rows unbounded preceding
            ) as run_number
        from (
            select
                snapshots.feed,
                snapshots.snapshot_at,
                snapshots.is_after_gap,
                snapshots.is_rewritten,
                feeds.feed_last_at,
                case
                    when
                        lag(snapshots.snapshot_at) over (partition by snapshots.feed order by snapshots.snapshot_at)
                        = snapshots.previous_snapshot_at
                        then 0
                    else 1
                end as starts_run
            from {{ ref('int_snapshots') }} as snapshots
            inner join ({{ last_snapshots() }}) as feeds on snapshots.feed = feeds.feed
            where snapshots.change_set_id > {{ applied }}
        ) as marked
    ) as runs
    group by runs.feed, runs.run_number
{% endmacro %}

{#- The last snapshot of each feed, found through the index: feed, feed_last_at. -#}
{% macro last_snapshots() %}
    select
        feeds.feed,
        (
            select max(latest.snapshot_at)
            from {{ ref('int_snapshots') }} as latest
            where latest.feed = feeds.feed
        ) as feed_last_at
    from {{ ref('int_feeds') }} as feeds
    {{ computed_once() }}
{% endmacro %}
