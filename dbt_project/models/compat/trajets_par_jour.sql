-- v_trajets by the local day of their begin.
select
    cast(sums.key as date) as jour,
    sums.movements as nombre_trajets,
    sums.microseconds / cast(60000000 as double precision) / sums.movements as duree_moyenne_minutes
from {{ ref('int_movement_sums') }} as sums
where sums.subject = 'day'
