-- The first generation's bike table; bikeelectric is the feed's yes or no.
select
    bikes.bike_id as velo_name,
    case bikes.bike_type when 'electric' then 'yes' when 'mechanical' then 'no' end as bikeelectric
from {{ ref('dim_bike') }} as bikes
