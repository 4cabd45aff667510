-- The first generation's trips: every movement but flicker, from last seen to first seen.
select
    trips.bike_id as velo_name,
    trips.origin_station_code as station_depart_code,
    {{ local_time('trips.last_seen_at') }} as heure_depart,
    trips.destination_station_code as station_arrivee_code,
    {{ local_time('trips.first_seen_at') }} as heure_arrivee,
    trips.duration_max_seconds / 60 as duree_trajet_minutes
from {{ ref('fct_trips') }} as trips
where trips.trip_type <> 'flicker'
