{{ config(materialized='view') }}
-- One row a local month, feed, origin and destination between which customers rode. int_routes_monthly (incremental), with what
-- follows from its columns.
select
    routes.date_month,
    routes.feed,
    routes.origin_station_code,
    routes.destination_station_code,
    routes.trips,
    routes.trips_mechanical,
    routes.trips_electric,
    routes.duration_seconds,
    cast(routes.duration_seconds as double precision) / routes.trips as mean_duration_seconds
from {{ ref('int_routes_monthly') }} as routes
