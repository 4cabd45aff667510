-- the map now: all stations with their counts
select
    station.station_code, station.name, station.latitude, station.longitude, station.capacity,
    latest.bikes_mechanical, latest.bikes_electric, latest.docks_free, latest.state, latest.valid_from
from mart.dim_station as station
cross join lateral (
    select status.bikes_mechanical, status.bikes_electric, status.docks_free, status.state, status.valid_from
    from mart.fct_station_status as status
    where status.feed = %(feed)s and status.station_code = station.station_code
    order by status.valid_from desc
    limit 1
) as latest
where station.is_active
