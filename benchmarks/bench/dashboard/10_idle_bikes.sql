-- bikes idle for more than 3 days
select bike_id, current_station_code, current_since_at
from mart.dim_bike
where current_station_code is not null and current_since_at < %(now)s - interval '3 days'
