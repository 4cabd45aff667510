{{ config(
    materialized='incremental',
    incremental_strategy='replace_all',
    unique_key=['station_code'],
    on_schema_change='fail',
    indexes=[{'columns': ['station_code'], 'unique': true}],
    post_hook="{{ analyze_when_new() }}",
) }}
-- When each station was first and last listed, over all feeds. A short list, made anew each time from the ends of each
-- station's chain.
with chains as (
    select
        stations.feed,
        stations.station_code,
        since_ever.valid_to as first_seen_at,
        case
            when latest.is_listed then feeds.feed_last_at
            else unlisted.previous_snapshot_at
        end as last_seen_at,
        latest.is_listed
    from {{ ref('int_stations') }} as stations
    inner join ({{ last_snapshots() }}) as feeds on stations.feed = feeds.feed
    inner join {{ ref('int_station_status') }} as since_ever
        on
            stations.station_code = since_ever.station_code
            and stations.feed = since_ever.feed
            and since_ever.valid_from = {{ since_ever() }}
    cross join lateral (
        select
            status.is_listed,
            status.valid_from
        from {{ ref('int_station_status') }} as status
        where status.station_code = stations.station_code and status.feed = stations.feed
        order by status.valid_from desc
        limit 1
    ) as latest
    left join {{ ref('int_snapshots') }} as unlisted
        on stations.feed = unlisted.feed and latest.valid_from = unlisted.snapshot_at
)

select
    chains.station_code,
    min(chains.first_seen_at) as first_seen_at,
    max(chains.last_seen_at) as last_seen_at,
    bool_or(chains.is_listed) as is_active
from chains
group by chains.station_code
