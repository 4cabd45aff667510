-- a station's attributes over time
select *
from mart.dim_station_history
where station_code = %(station)s
order by valid_from
