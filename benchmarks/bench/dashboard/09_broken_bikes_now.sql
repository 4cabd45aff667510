-- broken bikes now, and since when they stand there
select bike.bike_id, bike.current_station_code, station.name, latest.block_cause, latest.valid_from
from mart.dim_bike as bike
left join mart.dim_station as station on bike.current_station_code = station.station_code
cross join lateral (
    select location.block_cause, location.valid_from
    from mart.fct_bike_locations as location
    where location.feed = %(feed)s and location.bike_id = bike.bike_id
    order by location.valid_from desc
    limit 1
) as latest
where bike.current_status = 'indisponible'
