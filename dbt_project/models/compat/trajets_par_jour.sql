-- v_trajets by the local day of their begin.
select
    cast(sums.key as date) as jour,
    sums.movements as nombre_trajets
from {{ ref('int_movement_sums') }} as sums
where sums.subject = 'day'
