-- How each station stands: its latest status, and the last snapshot that listed it. Of several feeds one that listed it then; of
-- each feed one row is looked up, since a search over all of them would read a station's whole history. The code is that by which
-- rows are ranked, so that who asks for one station ranks one.
with latest as (
    select
        status.*,
        stations.station_code as ranked_code,
        stations.last_seen_at,
        row_number() over (
            partition by stations.station_code
            order by status.valid_from desc, {{ by_code_point('feeds.feed') }} desc
        ) as place
    from {{ ref('int_station_presence') }} as stations
    inner join {{ ref('int_stations') }} as feeds on stations.station_code = feeds.station_code
    cross join lateral (
        select of_feed.*
        from {{ ref('int_station_status') }} as of_feed
        where
            of_feed.station_code = feeds.station_code
            and of_feed.feed = feeds.feed
            and of_feed.valid_from <= stations.last_seen_at
            and of_feed.is_listed
        order by of_feed.valid_from desc
        limit 1
    ) as status
    where status.valid_to >= stations.last_seen_at
)

select
    latest.ranked_code as station_code,
    {{ local_time('latest.last_seen_at') }} as timestamp_capture,
    latest.state,
    cast(coalesce(latest.bikes_mechanical, latest.bikes_available) as integer) as nbbike,
    cast(latest.bikes_electric as integer) as nbebike,
    cast(latest.docks_free as integer) as nbfreedock,
    cast(latest.edocks_free as integer) as nbfreeedock
from latest
where latest.place = 1
