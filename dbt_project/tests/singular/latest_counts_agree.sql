{{ config(tags=['full']) }}
-- Catches intervals left open, or closed, by mistake: at each feed's latest snapshot the stations listed, and the bikes that
-- stand in them or in the street, are as many as the file listed. It is not about bikes in stations unobserved then: nothing
-- is known of them.
with latest as (
    select distinct on (snapshots.feed)
        snapshots.feed,
        snapshots.snapshot_at,
        snapshots.station_count,
        snapshots.bike_count,
        snapshots.bike_in_street_count
    from {{ ref('fct_snapshots') }} as snapshots
    order by snapshots.feed asc, snapshots.snapshot_at desc
),

listed as (
    select
        status.feed,
        status.station_code
    from {{ ref('int_station_status') }} as status
    where status.is_listed and status.valid_to = {{ forever() }}
),

stations as (
    select
        listed.feed,
        count(*) as station_count
    from listed
    group by listed.feed
),

bikes as (
    select
        locations.feed,
        count(*) as bike_count,
        count(*) filter (where locations.station_code is null) as bike_in_street_count
    from {{ ref('fct_bike_locations') }} as locations
    left join listed on locations.feed = listed.feed and locations.station_code = listed.station_code
    where
        locations.valid_to = {{ forever() }}
        and (locations.station_code is null or listed.station_code is not null)
    group by locations.feed
)

select
    latest.*,
    stations.station_count as stations_open,
    bikes.bike_count as bikes_open,
    bikes.bike_in_street_count as bikes_in_street_open
from latest
left join stations on latest.feed = stations.feed
left join bikes on latest.feed = bikes.feed
where
    latest.station_count <> coalesce(stations.station_count, 0)
    or latest.bike_count <> coalesce(bikes.bike_count, 0)
    or latest.bike_in_street_count <> coalesce(bikes.bike_in_street_count, 0)
