-- v_trajets by the stations that they left and came to, over all time.
with ends as (
    select
        sums.key as station_code,
        cast(coalesce(sum(sums.movements) filter (where sums.subject = 'origin'), 0) as integer) as departures,
        cast(coalesce(sum(sums.movements) filter (where sums.subject = 'destination'), 0) as integer) as arrivals
    from {{ ref('int_movement_sums') }} as sums
    where sums.subject in ('origin', 'destination')
    group by sums.key
)

select
    ends.station_code,
    ends.departures,
    ends.arrivals,
    ends.departures - ends.arrivals as imbalance
from ends
