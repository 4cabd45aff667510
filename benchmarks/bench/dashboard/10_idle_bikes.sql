-- bikes idle for more than 3 days
select bike.bike_id, bike.current_station_code, latest.first_seen_at as idle_since
from mart.dim_bike as bike
cross join lateral (
    select trip.first_seen_at
    from mart.fct_trips as trip
    where trip.feed = %(feed)s and trip.bike_id = bike.bike_id
    order by trip.first_seen_at desc
    limit 1
) as latest
where bike.current_station_code is not null and latest.first_seen_at < %(now)s - interval '3 days'
