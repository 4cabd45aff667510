{{ config(post_hook="{{ takes_writes(['insert', 'update', 'delete'], velo_written()) }}") }}
-- The first generation's bike table. What is written to it becomes corrections (macros/figures/first_generation.sql).
select
    bikes.bike_id as velo_name,
    bikes.bike_type = 'electric' as bikeelectric
from {{ ref('dim_bike') }} as bikes
