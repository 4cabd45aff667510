-- v_trajets by route, over all time.
select
    sums.key as station_depart_code,
    sums.other_key as station_arrivee_code,
    sums.movements as nombre_trajets,
    sums.microseconds / cast(60000000 as double precision) / sums.movements as duree_moyenne_minutes
from {{ ref('int_movement_sums') }} as sums
where sums.subject = 'route'
