-- v_trajets by bike, over all time.
select
    sums.key as velo_name,
    sums.movements as nombre_trajets,
    sums.microseconds / cast(3600000000 as double precision) as duree_totale_heures
from {{ ref('int_movement_sums') }} as sums
where sums.subject = 'bike'
