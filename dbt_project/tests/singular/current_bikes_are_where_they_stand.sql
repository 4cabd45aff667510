-- Catches an int_bike_current built from earlier locations: a bike's current station is that of an open interval of its own.
select
    bikes.bike_id,
    bikes.current_station_code
from {{ ref('int_bike_current') }} as bikes
where
    bikes.current_station_code is not null
    and not exists (
        select 1
        from {{ ref('fct_bike_locations') }} as locations
        where
            locations.bike_id = bikes.bike_id
            and locations.station_code = bikes.current_station_code
            and locations.valid_to = {{ forever() }}
    )
