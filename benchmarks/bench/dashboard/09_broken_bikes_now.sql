-- broken bikes now, and since when they stand there
select bike.bike_id, bike.current_station_code, station.name, bike.current_block_cause, bike.current_since_at
from mart.dim_bike as bike
left join mart.dim_station as station on bike.current_station_code = station.station_code
where bike.current_status = 'indisponible'
