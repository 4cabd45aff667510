{#- How often a feed is collected, by the local day: no figure of more than the day decides what a day shows. -#}

{#-
    A query: the usual time between two snapshots of a local day, its median without gaps, as usual_seconds. Of a day without two
    snapshots in a row, the last interval before it. `days`: a relation with feed, begin_at and end_at.
-#}
{% macro usual_seconds_of_day(days) %}
    select
        cast(count(*) as integer) as snapshots,
        coalesce(
            percentile_disc(0.5) within group (order by snapshots.gap_seconds) filter (where not snapshots.is_after_gap),
            (
                select earlier.gap_seconds
                from {{ ref('int_snapshots') }} as earlier
                where
                    earlier.feed = {{ days }}.feed
                    and earlier.snapshot_at < {{ days }}.begin_at
                    and earlier.gap_seconds is not null
                    and not earlier.is_after_gap
                order by earlier.snapshot_at desc
                limit 1
            )
        ) as median_seconds
    from {{ ref('int_snapshots') }} as snapshots
    where
        snapshots.feed = {{ days }}.feed
        and snapshots.snapshot_at >= {{ days }}.begin_at
        and snapshots.snapshot_at < {{ days }}.end_at
{% endmacro %}

{#- Who collects every few minutes does so on the minute: the median of Mainz's every 15 minutes is 887 seconds on some days. -#}
{% macro usual_interval(median_seconds) -%}
    case when {{ median_seconds }} < 300 then {{ median_seconds }} else 60 * round({{ median_seconds }} / 60) end
{%- endmacro %}
